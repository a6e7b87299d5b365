/** What the benchmarks print and write: the machine, a table for people, and one JSON object for programs. */
import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { arch, availableParallelism, cpus, platform, release, totalmem } from "node:os";
import { dirname } from "node:path";
import { backend } from "heed";
import type { BackendInfo } from "heed";
import packageJSON from "../package.json" with { type: "json" };
import { collectCurves } from "./curve.ts";
import type { Curve } from "./curve.ts";
import type { Failure, Measurement, Outcome, SelectedCase, Settings, Skip } from "./harness.ts";

/** Where something was measured. */
export interface Machine {
  cpu: string;
  /** Processors that the process may use. */
  cores: number;
  memoryBytes: number;
  platform: string;
  node: string;
}

/** Everything about a run. */
export interface Report {
  /** The version of heed. */
  heed: string;
  /** The git commit, with "-dirty" if files differ from it; absent outside a repository. */
  commit?: string;
  /** ISO 8601. */
  date: string;
  machine: Machine;
  backend: BackendInfo;
  settings: Settings;
  cases: Omit<Measurement, "kind">[];
  failures: Omit<Failure, "kind">[];
  skipped: Omit<Skip, "kind">[];
  /** Curves of the cases, beside straight lines; absent where there are none. */
  curves?: Curve[];
}

/** The report before anything is measured: versions, machine and settings. */
export function describeRun(settings: Settings): Report {
  const commit = readCommit();
  const machine: Machine = {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    platform: `${platform()} ${release()} ${arch()}`,
    node: process.version,
  };
  return {
    heed: packageJSON.version,
    ...(commit !== undefined && { commit }),
    date: new Date().toISOString(),
    machine,
    backend: backend.info(),
    settings,
    cases: [],
    failures: [],
    skipped: [],
  };
}

/** The commit that is checked out, asked without touching the repository. */
function readCommit(): string | undefined {
  const git = (...args: string[]): string =>
    execFileSync("git", ["--no-optional-locks", ...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  try {
    return git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain") === "" ? "" : "-dirty");
  } catch {
    return undefined; // no git, or no repository
  }
}

/** The report with the outcomes sorted into its lists. */
export function addOutcomes(report: Report, outcomes: readonly Outcome[]): Report {
  const filled: Report = { ...report, cases: [], failures: [], skipped: [] };
  for (const outcome of outcomes) {
    if (outcome.kind === "measured") filled.cases.push(withoutKind(outcome));
    else if (outcome.kind === "failed") filled.failures.push(withoutKind(outcome));
    else filled.skipped.push(withoutKind(outcome));
  }
  const curves = collectCurves(filled.cases);
  return curves.length === 0 ? filled : { ...filled, curves };
}

function withoutKind<T extends Outcome>({ kind: _kind, ...rest }: T): Omit<T, "kind"> {
  return rest;
}

/** Writes a report as JSON: whole or not at all, because it takes its name only when it is complete. */
export function writeReport(path: string, report: Report): void {
  mkdirSync(dirname(path), { recursive: true });
  const unfinished = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(unfinished, `${JSON.stringify(report, null, 1)}\n`);
    renameSync(unfinished, path);
  } finally {
    rmSync(unfinished, { force: true });
  }
}

/** The lines above the table. */
export function formatHeader({ heed, commit, date, machine, backend: active }: Report): string {
  const simd = active.simd ? `, SIMD${active.relaxed ? " (relaxed)" : ""}` : "";
  return [
    `heed ${heed}${commit === undefined ? "" : ` (${commit})`}, backend ${active.name}${simd}, ${active.threads} thread${active.threads === 1 ? "" : "s"}, ${date}`,
    `${machine.cpu}, ${machine.cores} cores, ${(machine.memoryBytes / 2 ** 30).toFixed(1)} GiB, ${machine.platform}, Node ${machine.node}`,
    "Times are of one run. Spread: interquartile range, q1 – q3. Rates come from the median. Samples: samples × runs in each.",
  ].join("\n");
}

/** A table that grows a row at a time, with columns wide enough for what is to come. */
export class Table {
  readonly #nameWidth: number;

  constructor(cases: readonly Pick<SelectedCase, "name">[]) {
    this.#nameWidth = Math.max(4, ...cases.map(({ name }) => name.length));
  }

  /** The headings and the line below them. */
  head(): string {
    const headings = this.#line(["case", "median", "spread", "least", "rate", "samples", "compared"]);
    return `${headings}\n${"─".repeat(headings.length + 16)}`;
  }

  /** One case. */
  row(outcome: Outcome): string {
    if (outcome.kind === "failed") return `${outcome.name.padEnd(this.#nameWidth)}  failed: ${outcome.error}`;
    if (outcome.kind === "skipped") return `${outcome.name.padEnd(this.#nameWidth)}  skipped: ${outcome.reason}`;
    const { name, medianMs, q1Ms, q3Ms, minMs, rate, unit, samples, repeats, baseline, ratio, figures = {} } = outcome;
    const notes = Object.entries(figures).map(([figure, value]) => `${figure} ${formatNumber(value)}`);
    if (ratio !== undefined) notes.unshift(`${formatNumber(ratio)} × ${withoutCommonStart(baseline ?? "", name)}`);
    return this.#line([
      name,
      formatTime(medianMs, medianMs),
      `${formatTime(q1Ms, medianMs, false)} – ${formatTime(q3Ms, medianMs)}`,
      formatTime(minMs, medianMs),
      `${formatNumber(rate)} ${unit.padEnd(8)}`,
      `${samples} × ${repeats}`,
      notes.join(", "),
    ]);
  }

  #line([name, median, spread, least, rate, samples, compared]: readonly string[]): string {
    return [
      name.padEnd(this.#nameWidth),
      median.padStart(8),
      spread.padStart(16),
      least.padStart(8),
      rate.padStart(16),
      samples.padStart(10),
      compared,
    ]
      .join("  ")
      .trimEnd();
  }
}

