/** Options of a command: how they are declared, read from the command line, and what is wrong with those that are not known. */
import { parseArgs } from "node:util";
import { HeedError } from "../errors.ts";

/** What may stand behind an option: nothing, a text, several texts, a number, or one of a few words. */
export type OptionKind = "flag" | "text" | "texts" | "integer" | "number" | readonly string[];

/** One option, declared. Its name on the command line is its key with dashes: `topP` is `--top-p`. */
export interface Option {
  readonly kind: OptionKind;
  /** What it does, for the help; its default too. */
  readonly help: string;
  /** What stands for its value in the help. Default by kind: N, TEXT, or the words. */
  readonly value?: string;
}

/** Options by name. */
export type Options = Readonly<Record<string, Option>>;

/** Options under the titles of the help. */
export type OptionGroups = Readonly<Record<string, Options>>;

type ValueOf<Kind> = Kind extends "flag"
  ? boolean
  : Kind extends "integer" | "number"
    ? number
    : Kind extends "texts"
      ? string[]
      : Kind extends readonly (infer Word)[]
        ? Word
        : string;

type Intersection<Union> = (Union extends unknown ? (each: Union) => void : never) extends (all: infer All) => void
  ? All
  : never;

/** The values that options have been given, by name; what was not given is not there. */
export type Values<Declared extends Options> = { -readonly [Name in keyof Declared]?: ValueOf<Declared[Name]["kind"]> };

/** The values of all groups together. */
export type GroupValues<Groups extends OptionGroups> = Intersection<
  { [Title in keyof Groups]: Values<Groups[Title]> }[keyof Groups]
>;

/** A command line that cannot be understood. */
export class UsageError extends HeedError {
  override name = "UsageError";
  constructor(message: string, details?: Record<string, unknown>) {
    super("usage", message, details);
  }
}

/** The name of an option on the command line. */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/**
 * Reads the arguments behind a command's name.
 *
 * @param command its name, for messages
 * @returns what stands without a dash, in order, and the values of options
 * @throws UsageError for an unknown option, with the nearest known one, for a value that is missing, or is no number
 */
export function readArguments(
  command: string,
  args: readonly string[],
  groups: OptionGroups,
): { positionals: string[]; values: Record<string, unknown> } {
  const declared = new Map(
    Object.values(groups)
      .flatMap((options) => Object.entries(options))
      .map(([name, option]) => [flagOf(name).slice(2), { name, option }]),
  );
  const options = Object.fromEntries(
    [...declared].map(
      ([
        flag,
        {
          option: { kind },
        },
      ]) => [flag, { type: kind === "flag" ? ("boolean" as const) : ("string" as const), multiple: kind === "texts" }],
    ),
  );
  const takesNumber = (flag: string): boolean =>
    ["integer", "number"].includes(String(declared.get(flag)?.option.kind));
  const help = { type: "boolean", short: "h" } as const;
  try {
    const { values, positionals } = parseArgs({
      args: joinNegative(args, takesNumber),
      options: { ...options, help },
      allowPositionals: true,
    });
    const read = Object.entries(values).flatMap(([flag, value]): [string, unknown][] => {
      const known = declared.get(flag);
      return known === undefined ? [] : [[known.name, readValue(command, flag, known.option.kind, value)]];
    });
    return { positionals, values: { ...Object.fromEntries(read), ...(values.help === true && { help: true }) } };
  } catch (error) {
    throw explain(command, error, ["help", ...declared.keys()]);
  }
}

/** "--length-penalty -1" means what "--length-penalty=-1" does; parseArgs alone would take -1 for an option. */
function joinNegative(args: readonly string[], takesNumber: (flag: string) => boolean): string[] {
  const end = args.indexOf("--");
  const joined: string[] = [];
  args.forEach((arg, i) => {
    const before = args[i - 1] ?? "";
    const isValue =
      (end < 0 || i < end) && /^-[\d.]/.test(arg) && before.startsWith("--") && takesNumber(before.slice(2));
    if (isValue) joined[joined.length - 1] += `=${arg}`;
    else joined.push(arg);
  });
  return joined;
}

function readValue(command: string, flag: string, kind: OptionKind, value: unknown): unknown {
  if (typeof value !== "string") return value;
  const wrong = (must: string): UsageError => new UsageError(`${command}: --${flag} must be ${must}, got "${value}"`);
  if (kind === "integer" || kind === "number") {
    const number = Number(value);
    if (value.trim() === "" || Number.isNaN(number) || (kind === "integer" && !Number.isSafeInteger(number)))
      throw wrong(kind === "integer" ? "a whole number" : "a number");
    return number;
  }
  if (Array.isArray(kind) && !kind.includes(value)) {
    const near = nearest(value, kind);
    throw wrong(`${kind.join(", ")}${near === undefined ? "" : ` (did you mean ${near}?)`}`);
  }
  return value;
}

/** What parseArgs found wrong, in heed's words. */
function explain(command: string, error: unknown, flags: readonly string[]): unknown {
  const { code = "", message = "" } = error as NodeJS.ErrnoException;
  if (!code.startsWith("ERR_PARSE_ARGS")) return error;
  const given = /'(-[^' ]*)/.exec(message)?.[1] ?? "";
  if (code === "ERR_PARSE_ARGS_UNKNOWN_OPTION") {
    const near = nearest(given.replace(/^-+/, ""), flags);
    const advice = near === undefined ? `heed ${command} --help lists them` : `did you mean --${near}?`;
    return new UsageError(`${command}: unknown option ${given}; ${advice}`, { option: given });
  }
  const flag = /(--[a-z-]+)/.exec(message)?.[1] ?? given;
  const problem = /does not take an argument/.test(message)
    ? `${flag} takes no value`
    : `${flag} needs a value; one that begins with a dash is written ${flag}=-…`;
  return new UsageError(`${command}: ${problem}`, { option: flag });
}

/** The word that looks most like `given`, if one does at all. */
export function nearest(given: string, words: readonly string[]): string | undefined {
  const ranked = words
    .map((word) => ({ word, distance: word.startsWith(given) && given.length > 2 ? 1 : editDistance(given, word) }))
    .sort((a, b) => a.distance - b.distance);
  return ranked.length > 0 && ranked[0].distance <= Math.max(1, Math.floor(given.length / 3))
    ? ranked[0].word
    : undefined;
}

/** Letters to insert, remove, replace, or swap with their neighbour, to make one word of another (Damerau 1964). */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        next[j] = Math.min(next[j], before[j - 2] + 1);
    }
    [before, row] = [row, next];
  }
  return row[b.length];
}
