/** Progress and columns for a terminal; plain lines where the output is not one. */
import type { TrainStep } from "heed";

const isTerminal = process.stdout.isTTY === true;

/** Shows a line that the next one replaces; where there is no terminal, only lines worth keeping are printed. */
export function showProgress(line: string, keep: boolean): void {
  if (isTerminal)
    process.stdout.write(`\r\x1b[2K${line.slice(0, (process.stdout.columns ?? 80) - 1)}${keep ? "\n" : ""}`);
  else if (keep) console.log(line);
}

/** One training step as a line. */
export function formatStep(
  { step, loss, learningRate, gradNorm, tokensPerSecond, etaSeconds, validationLoss }: TrainStep,
  maxSteps: number,
): string {
  const width = String(maxSteps).length;
  const filled = Math.round((20 * step) / maxSteps);
  const parts = [
    `${"█".repeat(filled)}${"░".repeat(20 - filled)} step ${String(step).padStart(width)}/${maxSteps}`,
    `loss ${loss.toFixed(3)}`,
    ...(validationLoss === undefined ? [] : [`validation ${validationLoss.toFixed(3)}`]),
    `rate ${learningRate.toExponential(1)}`,
    `gradient ${gradNorm.toFixed(2)}`,
    `${Math.round(tokensPerSecond)} tokens/s`,
    `${formatSeconds(etaSeconds)} left`,
  ];
  return parts.join("  ");
}

/** Seconds as 1:05. */
export function formatSeconds(seconds: number): string {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
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
