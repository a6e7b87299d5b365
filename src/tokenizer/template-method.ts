/** What stands behind a dot or in brackets: the methods of Python's texts, lists and dictionaries, items, and slices. */
import { PYTHON_SPACE } from "./template-lexer.ts";
import {
  Fields,
  Namespace,
  type Rendering,
  Sequence,
  type TemplateFunction,
  type Value,
  asDict,
  asNumber,
  codePoints,
  countCharacters,
  integerOf,
  isEqual,
  isFloat,
  itemsOf,
  join,
  strip,
  toKey,
  typeName,
} from "./template-value.ts";

/** A function on a value: the names of its further parameters ("name!" must be given), and what it does. */
export type Definition<Input = Value> = readonly [
  parameters: string,
  body: (run: Rendering, input: Input, ...args: Value[]) => Value,
];

/** Arguments in the order of their parameters. Throws a TokenizerError for a missing, an unknown or a surplus one. */
export function bind(
  run: Rendering,
  what: string,
  parameters: string,
  args: readonly Value[],
  named: ReadonlyMap<string, Value>,
): Value[] {
  const specs = parameters === "" ? [] : parameters.split(" ");
  const names = specs.map((spec) => spec.replace("!", ""));
  if (args.length > names.length) run.fail(`${what} takes at most ${names.length} arguments, got ${args.length}`);
  const bound = [...args];
  for (const [name, value] of named) {
    const at = names.indexOf(name);
    if (at < args.length)
      run.fail(`${what}: the argument "${name}" is not supported here; supported: ${names.join(", ")}`);
    bound[at] = value;
  }
  const missing = specs.findIndex((spec, i) => spec.endsWith("!") && !(i in bound));
  if (missing !== -1) run.fail(`${what} needs the argument "${names[missing]}"`);
  return bound;
}

/** An argument that must be a text. */
function text(run: Rendering, value: Value, what: string): string {
  return typeof value === "string" ? value : run.fail(`${what} takes a string, got ${typeName(value)}`);
}

/** Up to `limit` cuts of a text at a separator; from the end if `last`. A negative limit is none. */
function split(run: Rendering, source: string, separator: Value, limit: Value, last: boolean): Value {
  const max = limit === undefined ? -1 : integerOf(run, limit, "maxsplit");
  const parts: string[] = [];
  const add = (part: string): void => {
    run.spend(part.length);
    parts.push(part);
  };
  if (separator === undefined || separator === null) {
    if (last && max >= 0) run.fail("rsplit with maxsplit needs a separator here");
    const word = new RegExp(`[^${PYTHON_SPACE}]+`, "g");
    for (let found = word.exec(source); found !== null; found = word.exec(source)) {
      if (parts.length === max) {
        add(source.slice(found.index));
        break;
      }
      add(found[0]);
    }
    return parts;
  }
  const mark = text(run, separator, "split");
  if (mark === "") run.fail("split needs a separator that is not empty");
  run.search(source, mark);
  let [start, end] = [0, source.length];
  while (parts.length !== max) {
    const at = last ? source.lastIndexOf(mark, end - mark.length) : source.indexOf(mark, start);
    if (at === -1 || (last && end < mark.length)) break;
    add(last ? source.slice(at + mark.length, end) : source.slice(start, at));
    if (last) end = at;
    else start = at + mark.length;
  }
  add(source.slice(start, end));
  return last ? parts.reverse() : parts;
}

/** A text with `from` replaced, everywhere or the first `count` times. */
export function replaceText(run: Rendering, source: string, from: string, to: string, count: Value): string {
  if (from === "") run.fail("replace needs a text to replace that is not empty");
  const limit = count === undefined || count === null ? -1 : integerOf(run, count, "count");
  return join(run, split(run, source, from, limit, false) as string[], to);
}

/** A text with the first character in capitals and the others small. */
export function capitalize(source: string): string {
  const first = source === "" ? "" : String.fromCodePoint(source.codePointAt(0) as number);
  return first.toUpperCase() + source.slice(first.length).toLowerCase();
}

/** Lines without their ends, as Python's `splitlines` finds them. */
export function linesOf(run: Rendering, source: string): string[] {
  const lines = source.split(/\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/);
  if (lines[lines.length - 1] === "") lines.pop();
  run.spend(source.length + lines.length * 16);
  return lines;
}

