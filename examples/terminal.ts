/** Columns for a terminal. */
import { wrap } from "../src/cli/terminal.ts";

/** A column of `sideBySide`: a heading, a text and a last line. */
export interface Column {
  title: string;
  text: string;
  footer: string;
}

/** Texts next to each other, as wide as the terminal allows. */
export function sideBySide(columns: readonly Column[]): string {
  const total = Math.max(60, Math.min(process.stdout.columns ?? 100, 120));
  const width = Math.floor((total - 3 * (columns.length - 1)) / columns.length);
  const cells = columns.map(({ title, text, footer }) => ({
    title,
    lines: wrap(text, width),
    footer: wrap(footer, width),
  }));
  const row = (parts: string[]): string =>
    parts
      .map((part) => part.padEnd(width))
      .join(" │ ")
      .trimEnd();
  const rows = (blocks: readonly string[][]): string[] => {
    const height = Math.max(...blocks.map((lines) => lines.length));
    return Array.from({ length: height }, (_, i) => row(blocks.map((lines) => lines[i] ?? "")));
  };
  const rule = columns.map(() => "─".repeat(width)).join("─┼─");
  return [
    row(cells.map(({ title }) => title)),
    rule,
    ...rows(cells.map(({ lines }) => lines)),
    rule,
    ...rows(cells.map(({ footer }) => footer)),
  ].join("\n");
}
