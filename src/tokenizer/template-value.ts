/**
 * The values of a running template. They behave as Python's, since that is what published templates are written against:
 * 2.0 is not printed as 2, the length of a text counts code points, an empty list is false, and a result of `map` can be
 * read once. Dictionaries are `Map`s made from own properties, so a template reaches nothing of JavaScript.
 */
import { PYTHON_SPACE, templateError } from "./template-lexer.ts";

/** What a function of a template takes: arguments by place and by name. */
export type TemplateFunction = (args: readonly Value[], named: ReadonlyMap<string, Value>) => Value;

/** Any value; `undefined` is Jinja's Undefined, `null` Python's None, a whole `number` an int. */
export type Value =
  | undefined
  | null
  | boolean
  | number
  | string
  | Float
  | Sequence
  | Namespace
  | Fields
  | TemplateFunction
  | readonly Value[]
  | Dict;

/** A dictionary, in the order of its keys' arrival. */
export type Dict = ReadonlyMap<Value, Value>;

/** A float without a fractional part, which a JavaScript number cannot tell from an int. */
export class Float {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** What is gone through item by item but is no list: a tuple, a range, a view of a dictionary, or a generator. */
export class Sequence {
  readonly kind: "tuple" | "range" | "dict_keys" | "dict_values" | "dict_items" | "generator";
  items: readonly Value[];

  constructor(kind: Sequence["kind"], items: readonly Value[]) {
    this.kind = kind;
    this.items = items;
  }

  /** Whether it has a length and can be subscripted. */
  get indexed(): boolean {
    return this.kind === "tuple" || this.kind === "range";
  }
}

/** What `namespace()` gives: the one kind of value that a template can change. */
export class Namespace {
  readonly values: Map<string, Value>;

  constructor(values: Map<string, Value>) {
    this.values = values;
  }
}

/** A value with fixed attributes, such as `loop`. */
export class Fields {
  readonly read: (name: string) => Value;

  constructor(read: (name: string) => Value) {
    this.read = read;
  }
}

/**
 * Characters that one rendering may produce in all its intermediate texts, and with them its memory. A step of the
 * interpreter and an item of a list count for STEP of them, so that an endless loop ends within about a second.
 */
const MAX_WORK = 2 ** 27;
/** See MAX_WORK. */
export const STEP = 16;
/** Levels of expressions, macros and nested data. */
const MAX_LEVELS = 400;

/** One rendering: what it may still cost, and where it is. */
export class Rendering {
  /** The line at hand, for messages. */
  line = 1;
  #work = MAX_WORK;
  #levels = 0;

  /** Ends the rendering with a TokenizerError. */
  fail(message: string): never {
    throw templateError(this.line, message);
  }

