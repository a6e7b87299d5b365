/**
 * The benchmark harness: what a case is, and how it is timed. A case is warmed up first; then samples are taken until there are
 * both enough of them and enough time has passed. Work shorter than a sample is repeated within it. The rate is the
 * work of one run over the median; the spread is the interquartile range.
 */
import { summarize } from "./statistics.ts";

/** Units of rates, and how much work of a case each one counts: `work` is in operations, bytes, tokens or rows. */
export const UNITS = { "GFLOP/s": 1e9, "GB/s": 1e9, "MB/s": 1e6, "tokens/s": 1, "rows/s": 1 } as const;

/** The unit of a rate. */
export type Unit = keyof typeof UNITS;

/** One piece of work. It gives back something that depends on all of it, so that an engine cannot leave it out. */
export type Run = () => unknown;

/** One thing to measure. */
export interface BenchCase {
  /** Unique; the command line selects by parts of it. */
  name: string;
  unit: Unit;
  /** Floating-point operations, bytes, tokens or rows of one run; a function, asked after `setup`, where only the data can tell. */
  work: number | (() => number);
  /** Makes data and models, untimed, and gives back what is timed: a function that may be asynchronous. */
  setup(): Run | Promise<Run>;
  /** The name of an earlier case of the same unit, whose rate this one's is divided by. */
  baseline?: string;
  /** Why the case cannot run here, such as missing data. */
  unavailable?: string;
}

/** Cases that belong together. */
export interface Subject {
  name: string;
  cases: readonly BenchCase[];
}

/** A case with the name of its subject. */
export interface SelectedCase extends BenchCase {
  subject: string;
}

/** How long to measure. */
export interface Settings {
  /** Milliseconds to run before the first sample, at least one run. */
  warmupMs: number;
  /** Milliseconds that a sample takes at least; shorter work is repeated. */
  sampleMs: number;
  minSamples: number;
  /** Milliseconds that all samples of a case take at least. */
  minMs: number;
  /** After so many milliseconds, `FEW_SAMPLES` are enough. */
  maxMs: number;
}

/** Samples of a case too slow for more: the least that has quartiles. */
export const FEW_SAMPLES = 3;

/** Settings of a full run. */
export const FULL: Settings = { warmupMs: 300, sampleMs: 2, minSamples: 9, minMs: 900, maxMs: 3000 };

/** Settings of `--quick`. */
export const QUICK: Settings = { warmupMs: 60, sampleMs: 2, minSamples: FEW_SAMPLES, minMs: 60, maxMs: 300 };

/** What was measured of one case; times are milliseconds of one run. */
export interface Measurement {
  kind: "measured";
  subject: string;
  name: string;
  unit: Unit;
  work: number;
  samples: number;
  /** Runs in each sample. */
  repeats: number;
  medianMs: number;
  q1Ms: number;
  q3Ms: number;
  minMs: number;
  maxMs: number;
  /** Work per second, in `unit`. */
  rate: number;
  baseline?: string;
  /** The rate over the baseline's: above 1 is faster. Absent where the baseline was not measured. */
  ratio?: number;
}

/** A case that threw. */
export interface Failure {
  kind: "failed";
  subject: string;
  name: string;
  error: string;
}

/** A case that could not run here. */
export interface Skip {
  kind: "skipped";
  subject: string;
  name: string;
  reason: string;
}

/** What became of a case. */
export type Outcome = Measurement | Failure | Skip;

/** Where results are dropped. Adding numbers up and holding on to everything else makes all of them used. */
export const sink: { total: number; last: unknown } = { total: 0, last: undefined };

function keep(result: unknown): void {
  if (typeof result === "number") sink.total += result;
  else if (result === undefined) throw new Error("the run returned nothing, so its work could be optimised away");
  else sink.last = result;
}

/** Milliseconds of one run, averaged over `repeats`. A run that is not asynchronous is not awaited: that would cost a turn. */
async function timeRuns(run: Run, repeats: number, clock: () => number): Promise<number> {
  const started = clock();
  for (let i = 0; i < repeats; i++) {
    const result = run();
    keep(result instanceof Promise ? await result : result);
  }
  return (clock() - started) / repeats;
}

