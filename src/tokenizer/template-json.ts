/** `tojson` as Hugging Face defines it for chat templates: Python's `json.dumps`, whose spaces a model has learned. */
import {
  type Rendering,
  Sequence,
  type Value,
  asNumber,
  isFloat,
  join,
  represent,
  typeName,
} from "./template-value.ts";

/** How the text is laid out. */
export interface JSONLayout {
  /** What one level of indentation adds; undefined for one line. */
  readonly indent: string | undefined;
  readonly itemSeparator: string;
  readonly keySeparator: string;
  readonly sortKeys: boolean;
  /** Whether characters beyond ASCII are written as \uXXXX. */
  readonly ascii: boolean;
}

/** A value as JSON. `before` is the line break with the indentation of the line at hand. */
export function writeJSON(run: Rendering, value: Value, layout: JSONLayout, before: string = "\n"): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "string") return quote(run, value, layout.ascii);
  const number = asNumber(value);
  if (number !== undefined) {
    if (Number.isFinite(number)) return represent(run, value);
    return Number.isNaN(number) ? "NaN" : number < 0 ? "-Infinity" : "Infinity";
  }
  return run.deeper(() => {
    const inner = layout.indent === undefined ? "" : before + layout.indent;
    const wrap = (open: string, parts: readonly string[], close: string): string => {
      if (parts.length === 0) return open + close;
      const end = layout.indent === undefined ? "" : before;
      return open + inner + join(run, parts, layout.itemSeparator + inner) + end + close;
    };
    const items = Array.isArray(value)
      ? (value as readonly Value[])
      : value instanceof Sequence && value.kind === "tuple"
        ? value.items
        : undefined;
    if (items !== undefined)
      return wrap(
        "[",
        items.map((item) => writeJSON(run, item, layout, inner)),
        "]",
      );
    if (!(value instanceof Map)) return run.fail(`${typeName(value)} cannot be written as JSON`);
    const entries = [...value].map(([key, item]): [string, Value] => [keyText(run, key), item]);
    if (layout.sortKeys) entries.sort(([a], [b]) => (a < b ? -1 : 1));
    const write = ([key, item]: [string, Value]): string =>
      quote(run, key, layout.ascii) + layout.keySeparator + writeJSON(run, item, layout, inner);
    return wrap("{", entries.map(write), "}");
  });
}

function keyText(run: Rendering, key: Value): string {
  if (typeof key === "string") return key;
  if (key === null || typeof key === "boolean") return String(key);
  return isFloat(key) || typeof key === "number"
    ? represent(run, key)
    : run.fail(`${typeName(key)} cannot be a key of JSON`);
}

function quote(run: Rendering, text: string, ascii: boolean): string {
  run.spend(text.length);
  const short = (character: string): string => JSON.stringify(character).slice(1, -1);
  const escaped = text.replace(/["\\\x00-\x1f]/g, short);
  const code = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return `"${ascii ? escaped.replace(/[^ -~]/g, code) : escaped}"`;
}