/** Whether all letters of a text that have a case have this one, and there is one. */
export function hasCase(source: string, upper: boolean): boolean {
  return upper
    ? /\p{Lu}/u.test(source) && !/[\p{Ll}\p{Lt}]/u.test(source)
    : /\p{Ll}/u.test(source) && !/[\p{Lu}\p{Lt}]/u.test(source);
}

function hasEnd(run: Rendering, source: string, what: Value, end: boolean): boolean {
  const options = what instanceof Sequence && what.kind === "tuple" ? what.items : [what];
  const name = end ? "endswith" : "startswith";
  return options.some((option) => source[end ? "endsWith" : "startsWith"](text(run, option, name)));
}

function findText(run: Rendering, source: string, part: Value, last: boolean): number {
  const sought = text(run, part, "find");
  run.search(source, sought);
  const at = last ? source.lastIndexOf(sought) : source.indexOf(sought);
  return at < 0 ? at : countCharacters(run, source.slice(0, at));
}

const STRING_METHODS: Readonly<Record<string, Definition<string>>> = {
  strip: ["chars", (_, s, chars): Value => strip(s, chars)],
  lstrip: ["chars", (_, s, chars): Value => strip(s, chars, "start")],
  rstrip: ["chars", (_, s, chars): Value => strip(s, chars, "end")],
  split: ["sep maxsplit", (run, s, separator, max): Value => split(run, s, separator, max, false)],
  rsplit: ["sep maxsplit", (run, s, separator, max): Value => split(run, s, separator, max, true)],
  splitlines: ["", (run, s): Value => linesOf(run, s)],
  startswith: ["prefix!", (run, s, prefix): Value => hasEnd(run, s, prefix, false)],
  endswith: ["suffix!", (run, s, suffix): Value => hasEnd(run, s, suffix, true)],
  removeprefix: ["prefix!", (run, s, p): Value => (hasEnd(run, s, p, false) ? s.slice((p as string).length) : s)],
  removesuffix: [
    "suffix!",
    (run, s, p): Value => (hasEnd(run, s, p, true) ? s.slice(0, s.length - (p as string).length) : s),
  ],
  find: ["sub!", (run, s, part): Value => findText(run, s, part, false)],
  rfind: ["sub!", (run, s, part): Value => findText(run, s, part, true)],
  count: ["sub!", (run, s, part): Value => (split(run, s, part, undefined, false) as string[]).length - 1],
  replace: [
    "old! new! count",
    (run, s, a, b, count): Value => replaceText(run, s, text(run, a, "replace"), text(run, b, "replace"), count),
  ],
  join: [
    "items!",
    (run, s, items): Value =>
      join(
        run,
        itemsOf(run, items).map((item) => text(run, item, "join")),
        s,
      ),
  ],
  upper: ["", (_, s): Value => s.toUpperCase()],
  lower: ["", (_, s): Value => s.toLowerCase()],
  capitalize: ["", (_, s): Value => capitalize(s)],
  title: ["", (_, s): Value => s.replace(/[\p{Lu}\p{Ll}\p{Lt}\p{M}]+/gu, capitalize)],
  isupper: ["", (_, s): Value => hasCase(s, true)],
  islower: ["", (_, s): Value => hasCase(s, false)],
  isdigit: ["", (_, s): Value => /^[\p{Nd}²³¹⁰⁴-⁹₀-₉]+$/u.test(s)],
  isalpha: ["", (_, s): Value => /^\p{L}+$/u.test(s)],
  isspace: ["", (_, s): Value => s !== "" && strip(s, undefined) === ""],
};

const refuse = (run: Rendering): never => run.fail("templates may not change their values, except a namespace");
const CHANGES: Definition<unknown> = ["first second", refuse];

const LIST_METHODS: Readonly<Record<string, Definition<readonly Value[]>>> = {
  index: [
    "value!",
    (run, list, value): Value => {
      const at = list.findIndex((item) => isEqual(run, item, value));
      return at === -1 ? run.fail("index: the value is not in the list") : at;
    },
  ],
  count: ["value!", (run, list, value): Value => list.filter((item) => isEqual(run, item, value)).length],
  copy: ["", (run, list): Value => itemsOf(run, list)],
  append: CHANGES,
  extend: CHANGES,
  insert: CHANGES,
  pop: CHANGES,
  remove: CHANGES,
  clear: CHANGES,
  sort: CHANGES,
  reverse: CHANGES,
};