/** Runs until the engine has had time to optimise, and finds out how many runs fill a sample. */
async function warmUp(run: Run, { warmupMs, sampleMs }: Settings, clock: () => number): Promise<number> {
  const started = clock();
  for (let repeats = 1; ;) {
    const runMs = await timeRuns(run, repeats, clock);
    const filled = runMs * repeats >= sampleMs;
    // A quarter more than needed, for code that still gets faster; never ten times more at once, for a clock that saw nothing.
    repeats = Math.max(1, Math.min(10 * repeats, Math.ceil((1.25 * sampleMs) / runMs)));
    if (filled && clock() - started >= warmupMs) return repeats;
  }
}

/**
 * Warms a run up and times it.
 *
 * @param clock milliseconds
 * @returns milliseconds of one run, sample by sample
 */
export async function measure(
  run: Run,
  settings: Settings,
  clock: () => number,
): Promise<{ samples: number[]; repeats: number }> {
  const repeats = await warmUp(run, settings, clock);
  const samples: number[] = [];
  const started = clock();
  for (let elapsed = 0; !isEnough(samples.length, elapsed, settings); elapsed = clock() - started) {
    samples.push(await timeRuns(run, repeats, clock));
  }
  return { samples, repeats };
}

function isEnough(samples: number, elapsed: number, { minSamples, minMs, maxMs }: Settings): boolean {
  return (samples >= minSamples && elapsed >= minMs) || (samples >= FEW_SAMPLES && elapsed >= maxMs);
}

/** The cases of all subjects in one list, checked: names are unique, and a baseline stands before its cases and has their unit. */
export function collectCases(subjects: readonly Subject[]): SelectedCase[] {
  const seen = new Map<string, SelectedCase>();
  for (const { name: subject, cases } of subjects) {
    for (const each of cases) {
      const { name, unit, baseline } = each;
      if (seen.has(name)) throw new Error(`bench: two cases are called "${name}"`);
      if (baseline !== undefined && seen.get(baseline)?.unit !== unit) {
        throw new Error(`bench: "${name}" needs its baseline "${baseline}" before it, in ${unit}`);
      }
      seen.set(name, { ...each, subject });
    }
  }
  return [...seen.values()];
}

/** Runs cases one after the other, whatever becomes of each; `before` and `after` report. */
export async function runCases(
  cases: readonly SelectedCase[],
  settings: Settings,
  {
    clock,
    before,
    after,
  }: { clock: () => number; before?: (each: SelectedCase, place: number) => void; after?: (outcome: Outcome) => void },
): Promise<Outcome[]> {
  const rates = new Map<string, number>();
  const outcomes: Outcome[] = [];
  for (const [place, each] of cases.entries()) {
    before?.(each, place);
    const outcome = await runCase(each, settings, clock, rates);
    if (outcome.kind === "measured") rates.set(outcome.name, outcome.rate);
    outcomes.push(outcome);
    after?.(outcome);
  }
  return outcomes;
}

async function runCase(
  each: SelectedCase,
  settings: Settings,
  clock: () => number,
  rates: ReadonlyMap<string, number>,
): Promise<Outcome> {
  const { subject, name, unit, baseline, unavailable } = each;
  if (unavailable !== undefined) return { kind: "skipped", subject, name, reason: unavailable };
  try {
    const run = await each.setup();
    const work = typeof each.work === "number" ? each.work : each.work();
    if (!(work > 0)) throw new Error(`the work of a run must be positive, got ${work}`);
    const { samples, repeats } = await measure(run, settings, clock);
    const { median, q1, q3, min, max } = summarize(samples);
    const rate = work / UNITS[unit] / (median / 1000);
    const base = baseline === undefined ? undefined : rates.get(baseline);
    return {
      kind: "measured",
      subject,
      name,
      unit,
      work,
      samples: samples.length,
      repeats,
      medianMs: median,
      q1Ms: q1,
      q3Ms: q3,
      minMs: min,
      maxMs: max,
      rate,
      ...(baseline !== undefined && { baseline }),
      ...(base !== undefined && { ratio: rate / base }),
    };
  } catch (error) {
    return {
      kind: "failed",
      subject,
      name,
      error: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
    };
  }
}
