/** The command `heed` without a process: what it prints is caught, what it reads is given. */
import { run } from "../src/cli/run.ts";
import type { Output, Streams } from "../src/cli/terminal.ts";

/** How a command is run. */
export interface RunOptions {
  /** What stands on standard input; without it, the input is a terminal that nobody types into. */
  readonly input?: readonly (string | Uint8Array)[];
  /** Whether stdout and stderr are terminals. */
  readonly terminal?: boolean;
  readonly environment?: Streams["environment"];
  readonly signal?: AbortSignal;
  /** Called with everything that stdout has got so far. */
  readonly onOutput?: (text: string) => void;
}

/** What a command did. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `heed` with arguments. */
export async function runHeed(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { input, terminal = false, environment, signal, onOutput } = options;
  const texts = { stdout: "", stderr: "" };
  const output = (name: keyof typeof texts): Output => ({
    isTTY: terminal,
    columns: 90,
    write: (text) => {
      texts[name] += text;
      if (name === "stdout") onOutput?.(texts.stdout);
    },
  });
  async function* read(): AsyncGenerator<string | Uint8Array> {
    yield* input ?? [];
  }
  const stdin = Object.assign(read(), { isTTY: input === undefined });
  const code = await run(args, { stdout: output("stdout"), stderr: output("stderr"), stdin, environment, signal });
  return { code, ...texts };
}