/** The pairs of a dictionary, each a tuple. */
export function pairsOf(run: Rendering, dict: ReadonlyMap<Value, Value>): Sequence[] {
  run.spend(dict.size * 16);
  return [...dict].map((pair) => new Sequence("tuple", pair));
}

const DICT_METHODS: Readonly<Record<string, Definition<ReadonlyMap<Value, Value>>>> = {
  items: ["", (run, dict): Value => new Sequence("dict_items", pairsOf(run, dict))],
  keys: ["", (run, dict): Value => new Sequence("dict_keys", itemsOf(run, dict as Value))],
  values: ["", (run, dict): Value => new Sequence("dict_values", itemsOf(run, [...dict.values()]))],
  get: [
    "key! default",
    (run, dict, key, fallback = null): Value => (dict.has(toKey(run, key)) ? dict.get(toKey(run, key)) : fallback),
  ],
  copy: ["", (_, dict): Value => dict],
  pop: CHANGES,
  popitem: CHANGES,
  update: CHANGES,
  setdefault: CHANGES,
  clear: CHANGES,
};

/** `object.name`: as in Python, a method comes before the key of a dictionary. */
export function attributeOf(run: Rendering, object: Value, name: string): Value {
  if (object instanceof Namespace) return object.values.get(name);
  if (object instanceof Fields) return object.read(name);
  const methods =
    typeof object === "string"
      ? STRING_METHODS
      : Array.isArray(object)
        ? LIST_METHODS
        : object instanceof Map
          ? DICT_METHODS
          : {};
  if (!Object.hasOwn(methods, name)) return asDict(object)?.get(name);
  const [parameters, body] = (methods as Record<string, Definition>)[name];
  const method: TemplateFunction = (args, named) => body(run, object, ...bind(run, name, parameters, args, named));
  return method;
}

/** `object[key]`: an item, and for want of one an attribute; what does not exist is undefined. */
export function itemOf(run: Rendering, object: Value, key: Value): Value {
  const dict = asDict(object);
  if (dict !== undefined && (typeof key !== "object" || key === null || isFloat(key)) && dict.has(toKey(run, key)))
    return dict.get(toKey(run, key));
  if (typeof key === "string") return attributeOf(run, object, key);
  const items = indexable(run, object);
  const at = isFloat(key) ? undefined : asNumber(key);
  return items === undefined || at === undefined ? undefined : items[at < 0 ? items.length + at : at];
}

function indexable(run: Rendering, object: Value): ArrayLike<Value> | undefined {
  if (typeof object === "string") return codePoints(run, object);
  if (Array.isArray(object)) return object as readonly Value[];
  return object instanceof Sequence && object.indexed ? object.items : undefined;
}

/** `object[start:end:step]` with Python's rules for bounds that are negative or beyond the ends. */
export function sliceOf(run: Rendering, object: Value, bounds: readonly Value[]): Value {
  const items = indexable(run, object);
  if (items === undefined) return run.fail(`${typeName(object)} cannot be sliced`);
  const [from, to, by] = bounds.map((bound) =>
    bound === undefined || bound === null ? undefined : integerOf(run, bound, "a slice's bound"),
  );
  const step = by ?? 1;
  if (step === 0) run.fail("a slice's step cannot be 0");
  const size = items.length;
  const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
  const clamp = (bound: number | undefined, open: number): number =>
    bound === undefined ? open : Math.min(high, Math.max(low, bound < 0 ? bound + size : bound));
  const [start, end] = step > 0 ? [clamp(from, low), clamp(to, high)] : [clamp(from, high), clamp(to, low)];
  const taken: Value[] = [];
  if (typeof items === "string" && step === 1) return (items as string).slice(start, Math.max(start, end));
  for (let i = start; step > 0 ? i < end : i > end; i += step) {
    run.spend(0);
    taken.push(items[i]);
  }
  if (typeof object === "string") return taken.join("");
  return object instanceof Sequence ? new Sequence(object.kind, taken) : taken;
}

/** Whether `{% for %}` and filters can go through a value. */
export function isIterable(value: Value): boolean {
  return (
    value === undefined ||
    typeof value === "string" ||
    Array.isArray(value) ||
    value instanceof Map ||
    value instanceof Sequence
  );
}
