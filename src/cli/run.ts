/** The command `heed`: which command is meant, its help, and its errors as one line. */
import { AbortError, HeedError } from "../errors.ts";
import { generateCommand } from "./generate.ts";
import { commandHelp, overview } from "./help.ts";
import type { Command } from "./help.ts";
import { inspectCommand } from "./inspect.ts";
import { UsageError, flagOf, nearest, readArguments } from "./options.ts";
import { type Streams, paint, printable, printableLines } from "./terminal.ts";
import { trainCommand } from "./train.ts";

/** The version of the package, as its package.json has it. */
export const VERSION = "0.4.0";

const COMMANDS: readonly Command[] = [inspectCommand, generateCommand, trainCommand];

/**
 * Runs `heed` with the arguments behind its name.
 *
 * ```ts
 * const code = await run(["inspect", "./my-model"], process); // prints; 0 if all went well
 * ```
 *
 * @returns the exit code: 0, 1 for what failed, 2 for arguments that make no sense, 130 when it was stopped
 */
export async function run(args: readonly string[], streams: Streams): Promise<number> {
  try {
    return await dispatch(args, streams);
  } catch (error) {
    return report(error, args[0], streams);
  }
}

async function dispatch([name, ...rest]: readonly string[], streams: Streams): Promise<number> {
  const { stdout, stderr } = streams;
  const isHelp = name === "help" || name === "--help" || name === "-h";
  if (name === "--version" || name === "-v") {
    stdout.write(`${VERSION}\n`);
    return 0;
  }
  if (name === undefined || (isHelp && rest.length === 0)) {
    (isHelp ? stdout : stderr).write(overview(COMMANDS, streams));
    return isHelp ? 0 : 2;
  }
  const command = findCommand(isHelp ? rest[0] : name);
  const { positionals, values } = isHelp
    ? { positionals: [], values: { help: true } }
    : readArguments(command.name, rest, command.groups);
  if ("help" in values) {
    stdout.write(commandHelp(command, streams));
    return 0;
  }
  return command.run(positionals, values, streams);
}

function findCommand(name: string): Command {
  const found = COMMANDS.find((command) => command.name === name);
  if (found !== undefined) return found;
  const names = COMMANDS.map((command) => command.name);
  const what = name.startsWith("-") ? "option" : "command";
  const near = nearest(name.replace(/^-+/, ""), what === "option" ? ["help", "version"] : [...names, "help"]);
  const advice =
    near === undefined
      ? `there are ${names.join(", ")} and help`
      : `did you mean ${what === "option" ? "--" : ""}${near}?`;
  throw new UsageError(`unknown ${what} ${name}; ${advice}`, { name });
}

/** An error as one line, and the exit code that it gives. What is no error of heed is a defect and keeps its stack. */
function report(error: unknown, command: string | undefined, streams: Streams): number {
  const { stderr, signal, environment } = streams;
  if (error instanceof AbortError && signal?.aborted === true) {
    stderr.write("heed: stopped\n");
    return 130;
  }
  const isKnown = error instanceof HeedError;
  const debug = Boolean(environment?.HEED_DEBUG) || !isKnown;
  const text = isKnown ? inFlags(error, command) : String(error);
  stderr.write(`${paint(streams, stderr, "red", "heed:")} ${printable(text.replace(/\s*\n\s*/g, " "))}\n`);
  if (debug && error instanceof Error) stderr.write(`${printableLines(error.stack ?? "")}\n`);
  if (error instanceof UsageError && !debug) stderr.write(`heed ${knownName(command)}--help explains what there is.\n`);
  return error instanceof UsageError ? 2 : 1;
}

function knownName(command: string | undefined): string {
  return COMMANDS.some(({ name }) => name === command) ? `${command} ` : "";
}

/** An error's message, in which an option has the name that it has on the command line. */
function inFlags({ message, details }: HeedError, command: string | undefined): string {
  const name = [details.name, details.option].find((each) => typeof each === "string");
  const groups = Object.values(COMMANDS.find((each) => each.name === command)?.groups ?? {});
  if (name === undefined || !groups.some((options) => Object.hasOwn(options, name))) return message;
  return message.replace(new RegExp(`\\b${name}\\b`), flagOf(name));
}
