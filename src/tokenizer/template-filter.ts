/**
 * The filters and tests of templates: `value | name(…)` and `value is name(…)`. Jinja's Markup type does not exist here: `safe`
 * gives the text as it is and `escape` an ordinary text, which differs only where such a text is added to another one.
 */
import { writeJSON } from "./template-json.ts";
import {
  type Definition,
  bind,
  capitalize,
  hasCase,
  isIterable,
  itemOf,
  linesOf,
  pairsOf,
  replaceText,
} from "./template-method.ts";
import {
  type Rendering,
  Sequence,
  type Value,
  asDict,
  asNumber,
  characters,
  compare,
  integerOf,
  isEqual,
  isFloat,
  isIn,
  isTrue,
  itemsOf,
  join,
  lengthOf,
  strip,
  textOf,
  toFloat,
  toInteger,
  typeName,
} from "./template-value.ts";

type Named = ReadonlyMap<string, Value>;

/** What the parts of a dotted attribute lead to: `"function.name"` of each tool call. */
function getter(run: Rendering, attribute: Value): (item: Value) => Value {
  if (attribute === undefined || attribute === null) return (item) => item;
  const path: Value[] = typeof attribute === "number" ? [attribute] : textOf(run, attribute).split(".");
  const keys = path.map((key) => (typeof key === "string" && /^\d+$/.test(key) ? Number(key) : key));
  return (item) =>
    keys.reduce((value, key) => {
      if (value === undefined) run.fail(`the attribute "${textOf(run, key)}" of something undefined`);
      return itemOf(run, value, key);
    }, item);
}

/** What two items are compared by: an attribute, and unless the case counts, in small letters. */
function sortKey(run: Rendering, attribute: Value, caseSensitive: Value): (item: Value) => Value {
  if (typeof attribute === "string" && attribute.includes(","))
    run.fail("sorting by several attributes is not supported");
  const get = getter(run, attribute);
  return (item) => {
    const value = get(item);
    return typeof value === "string" && !isTrue(caseSensitive) ? value.toLowerCase() : value;
  };
}

function sorted(run: Rendering, items: readonly Value[], key: (item: Value) => Value, reverse: Value): Value[] {
  const sign = isTrue(reverse) ? -1 : 1;
  const keyed = items.map((item) => ({ item, key: key(item) }));
  return keyed
    .sort((a, b) => sign * (isEqual(run, a.key, b.key) ? 0 : compare(run, a.key, b.key) || 0))
    .map(({ item }) => item);
}

/** The smallest (sign -1) or greatest (1) item; undefined if there is none. */
function extreme(run: Rendering, input: Value, caseSensitive: Value, attribute: Value, sign: number): Value {
  const key = sortKey(run, attribute, caseSensitive);
  const items = itemsOf(run, input);
  return items.reduce((best, item) => (sign * compare(run, key(item), key(best)) > 0 ? item : best), items[0]);
}

/** Python's `round`: of two values that are equally near, the even one. */
function round(run: Rendering, input: Value, precision: Value = 0, method: Value = "common"): Value {
  const number = asNumber(input) ?? run.fail(`round takes a number, got ${typeName(input)}`);
  const digits = integerOf(run, precision, "precision");
  if (digits < 0 || digits > 20) run.fail("round: precision must be from 0 to 20");
  const whole = method === "ceil" ? Math.ceil : method === "floor" ? Math.floor : undefined;
  if (whole !== undefined) return toFloat(whole(number * 10 ** digits) / 10 ** digits);
  if (method !== "common") run.fail('round: method must be "common", "ceil" or "floor"');
  if (!isFloat(input) || !Number.isFinite(number)) return isFloat(input) ? input : number;
  const scaled = number * 10 ** digits;
  // Only a dyadic number can lie exactly in the middle; for the others toFixed rounds the exact value.
  const tie = Number.isInteger(number * 2 ** (digits + 1)) && Math.abs(scaled % 1) === 0.5;
  return toFloat(tie ? (2 * Math.round(scaled / 2)) / 10 ** digits : Number(number.toFixed(digits)));
}

