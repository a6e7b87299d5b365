/** The functions that every chat template finds: those of Jinja that templates use, and those that Hugging Face adds. */
import { TokenizerError } from "../errors.ts";
import { bind } from "./template-method.ts";
import {
  type Dict,
  Namespace,
  type Rendering,
  Sequence,
  type TemplateFunction,
  type Value,
  asDict,
  integerOf,
  textOf,
} from "./template-value.ts";

/** As many numbers as Jinja's sandbox lets `range` count. */
const MAX_RANGE = 100_000;

const DAYS: readonly string[] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: readonly string[] =
  "January February March April May June July August September October November December".split(" ");

/** A local time in the form that C's `strftime` describes, in English. Throws a TokenizerError for what it does not know. */
export function formatTime(now: Date, format: string): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  const [day, month] = [DAYS[now.getDay()], MONTHS[now.getMonth()]];
  const parts: Readonly<Record<string, string>> = {
    Y: String(now.getFullYear()),
    y: two(now.getFullYear() % 100),
    m: two(now.getMonth() + 1),
    d: two(now.getDate()),
    H: two(now.getHours()),
    I: two(now.getHours() % 12 || 12),
    M: two(now.getMinutes()),
    S: two(now.getSeconds()),
    p: now.getHours() < 12 ? "AM" : "PM",
    B: month,
    b: month.slice(0, 3),
    A: day,
    a: day.slice(0, 3),
    "%": "%",
  };
  return format.replace(/%(-?)([^])/g, (all, bare: string, letter: string) => {
    const part = Object.hasOwn(parts, letter) ? parts[letter] : unknownPart(all);
    return bare === "" ? part : part.replace(/^0(?=\d)/, "");
  });
}

function unknownPart(part: string): never {
  throw new TokenizerError(`chat template: strftime_now does not know ${part}`);
}

function range(run: Rendering, args: readonly Value[]): Value {
  if (args.length < 1 || args.length > 3) run.fail("range takes from 1 to 3 integers");
  const numbers = args.map((value) => integerOf(run, value, "range"));
  const [start, end] = numbers.length === 1 ? [0, numbers[0]] : numbers;
  const step = numbers[2] ?? 1;
  const size = step === 0 ? NaN : Math.max(0, Math.ceil((end - start) / step));
  if (!(size <= MAX_RANGE)) run.fail(`range may count up to ${MAX_RANGE} numbers, and its step cannot be 0`);
  run.spend(size * 16);
  return new Sequence(
    "range",
    Array.from({ length: size }, (_, i) => start + i * step),
  );
}

/** The dictionary that `dict(…)` and `namespace(…)` begin with. */
function collect(
  run: Rendering,
  what: string,
  args: readonly Value[],
  named: ReadonlyMap<string, Value>,
): Map<Value, Value> {
  const start: Dict =
    args.length === 0 ? new Map() : (asDict(args[0]) ?? run.fail(`${what} takes a dict or named values`));
  run.spend(start.size * 16);
  return new Map([...start, ...named]);
}

/** The names that exist in every rendering. */
export function globals(run: Rendering): Map<string, Value> {
  const functions: Readonly<Record<string, TemplateFunction>> = {
    raise_exception: (args, named) => run.fail(textOf(run, bind(run, "raise_exception", "message!", args, named)[0])),
    range: (args) => range(run, args),
    dict: (args, named) => collect(run, "dict", args, named),
    namespace: (args, named) => new Namespace(collect(run, "namespace", args, named) as Map<string, Value>),
  };
  return new Map(Object.entries(functions));
}
