/** Writing for people: lines that replace each other, wrapped text, sizes and times, colour where it is wanted. */

/** Where text goes: a stream of Node, or whatever else has `write`. */
export interface Output {
  write(text: string): unknown;
  /** Whether a person watches. */
  readonly isTTY?: boolean;
  /** Characters in a line of the terminal. */
  readonly columns?: number;
}

/** What a command reads from and writes to. */
export interface Streams {
  /** The result, and nothing else. */
  readonly stdout: Output;
  /** What is said about it: progress, statistics, errors. */
  readonly stderr: Output;
  /** Asked only for what the command line does not say. */
  readonly stdin: AsyncIterable<Uint8Array | string> & { readonly isTTY?: boolean };
  /** Stops the command, which keeps what it has. */
  readonly signal?: AbortSignal;
  /** Environment variables. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** Width of a terminal, within what can be read well. */
export function widthOf({ columns = 100 }: Output): number {
  return Math.max(60, Math.min(columns, 120));
}

/** Shows a line that the next one replaces; where there is no terminal, only lines worth keeping are printed. */
export function showLine(output: Output, line: string, keep: boolean): void {
  if (output.isTTY === true) output.write(`\r\x1b[2K${line.slice(0, (output.columns ?? 80) - 1)}${keep ? "\n" : ""}`);
  else if (keep) output.write(`${line}\n`);
}

/** Escape codes (ECMA-48, SGR) of the few ways in which text is set off. */
const CODES = { bold: 1, dim: 2, red: 31, green: 32 } as const;

/** Text set off on a terminal; as it is elsewhere, and where NO_COLOR is set (no-color.org). */
export function paint({ environment }: Streams, output: Output, style: keyof typeof CODES, text: string): string {
  return output.isTTY === true && !environment?.NO_COLOR ? `\x1b[${CODES[style]}m${text}\x1b[0m` : text;
}

/**
 * A text from a file or from elsewhere on one line, with nothing in it that a terminal obeys: control characters (Unicode's
 * Cc, escape codes begin with one) and those that turn the direction of writing are shown as \x1b or \u202e.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu, (character) => {
    const code = character.charCodeAt(0).toString(16);
    return code.length > 2 ? `\\u${code}` : `\\x${code.padStart(2, "0")}`;
  });
}

/** The same for a text of several lines, which they stay. */
export function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}

/** A number as 12,345. */
export function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}

/** "1 layer", "2 layers". */
export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** Bytes as 950 B, 12.3 kB, 1.2 GB, of a thousand each. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let size = bytes;
  let unit = 0;
  for (; size >= 999.5 && unit < units.length - 1; unit++) size /= 1000;
  return `${unit === 0 || size >= 99.95 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}

/** Seconds as 1:05. */
export function formatSeconds(seconds: number): string {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** A bar of twenty cells, filled to a share from 0 to 1. */
export function formatBar(share: number): string {
  const filled = Math.round(20 * share);
  return "█".repeat(filled) + "░".repeat(20 - filled);
}

/** A text broken into lines of at most `width` characters. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split("\n")) {
    let line = "";
    for (const word of paragraph.split(" ")) {
      if (line !== "" && line.length + 1 + word.length > width) {
        lines.push(line);
        line = word;
      } else line = line === "" ? word : `${line} ${word}`;
    }
    lines.push(line);
  }
  return lines;
}

/** Rows as lines whose cells stand below each other; columns named in `right` end together. */
export function alignColumns(rows: readonly (readonly string[])[], right: readonly number[] = []): string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, i) => Math.max(...rows.map((row) => (row[i] ?? "").length)));
  const cell = (text: string, i: number): string =>
    right.includes(i) ? text.padStart(widths[i]) : text.padEnd(widths[i]);
  return rows.map((row) => row.map(cell).join("  ").trimEnd());
}