/** A number out of a text, as Python's `float` reads it; undefined if it is none. */
function readNumber(value: Value): number | undefined {
  if (typeof value !== "string") return asNumber(value);
  const text = strip(value, undefined).toLowerCase();
  if (/^[+-]?(\d+(_\d+)*\.?(\d+(_\d+)*)?|\.\d+(_\d+)*)(e[+-]?\d+)?$/.test(text))
    return Number(text.replaceAll("_", ""));
  const word = /^([+-]?)(inf|infinity|nan)$/.exec(text);
  return word === null ? undefined : word[2] === "nan" ? NaN : word[1] === "-" ? -Infinity : Infinity;
}

function toInt(run: Rendering, input: Value, fallback: Value = 0): Value {
  const number = readNumber(input);
  if (number === undefined || (typeof input === "string" && !Number.isFinite(number))) return fallback;
  return toInteger(run, Math.trunc(number));
}

function toJSON(run: Rendering, input: Value, ascii: Value, indent: Value, separators: Value, sortKeys: Value): Value {
  const [item, key] =
    separators === undefined || separators === null
      ? [indent === undefined || indent === null ? ", " : ",", ": "]
      : itemsOf(run, separators);
  const pad =
    indent === undefined || indent === null
      ? undefined
      : typeof indent === "string"
        ? indent
        : repeatSpace(run, indent);
  return writeJSON(run, input, {
    indent: pad,
    itemSeparator: textOf(run, item),
    keySeparator: textOf(run, key),
    sortKeys: isTrue(sortKeys),
    ascii: isTrue(ascii),
  });
}

function repeatSpace(run: Rendering, width: Value): string {
  const size = Math.max(0, integerOf(run, width, "indent"));
  run.spend(size);
  return " ".repeat(size);
}

function indent(run: Rendering, input: Value, width: Value = 4, first: Value, blank: Value): Value {
  const pad = typeof width === "string" ? width : repeatSpace(run, width);
  if (typeof input !== "string") run.fail(`indent takes a string, got ${typeName(input)}`);
  const lines = linesOf(run, `${input}\n`);
  const padded = lines.map((line, i) => (i === 0 || (line === "" && !isTrue(blank)) ? line : pad + line));
  return (isTrue(first) ? pad : "") + join(run, padded, "\n");
}

function unique(run: Rendering, input: Value, caseSensitive: Value, attribute: Value): Value {
  const key = sortKey(run, attribute, caseSensitive);
  const seen: Value[] = [];
  const kept = itemsOf(run, input).filter((item) => {
    const value = key(item);
    const fresh = !seen.some((other) => (run.spend(0), isEqual(run, value, other)));
    if (fresh) seen.push(value);
    return fresh;
  });
  return new Sequence("generator", kept);
}

function add(run: Rendering, a: Value, b: Value): Value {
  const [x, y] = [asNumber(a), asNumber(b)];
  if (x === undefined || y === undefined)
    return run.fail(`sum takes numbers, got ${typeName(x === undefined ? a : b)}`);
  return isFloat(a) || isFloat(b) ? toFloat(x + y) : toInteger(run, x + y);
}

const ESCAPED: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&#34;",
  "'": "&#39;",
};