/** What of a name is not the beginning of another one too, cut behind a comma or colon; all of it if nothing would be left. */
function withoutCommonStart(name: string, other: string): string {
  let start = 0;
  for (let i = 0; i < name.length && name[i] === other[i]; i++) if (/^[,:] /.test(name.slice(i, i + 2))) start = i + 2;
  return other.startsWith(name) ? name : name.slice(start);
}

/** A curve in one line: the values, the line, and how far they are from it. */
export function formatCurve({ name, unit, points, intercept, slope, worstDeviation }: Curve): string {
  const values = points.map(({ at, value }) => `${formatNumber(value)} at ${at.toLocaleString("en-US")}`).join(", ");
  const signed = (value: number): string => `${value < 0 ? "−" : ""}${formatNumber(Math.abs(value))}`;
  const least = Math.min(...points.map(({ value }) => value));
  const start = Math.abs(intercept) < 1e-6 * least ? 0 : intercept; // else nothing would be written as rounding errors
  const line = `line ${signed(start)} + ${signed(1000 * slope)} per 1,000`;
  return `${name} [${unit}]: ${values}; ${line}, worst deviation ${(100 * worstDeviation).toFixed(1)} %`;
}

/** Three digits, without an exponent. */
export function formatNumber(value: number): string {
  if (value >= 100 || value === 0) return Math.round(value).toLocaleString("en-US");
  return value >= 10
    ? value.toFixed(1)
    : value >= 1
      ? value.toFixed(2)
      : value.toFixed(Math.min(8, 2 - Math.floor(Math.log10(value))));
}

/** Milliseconds in the unit that suits `scale`, so that the times of a row can be compared at a glance. */
export function formatTime(ms: number, scale: number, withUnit = true): string {
  const [factor, unit] = scale >= 1000 ? [1e-3, "s"] : scale >= 1 ? [1, "ms"] : [1e3, "µs"];
  return `${formatNumber(ms * factor)}${withUnit ? ` ${unit}` : ""}`;
}
