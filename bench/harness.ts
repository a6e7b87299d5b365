/**
 * The benchmark harness: what a case is, and how it is timed. A case is warmed up first; then samples are taken until there are
 * both enough of them and enough time has passed. Work shorter than a sample is repeated within it. The rate is the
 * work of one run over the median; the spread is the interquartile range. Cases that belong together are sampled in turns.
 */
import { quantile, summarize } from "./statistics.ts";

/** Units of rates, and how much work of a case each one counts: `work` is in operations, bytes, elements, tokens or rows. */
export const UNITS = { "GFLOP/s": 1e9, "GB/s": 1e9, "MB/s": 1e6, "Melem/s": 1e6, "tokens/s": 1, "rows/s": 1 } as const;

/** The unit of a rate. */
export type Unit = keyof typeof UNITS;

/** One piece of work. It gives back something that depends on all of it, so that an engine cannot leave it out. */
export type Run = () => unknown;

/** One thing to measure. */
export interface BenchCase {
  /** Unique; the command line selects by parts of it. */
  name: string;
  unit: Unit;
  /** Floating-point operations, bytes, elements, tokens or rows of one run; a function, asked after `setup`, where only the data can tell. */
  work: number | (() => number);
  /** Makes data and models, untimed, and gives back what is timed: a function that may be asynchronous. */
  setup(): Run | Promise<Run>;
  /** Gives back after the measurement what the garbage collector does not. */
  teardown?(): void | Promise<void>;
  /** The name of an earlier case of the same unit, whose rate this one's is divided by; of several, the fastest. */
  baseline?: string | readonly string[];
  /** Why the case cannot run here, such as missing data; a function is asked right before, and says undefined if it can. */
  unavailable?: string | (() => string | undefined);
  /**
   * Neighbours that have the same word here are sampled in turns: what disturbs the machine disturbs all of them, and a ratio is
   * the median of those within each round.
   */
  together?: string;
  /** A single run and no warm-up: for work so long that it is its own, or whose time is not the point. */
  once?: true;
  /** Further numbers of this case, by name and unit; asked after the measurement. */
  figures?(): Record<string, number>;
  /** The curve that this case is a point of. */
  curve?: CurvePlace;
  /** Left out of a run of everything: must be asked for by its whole name or its subject's. */
  onRequest?: true;
}

