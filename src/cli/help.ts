/** Commands, and the help that their declarations make. */
import type { Option, OptionGroups, OptionKind } from "./options.ts";
import { flagOf } from "./options.ts";
import { type Streams, alignColumns, paint, widthOf, wrap } from "./terminal.ts";

/** One command of `heed`. */
export interface Command {
  readonly name: string;
  /** What it does, in one line. */
  readonly summary: string;
  /** How it is called, behind "heed": "inspect MODEL [options]". */
  readonly usage: string;
  /** What stands without a dash, each with its explanation. */
  readonly positionals: readonly (readonly [name: string, help: string])[];
  /** Lines that can be pasted, each with what it does. */
  readonly examples: readonly (readonly [line: string, what: string])[];
  readonly groups: OptionGroups;
  /** Does the work; resolves to the exit code. */
  run(positionals: readonly string[], values: Readonly<Record<string, unknown>>, streams: Streams): Promise<number>;
}

/** What ends every help. */
const NOTES =
  "Exit codes: 0 done, 1 failed, 2 not understood, 130 stopped by Ctrl-C. HEED_DEBUG=1 shows where an error arose.";

/** What every command understands. */
const HELP_OPTION: Option = { kind: "flag", help: "This help." };

function placeholder(kind: OptionKind): string {
  if (kind === "flag") return "";
  if (kind === "integer" || kind === "number") return "N";
  return typeof kind === "string" ? "TEXT" : kind.join("|");
}

/** Names on the left, explanations on the right, broken into lines. */
function definitions(rows: readonly (readonly [string, string])[], width: number): string[] {
  const left = Math.min(34, Math.max(...rows.map(([name]) => name.length)));
  return rows.flatMap(([name, text]) => {
    const lines = wrap(text, Math.max(24, width - left - 4));
    const first = name.length > left ? [`  ${name}`] : [];
    const rest = lines.map((line, i) => `  ${(i === 0 && first.length === 0 ? name : "").padEnd(left)}  ${line}`);
    return [...first, ...rest];
  });
}

/** The help of one command. */
export function commandHelp(command: Command, streams: Streams): string {
  const { stdout } = streams;
  const width = widthOf(stdout);
  const title = (text: string): string => paint(streams, stdout, "bold", text);
  const groups = Object.entries({ ...command.groups, General: { help: HELP_OPTION } });
  const options = groups.flatMap(([group, declared]) => [
    "",
    title(group),
    ...definitions(
      Object.entries(declared).map(([name, { kind, value = placeholder(kind), help }]) => [
        `${flagOf(name)} ${value}`.trim(),
        help,
      ]),
      width,
    ),
  ]);
  return [
    `${title(`heed ${command.name}`)}: ${command.summary}`,
    "",
    title("Usage"),
    `  heed ${command.usage}`,
    "",
    ...definitions(command.positionals, width),
    "",
    title("Examples"),
    ...alignColumns(command.examples.map(([line, what]) => [`  heed ${line}`, `# ${what}`])),
    ...options,
    "",
    ...wrap(NOTES, width),
    "",
  ].join("\n");
}

/** The help of `heed` itself. */
export function overview(commands: readonly Command[], streams: Streams): string {
  const title = (text: string): string => paint(streams, streams.stdout, "bold", text);
  return [
    `${title("heed")}: looks into language models, lets them write, and trains small ones.`,
    "",
    title("Usage"),
    "  heed COMMAND ...",
    "",
    title("Commands"),
    ...definitions(
      commands.map(({ name, summary }) => [name, summary] as const),
      widthOf(streams.stdout),
    ),
    "",
    title("Examples"),
    ...alignColumns(commands.flatMap(({ examples: [[line, what]] }) => [[`  heed ${line}`, `# ${what}`]])),
    "",
    "heed COMMAND --help explains a command, heed --version prints the version.",
    ...wrap(NOTES, widthOf(streams.stdout)),
    "",
  ].join("\n");
}