  /** Accounts for `size` characters or items that are about to be made or read. */
  spend(size: number): void {
    this.#work -= size + STEP;
    if (!(this.#work >= 0)) this.fail("the template does too much work; it may be endless");
  }

  /** Accounts for looking for `needle`: engines compare it again and again in the worst case. */
  search(text: string, needle: string): void {
    this.spend(text.length + (text.length * needle.length) / 1024);
  }

  /** Goes one level deeper; `leave` comes back. An error ends the rendering, so nothing need come back then. */
  enter(): void {
    this.spend(0);
    if (++this.#levels > MAX_LEVELS) this.fail(`nested too deeply; at most ${MAX_LEVELS} levels are allowed`);
  }

  /** Ends what `enter` began. */
  leave(): void {
    this.#levels--;
  }

  /** Runs `inner` one level deeper. */
  deeper<T>(inner: () => T): T {
    this.enter();
    const result = inner();
    this.leave();
    return result;
  }
}

/** A template's value of a JavaScript value; what is undefined in an object is left out of the dictionary. */
export function fromJavaScript(run: Rendering, value: unknown): Value {
  if (value === null || value === undefined || typeof value === "boolean" || typeof value === "number") return value;
  if (typeof value === "string") return value;
  return run.deeper(() => {
    if (Array.isArray(value)) return value.map((item) => fromJavaScript(run, item));
    if (typeof value === "function")
      return (args): Value => fromJavaScript(run, (value as (...args: readonly Value[]) => unknown)(...args));
    if (typeof value !== "object") return run.fail(`a ${typeof value} cannot be given to a template`);
    const entries: Iterable<[unknown, unknown]> = value instanceof Map ? value : Object.entries(value);
    const dict = new Map<Value, Value>();
    for (const [key, item] of entries) if (item !== undefined) dict.set(key as Value, fromJavaScript(run, item));
    return dict;
  });
}

/** What a value is called in messages: Python's name of its type. */
export function typeName(value: Value): string {
  if (value === undefined) return "undefined";
  if (value === null) return "none";
  if (typeof value === "boolean") return "boolean";
  if (typeof value === "string") return "string";
  if (typeof value === "function") return "function";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "float";
  if (Array.isArray(value)) return "list";
  if (value instanceof Map) return "dict";
  if (value instanceof Float) return "float";
  return value instanceof Sequence ? value.kind : value instanceof Namespace ? "namespace" : "object";
}

/** A dictionary, or undefined for any other value. */
export function asDict(value: Value): Dict | undefined {
  return value instanceof Map ? value : undefined;
}

/** The number of an int, float or boolean; undefined for any other value. */
export function asNumber(value: Value): number | undefined {
  if (value instanceof Float) return value.value;
  return typeof value === "boolean" ? Number(value) : typeof value === "number" ? value : undefined;
}

/** Whether a value is a float. */
export function isFloat(value: Value): boolean {
  return typeName(value) === "float";
}

/** A float as a value. */
export function toFloat(value: number): Value {
  return Number.isInteger(value) ? new Float(value) : value;
}

/** An int as a value. Python's grow without end; those that a JavaScript number cannot hold exactly are refused. */
export function toInteger(run: Rendering, value: number): number {
  if (!Number.isSafeInteger(value)) run.fail(`integers beyond 2^53 are not supported`);
  return value + 0 || 0; // no -0
}

/** The integer that an argument must be. */
export function integerOf(run: Rendering, value: Value, what: string): number {
  if (typeof value === "boolean") return Number(value);
  if (typeof value !== "number" || !Number.isInteger(value))
    run.fail(`${what} must be an integer, got ${typeName(value)}`);
  return value;
}

/** Python's idea of true. */
export function isTrue(value: Value): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (value instanceof Map) return value.size > 0;
  if (value instanceof Sequence) return value.kind === "generator" || value.items.length > 0;
  return value instanceof Float ? value.value !== 0 : Boolean(value) || Number.isNaN(value);
}

/** Number of items, or of code points; undefined for a value without a length. */
export function lengthOf(run: Rendering, value: Value): number | undefined {
  if (value === undefined) return 0;
  if (typeof value === "string") return countCharacters(run, value);
  if (Array.isArray(value)) return value.length;
  if (value instanceof Map) return value.size;
  return value instanceof Sequence && value.kind !== "generator" ? value.items.length : undefined;
}

/** The characters of a text; the text itself if each is one UTF-16 unit. */
export function codePoints(run: Rendering, text: string): ArrayLike<string> {
  run.spend(text.length);
  return /[\ud800-\udbff]/.test(text) ? characters(run, text) : text;
}

/** The number of characters of a text. */
export function countCharacters(run: Rendering, text: string): number {
  run.spend(text.length);
  return text.replace(/[\ud800-\udbff][\udc00-\udfff]/g, "_").length;
}

/** The characters of a text as a list. */
export function characters(run: Rendering, text: string): string[] {
  run.spend(text.length * STEP);
  return Array.from(text);
}

/** What a loop goes through: items, keys of a dictionary, characters. A generator is empty afterwards. */
export function itemsOf(run: Rendering, value: Value): readonly Value[] {
  let items: readonly Value[] | undefined;
  if (value === undefined) items = [];
  else if (typeof value === "string") items = characters(run, value);
  else if (Array.isArray(value)) items = value;
  else if (value instanceof Map) items = [...value.keys()];
  else if (value instanceof Sequence) {
    items = value.items;
    if (value.kind === "generator") value.items = [];
  }
  if (items === undefined) run.fail(`${typeName(value)} cannot be gone through`);
  run.spend(items.length * STEP);
  return items;
}

/** Whether two values are equal as Python's `==` has it. */
export function isEqual(run: Rendering, a: Value, b: Value): boolean {
  const x = asNumber(a);
  if (x !== undefined) return x === asNumber(b);
  if (a === b || typeof a !== "object" || typeof b !== "object" || a === null || b === null) {
    if (typeof a === "string") run.spend(a.length);
    return a === b;
  }
  return run.deeper(() => {
    const same = (left: readonly Value[], right: readonly Value[]): boolean =>
      left.length === right.length && left.every((item, i) => isEqual(run, item, right[i]));
    if (Array.isArray(a)) return Array.isArray(b) && same(a, b);
    if (a instanceof Sequence) return b instanceof Sequence && a.indexed && a.kind === b.kind && same(a.items, b.items);
    if (!(a instanceof Map) || !(b instanceof Map) || a.size !== b.size) return false;
    return [...a].every(([key, value]) => b.has(key) && isEqual(run, value, b.get(key)));
  });
}

/** Negative, zero or positive as `a` comes before, with or after `b`; an error for values without an order. */
export function compare(run: Rendering, a: Value, b: Value): number {
  const [x, y] = [asNumber(a), asNumber(b)];
  if (x !== undefined && y !== undefined) return x < y ? -1 : x > y ? 1 : x === y ? 0 : NaN;
  if (typeof a === "string" && typeof b === "string") {
    run.spend(Math.min(a.length, b.length));
    let i = 0;
    while (i < a.length && a[i] === b[i]) i++;
    if (i > 0 && /[\ud800-\udbff]/.test(a[i - 1])) i--; // back to the start of a character
    return (a.codePointAt(i) ?? -1) - (b.codePointAt(i) ?? -1);
  }
  const list = (value: Value): readonly Value[] | undefined =>
    Array.isArray(value) ? value : value instanceof Sequence && value.kind === "tuple" ? value.items : undefined;
  const [left, right] = [list(a), list(b)];
  if (left === undefined || right === undefined || typeName(a) !== typeName(b))
    return run.fail(`${typeName(a)} and ${typeName(b)} have no order`);
  return run.deeper(() => {
    const at = left.findIndex((item, i) => i >= right.length || !isEqual(run, item, right[i]));
    if (at === -1 || at >= right.length) return left.length - right.length;
    return compare(run, left[at], right[at]);
  });
}

/** Whether `a` is in `b`: a part of a text, a key, or an item. */
export function isIn(run: Rendering, a: Value, b: Value): boolean {
  if (typeof b === "string") {
    if (typeof a !== "string") run.fail(`only a string can be in a string, got ${typeName(a)}`);
    run.search(b, a);
    return b.includes(a);
  }
  if (b instanceof Map) return b.has(toKey(run, a));
  return itemsOf(run, b).some((item) => isEqual(run, item, a));
}

/** A value as the key of a dictionary. */
export function toKey(run: Rendering, value: Value): Value {
  if (value instanceof Float) return value.value;
  // Python takes true and 1 for one key.
  if (typeof value === "boolean" || (typeof value === "object" && value !== null))
    run.fail(`${typeName(value)} cannot be a key`);
  return value;
}

/** The text of a float as Python prints it: the shortest digits, `1.0`, `1e-05`, `1e+16`. */
function floatText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  const size = Math.abs(value);
  if (size === Infinity) return value < 0 ? "-inf" : "inf";
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) return value.toExponential().replace(/([+-])(\d)$/, "$10$2");
  const sign = Object.is(value, -0) ? "-" : "";
  return sign + String(value) + (Number.isInteger(value) ? ".0" : "");
}

/** Python's `str`: what `{{ value }}` prints. */
export function textOf(run: Rendering, value: Value): string {
  return typeof value === "string" ? value : value === undefined ? "" : represent(run, value);
}

/** Python's `repr`: texts in quotes. */
export function represent(run: Rendering, value: Value): string {
  if (typeof value === "string") return quote(run, value);
  if (value === undefined) return "Undefined";
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number" && Number.isInteger(value)) return String(value);
  if (isFloat(value)) return floatText(asNumber(value) as number);
  return run.deeper(() => {
    const all = (items: readonly Value[]): string =>
      join(
        run,
        items.map((item) => represent(run, item)),
        ", ",
      );
    if (Array.isArray(value)) return `[${all(value)}]`;
    if (value instanceof Map) {
      const entries = [...value].map(([key, item]) => `${represent(run, key)}: ${represent(run, item)}`);
      return `{${join(run, entries, ", ")}}`;
    }
    if (!(value instanceof Sequence) || value.kind === "generator")
      return run.fail(`${typeName(value)} cannot be printed; a generator needs "| list" or "| join"`);
    const { kind, items } = value;
    if (kind === "tuple") return items.length === 1 ? `(${all(items)},)` : `(${all(items)})`;
    return kind === "range" ? run.fail('range cannot be printed; use "| list"') : `${kind}([${all(items)}])`;
  });
}

/** Texts put together, paid for. */
export function join(run: Rendering, texts: readonly string[], between: string): string {
  run.spend(texts.reduce((size, text) => size + text.length, texts.length * between.length));
  return texts.join(between);
}

function quote(run: Rendering, text: string): string {
  run.spend(text.length);
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replace(/[\\'"]|(?! )[\p{C}\p{Z}]/gu, (character) => {
    if (character === "'" || character === '"') return character === mark ? `\\${character}` : character;
    const known = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" }[character];
    if (known !== undefined) return known;
    const hex = (character.codePointAt(0) as number).toString(16);
    const width = hex.length <= 2 ? 2 : hex.length <= 4 ? 4 : 8;
    return `\\${{ 2: "x", 4: "u", 8: "U" }[width]}${hex.padStart(width, "0")}`;
  });
  return mark + escaped + mark;
}

/** A text without the characters of `chars` (default white space) at its start and its end, or at one of the two. */
export function strip(text: string, chars: Value, ends: "both" | "start" | "end" = "both"): string {
  const set = typeof chars === "string" ? new Set(chars) : undefined;
  const white = new RegExp(`^[${PYTHON_SPACE}]$`);
  const goes = (character: string): boolean => (set === undefined ? white.test(character) : set.has(character));
  let [start, end] = [0, text.length];
  const at = (i: number): string => String.fromCodePoint(text.codePointAt(i) as number);
  if (ends !== "end") while (start < end && goes(at(start))) start += at(start).length;
  while (ends !== "start" && end > start) {
    const low = /[\udc00-\udfff]/.test(text[end - 1]) && end - 2 >= start && /[\ud800-\udbff]/.test(text[end - 2]);
    const size = low ? 2 : 1;
    if (!goes(text.slice(end - size, end))) break;
    end -= size;
  }
  return text.slice(start, end);
}