const escape: Definition = [
  "",
  (run, v): Value => {
    const text = textOf(run, v);
    run.spend(text.length * 5);
    return text.replace(/[&<>"']/g, (character) => ESCAPED[character]);
  },
];
const length: Definition = ["", (run, v): Value => lengthOf(run, v) ?? run.fail(`${typeName(v)} has no length`)];
const fallback: Definition = [
  "default_value boolean",
  (_, v, other = "", boolean): Value => (v === undefined || (isTrue(boolean) && !isTrue(v)) ? other : v),
];

const FILTERS: Readonly<Record<string, Definition>> = {
  abs: [
    "",
    (run, v): Value => {
      const number = asNumber(v) ?? run.fail(`abs takes a number, got ${typeName(v)}`);
      return isFloat(v) ? toFloat(Math.abs(number)) : Math.abs(number);
    },
  ],
  capitalize: ["", (run, v): Value => capitalize(textOf(run, v))],
  count: length,
  d: fallback,
  default: fallback,
  dictsort: [
    "case_sensitive by reverse",
    (run, v, caseSensitive, by = "key", reverse): Value => {
      const at = ["key", "value"].indexOf(by as string);
      if (at === -1) run.fail('dictsort: by must be "key" or "value"');
      const pairs = pairsOf(run, asDict(v) ?? run.fail(`dictsort takes a dict, got ${typeName(v)}`));
      return sorted(run, pairs, sortKey(run, at, caseSensitive), reverse);
    },
  ],
  e: escape,
  escape,
  first: ["", (run, v): Value => itemsOf(run, v)[0]],
  float: [
    "default",
    (_, v, other = toFloat(0)): Value => {
      const number = readNumber(v);
      return number === undefined ? other : toFloat(number);
    },
  ],
  indent: ["width first blank", indent],
  int: ["default", toInt],
  items: [
    "",
    (run, v): Value => {
      if (v === undefined) return new Sequence("generator", []);
      return new Sequence("generator", pairsOf(run, asDict(v) ?? run.fail(`items takes a dict, got ${typeName(v)}`)));
    },
  ],
  join: [
    "d attribute",
    (run, v, between = "", attribute): Value =>
      join(
        run,
        itemsOf(run, v)
          .map(getter(run, attribute))
          .map((item) => textOf(run, item)),
        textOf(run, between),
      ),
  ],
  last: [
    "",
    (run, v): Value => {
      if (v instanceof Sequence && v.kind === "generator") run.fail("last cannot read a generator; put list before it");
      return itemsOf(run, v).at(-1);
    },
  ],
  length,
  list: ["", (run, v): Value => [...itemsOf(run, v)]],
  lower: ["", (run, v): Value => textOf(run, v).toLowerCase()],
  max: [
    "case_sensitive attribute",
    (run, v, caseSensitive, attribute): Value => extreme(run, v, caseSensitive, attribute, 1),
  ],
  min: [
    "case_sensitive attribute",
    (run, v, caseSensitive, attribute): Value => extreme(run, v, caseSensitive, attribute, -1),
  ],
  replace: [
    "old! new! count",
    (run, v, old, fresh, count): Value => replaceText(run, textOf(run, v), textOf(run, old), textOf(run, fresh), count),
  ],
  reverse: [
    "",
    (run, v): Value =>
      typeof v === "string"
        ? characters(run, v).reverse().join("")
        : new Sequence("generator", [...itemsOf(run, v)].reverse()),
  ],
  round: ["precision method", round],
  safe: ["", (run, v): Value => textOf(run, v)],
  sort: [
    "reverse case_sensitive attribute",
    (run, v, reverse, caseSensitive, attribute): Value =>
      sorted(run, itemsOf(run, v), sortKey(run, attribute, caseSensitive), reverse),
  ],
  string: ["", (run, v): Value => textOf(run, v)],
  sum: [
    "attribute start",
    (run, v, attribute, start = 0): Value =>
      itemsOf(run, v)
        .map(getter(run, attribute))
        .reduce((total, item) => add(run, total, item), start),
  ],
  title: ["", (run, v): Value => textOf(run, v).replace(/[^-\s({[<]+/g, capitalize)],
  tojson: ["ensure_ascii indent separators sort_keys", toJSON],
  trim: ["chars", (run, v, chars): Value => strip(textOf(run, v), chars)],
  unique: ["case_sensitive attribute", unique],
  upper: ["", (run, v): Value => textOf(run, v).toUpperCase()],
};

/**
 * `input | name(args)`.
 *
 * @throws TokenizerError for a filter that is not supported, or arguments that it does not take
 */
export function callFilter(run: Rendering, name: string, input: Value, args: readonly Value[], named: Named): Value {
  if (name === "map") return map(run, input, args, named);
  const chooses = /^(select|reject)(attr)?$/.exec(name);
  if (chooses !== null) return choose(run, input, args, chooses[1] === "select", chooses[2] !== undefined);
  if (!Object.hasOwn(FILTERS, name)) run.fail(`the filter "${name}" is not supported`);
  const [parameters, body] = FILTERS[name];
  return body(run, input, ...bind(run, `the filter "${name}"`, parameters, args, named));
}

function map(run: Rendering, input: Value, args: readonly Value[], named: Named): Value {
  const items = itemsOf(run, input);
  if (args.length > 0) {
    const name = textOf(run, args[0]);
    return new Sequence(
      "generator",
      items.map((item) => callFilter(run, name, item, args.slice(1), named)),
    );
  }
  const [attribute, other] = bind(run, "map", "attribute! default", args, named);
  const get = getter(run, attribute);
  return new Sequence(
    "generator",
    items.map((item) => {
      const value = get(item);
      return value === undefined ? other : value;
    }),
  );
}

/** `select`, `reject` and their forms that test an attribute: what passes a test, or does not. */
function choose(run: Rendering, input: Value, args: readonly Value[], wanted: boolean, byAttribute: boolean): Value {
  if (byAttribute && args.length === 0) run.fail("selectattr and rejectattr need the name of an attribute");
  const get = getter(run, byAttribute ? args[0] : undefined);
  const [test, ...rest] = byAttribute ? args.slice(1) : args;
  const passes = (item: Value): boolean =>
    test === undefined ? isTrue(item) : callTest(run, textOf(run, test), item, rest);
  return new Sequence(
    "generator",
    itemsOf(run, input).filter((item) => passes(get(item)) === wanted),
  );
}

type Test = readonly [parameters: string, body: (run: Rendering, input: Value, ...args: Value[]) => boolean];

const ordered = (accepts: (order: number) => boolean): Test => [
  "other!",
  (run, v, other): boolean => accepts(compare(run, v, other)),
];
const equal: Test = ["other!", (run, v, other): boolean => isEqual(run, v, other)];
const unequal: Test = ["other!", (run, v, other): boolean => !isEqual(run, v, other)];
const modulo = (run: Rendering, v: Value, by: Value): number =>
  (asNumber(v) ?? run.fail(`the test takes a number, got ${typeName(v)}`)) %
  (integerOf(run, by, "the divisor") || run.fail("division by zero"));

const TESTS: Readonly<Record<string, Test>> = /* @__PURE__ */ (() => {
  const less = ordered((order) => order < 0);
  const lessOrEqual = ordered((order) => order <= 0);
  const greater = ordered((order) => order > 0);
  const greaterOrEqual = ordered((order) => order >= 0);
  return {
    boolean: ["", (_, v): boolean => typeof v === "boolean"],
    callable: ["", (_, v): boolean => typeof v === "function" || v === undefined], // so it is in Jinja
    defined: ["", (_, v): boolean => v !== undefined],
    divisibleby: ["by!", (run, v, by): boolean => modulo(run, v, by) === 0],
    eq: equal,
    equalto: equal,
    even: ["", (run, v): boolean => modulo(run, v, 2) === 0],
    false: ["", (_, v): boolean => v === false],
    float: ["", (_, v): boolean => isFloat(v)],
    ge: greaterOrEqual,
    greaterthan: greater,
    gt: greater,
    in: ["items!", (run, v, items): boolean => isIn(run, v, items)],
    integer: ["", (_, v): boolean => typeName(v) === "integer"],
    iterable: ["", (_, v): boolean => isIterable(v)],
    le: lessOrEqual,
    lessthan: less,
    lower: ["", (run, v): boolean => hasCase(textOf(run, v), false)],
    lt: less,
    mapping: ["", (_, v): boolean => v instanceof Map],
    ne: unequal,
    none: ["", (_, v): boolean => v === null],
    number: ["", (_, v): boolean => asNumber(v) !== undefined],
    odd: ["", (run, v): boolean => modulo(run, v, 2) !== 0],
    sameas: ["other!", (_, v, other): boolean => v === other],
    sequence: ["", (_, v): boolean => isIterable(v) && !(v instanceof Sequence && !v.indexed)],
    string: ["", (_, v): boolean => typeof v === "string"],
    true: ["", (_, v): boolean => v === true],
    undefined: ["", (_, v): boolean => v === undefined],
    upper: ["", (run, v): boolean => hasCase(textOf(run, v), true)],
  };
})();

const NO_NAMES: Named = /* @__PURE__ */ new Map();

/** `input is name(args)`. Throws a TokenizerError for a test that is not supported. */
export function callTest(
  run: Rendering,
  name: string,
  input: Value,
  args: readonly Value[],
  named: Named = NO_NAMES,
): boolean {
  if (!Object.hasOwn(TESTS, name)) run.fail(`the test "${name}" is not supported`);
  const [parameters, body] = TESTS[name];
  return body(run, input, ...bind(run, `the test "${name}"`, parameters, args, named));
}
