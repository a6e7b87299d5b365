/** The operators between two values, as Python has them: 7 / 2 is 3.5, -7 // 2 is -4, texts and lists can be joined and repeated. */
import {
  type Rendering,
  STEP,
  Sequence,
  type Value,
  asNumber,
  isFloat,
  itemsOf,
  textOf,
  toFloat,
  toInteger,
  typeName,
} from "./template-value.ts";

/**
 * `left operator right`, for `+ - * / // % ** ~`.
 *
 * @throws TokenizerError for values that the operator does not take, a division by zero, or an integer beyond 2^53
 */
export function operate(run: Rendering, operator: string, left: Value, right: Value): Value {
  if (operator === "~") return concat(run, textOf(run, left), textOf(run, right));
  const [x, y] = [asNumber(left), asNumber(right)];
  if (x !== undefined && y !== undefined) return calculate(run, operator, x, y, isFloat(left) || isFloat(right));
  if (operator === "+") {
    if (typeof left === "string" && typeof right === "string") return concat(run, left, right);
    if (Array.isArray(left) && Array.isArray(right)) return [...itemsOf(run, left), ...itemsOf(run, right)];
    if (isTuple(left) && isTuple(right)) return new Sequence("tuple", [...itemsOf(run, left), ...itemsOf(run, right)]);
  }
  if (operator === "*" && y !== undefined && !isFloat(right)) return repeat(run, left, y);
  if (operator === "*" && x !== undefined && !isFloat(left)) return repeat(run, right, x);
  return run.fail(`${operator} cannot take ${typeName(left)} and ${typeName(right)}`);
}

function isTuple(value: Value): value is Sequence {
  return value instanceof Sequence && value.kind === "tuple";
}

function concat(run: Rendering, left: string, right: string): string {
  run.spend(left.length + right.length);
  return left + right;
}

function repeat(run: Rendering, value: Value, count: number): Value {
  const times = Math.max(0, count);
  if (typeof value === "string") {
    run.spend(value.length * times);
    return value === "" ? "" : value.repeat(times);
  }
  if (!Array.isArray(value) && !isTuple(value)) return run.fail(`* cannot take ${typeName(value)} and integer`);
  const items: readonly Value[] = isTuple(value) ? value.items : value;
  run.spend(items.length * times * STEP);
  const size = items.length * times;
  const repeated = Array.from({ length: size }, (_, i) => items[i % items.length]);
  return isTuple(value) ? new Sequence("tuple", repeated) : repeated;
}

/** Python's arithmetic: `/` gives a float, `//` and `%` round downwards. */
function calculate(run: Rendering, operator: string, x: number, y: number, float: boolean): Value {
  if (y === 0 && "/%".includes(operator[0])) run.fail("division by zero");
  const rest = x % y !== 0 && x % y < 0 !== y < 0 ? (x % y) + y : x % y;
  const results: Readonly<Record<string, number>> = {
    "+": x + y,
    "-": x - y,
    "*": x * y,
    "/": x / y,
    "//": Math.round((x - rest) / y),
    "%": rest,
    "**": operator === "**" ? power(run, x, y, float) : 0,
  };
  return float || operator === "/" ? toFloat(results[operator]) : toInteger(run, results[operator]);
}

/** Powers of integers, by multiplication: engines' powers of floats differ in the last digit. */
function power(run: Rendering, base: number, exponent: number, float: boolean): number {
  if (float || exponent < 0) run.fail("** takes integers, the second not negative");
  if (Math.abs(base) <= 1) return base === -1 ? 1 - 2 * (exponent % 2) : exponent === 0 ? 1 : base;
  let result = 1;
  for (let i = 0; i < exponent && Number.isSafeInteger(result); i++) result *= base;
  return result;
}