/** A place on a curve: cases of one name are compared with a straight line. */
export interface CurvePlace {
  name: string;
  /** Where on the axis, such as a length. */
  at: number;
  /** The figure that is its height; without it the least time in milliseconds, which noise has added least to. */
  figure?: string;
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
  figures?: Record<string, number>;
  curve?: CurvePlace;
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

/** Samples of one run, in milliseconds. */
export interface Timing {
  samples: number[];
  /** Runs in each sample. */
  repeats: number;
}

/** Warms a run up and times it; `clock` gives milliseconds. */
export async function measure(run: Run, settings: Settings, clock: () => number): Promise<Timing> {
  const [timing] = await measureTogether([run], settings, clock);
  if ("error" in timing) throw timing.error;
  return timing;
}

/** Warms runs up and times them in turns, a sample of each in every round; one that throws is left out from then on. */
export async function measureTogether(
  runs: readonly Run[],
  settings: Settings,
  clock: () => number,
): Promise<(Timing | { error: unknown })[]> {
  const timings: (Timing | { error: unknown })[] = [];
  for (const run of runs) {
    const begun = warmUp(run, settings, clock).then((repeats) => ({ samples: [], repeats }));
    timings.push(await begun.catch((error: unknown) => ({ error })));
  }
  const started = clock();
  const share = (): number => (clock() - started) / runs.length;
  for (let rounds = 0; !isEnough(rounds, share(), settings) && timings.some((each) => !("error" in each)); rounds++) {
    for (const [i, timing] of timings.entries()) {
      if ("error" in timing) continue;
      try {
        timing.samples.push(await timeRuns(runs[i], timing.repeats, clock));
      } catch (error) {
        timings[i] = { error };
      }
    }
  }
  return timings;
}

function isEnough(samples: number, elapsed: number, { minSamples, minMs, maxMs }: Settings): boolean {
  return (samples >= minSamples && elapsed >= minMs) || (samples >= FEW_SAMPLES && elapsed >= maxMs);
}

/** The names of a case's baselines. */
export function baselinesOf({ baseline = [] }: Pick<BenchCase, "baseline">): readonly string[] {
  return typeof baseline === "string" ? [baseline] : baseline;
}

/** The cases of all subjects in one list, checked: names are unique, and a baseline stands before its cases and has their unit. */
export function collectCases(subjects: readonly Subject[]): SelectedCase[] {
  const seen = new Map<string, SelectedCase>();
  for (const { name: subject, cases } of subjects) {
    for (const each of cases) {
      const { name, unit } = each;
      if (seen.has(name)) throw new Error(`bench: two cases are called "${name}"`);
      for (const baseline of baselinesOf(each)) {
        if (seen.get(baseline)?.unit !== unit)
          throw new Error(`bench: "${name}" needs its baseline "${baseline}" before it, in ${unit}`);
      }
      seen.set(name, { ...each, subject });
    }
  }
  return [...seen.values()];
}

/** What came of a case so far. */
interface Attempt {
  readonly each: SelectedCase;
  run: Run | null;
  work: number;
  result: Timing | { error: unknown } | { skipped: string };
}

/** A case that was measured, for those that are compared with it. */
interface Rival {
  readonly name: string;
  readonly group: number;
  readonly samples: readonly number[];
  readonly work: number;
  readonly rate: number;
}

/** Runs cases group by group, whatever becomes of each; `before` and `after` report. */
export async function runCases(
  cases: readonly SelectedCase[],
  settings: Settings,
  {
    clock,
    before,
    after,
  }: { clock: () => number; before?: (each: SelectedCase, place: number) => void; after?: (outcome: Outcome) => void },
): Promise<Outcome[]> {
  const rivals = new Map<string, Rival>();
  const outcomes: Outcome[] = [];
  for (const [group, members] of neighbours(cases).entries()) {
    const attempts: Attempt[] = [];
    for (const each of members) {
      before?.(each, outcomes.length + attempts.length);
      attempts.push(await prepare(each));
    }
    await time(attempts, settings, clock);
    for (const attempt of attempts) {
      const outcome = await conclude(attempt, group, rivals);
      outcomes.push(outcome);
      after?.(outcome);
    }
  }
  return outcomes;
}

/** Cut wherever the word in `together` changes. */
function neighbours(cases: readonly SelectedCase[]): SelectedCase[][] {
  const groups: SelectedCase[][] = [];
  for (const each of cases) {
    const last = groups.at(-1);
    if (last !== undefined && each.together !== undefined && last[0].together === each.together) last.push(each);
    else groups.push([each]);
  }
  return groups;
}

async function prepare(each: SelectedCase): Promise<Attempt> {
  const { unavailable } = each;
  const attempt: Attempt = { each, run: null, work: 0, result: { samples: [], repeats: 1 } };
  try {
    const skipped = typeof unavailable === "function" ? unavailable() : unavailable;
    if (skipped !== undefined) return { ...attempt, result: { skipped } };
    attempt.run = await each.setup();
    attempt.work = typeof each.work === "number" ? each.work : each.work();
    if (!(attempt.work > 0)) throw new Error(`the work of a run must be positive, got ${attempt.work}`);
  } catch (error) {
    attempt.result = { error };
  }
  return attempt;
}

/** Times what could be prepared. */
async function time(attempts: readonly Attempt[], settings: Settings, clock: () => number): Promise<void> {
  const ready = attempts.filter(({ run, result }) => run !== null && "samples" in result);
  const runs = ready.map(({ run }) => run as Run);
  const once = (run: Run): Promise<Attempt["result"]> =>
    timeRuns(run, 1, clock).then(
      (ms) => ({ samples: [ms], repeats: 1 }),
      (error: unknown) => ({ error }),
    );
  const results =
    runs.length === 1 && ready[0].each.once ? [await once(runs[0])] : await measureTogether(runs, settings, clock);
  ready.forEach((attempt, i) => (attempt.result = results[i]));
}

async function conclude(
  { each, work, run, result }: Attempt,
  group: number,
  rivals: Map<string, Rival>,
): Promise<Outcome> {
  const { subject, name, unit, curve } = each;
  if ("skipped" in result) return { kind: "skipped", subject, name, reason: result.skipped };
  try {
    const figures = "samples" in result ? each.figures?.() : undefined;
    if (run !== null) await each.teardown?.();
    if ("error" in result) throw result.error;
    const { samples, repeats } = result;
    const { median, q1, q3, min, max } = summarize(samples);
    const own: Rival = { name, group, samples, work, rate: work / UNITS[unit] / (median / 1000) };
    rivals.set(name, own);
    return {
      kind: "measured",
      ...{ subject, name, unit, work, samples: samples.length, repeats },
      ...{ medianMs: median, q1Ms: q1, q3Ms: q3, minMs: min, maxMs: max, rate: own.rate },
      ...compare(own, baselinesOf(each), rivals),
      ...(figures !== undefined && { figures }),
      ...(curve !== undefined && { curve }),
    };
  } catch (error) {
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return { kind: "failed", subject, name, error: message };
  }
}

/** The fastest baseline, and how much faster the case is. */
function compare(
  own: Rival,
  baselines: readonly string[],
  rivals: ReadonlyMap<string, Rival>,
): Pick<Measurement, "baseline" | "ratio"> {
  if (baselines.length === 0) return {};
  const known = baselines.flatMap((name) => rivals.get(name) ?? []);
  if (known.length === 0) return { baseline: baselines[0] };
  const best = known.reduce((a, b) => (b.rate > a.rate ? b : a));
  if (best.group !== own.group) return { baseline: best.name, ratio: own.rate / best.rate };
  const rounds = Math.min(own.samples.length, best.samples.length);
  const ratios = Array.from({ length: rounds }, (_, i) => best.samples[i] / best.work / (own.samples[i] / own.work));
  return {
    baseline: best.name,
    ratio: quantile(
      ratios.sort((a, b) => a - b),
      0.5,
    ),
  };
}
