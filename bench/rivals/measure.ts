/**
 * One case: every side prepares it, results are compared, and then the sides take turns, round after round, so that whatever else
 * the machine does hits all of them alike.
 */
import { setTimeout } from "node:timers/promises";
import { summarize } from "../statistics.ts";
import type { Summary } from "../statistics.ts";
import type { Check, FirstTime } from "./adapter.ts";
import { UNITS } from "./case.ts";
import type { Case, Side } from "./case.ts";
import { compareChecks, compareTimes } from "./compare.ts";
import type { Ratio } from "./compare.ts";
import type { SideProcess } from "./side-process.ts";
import type { MemoryUse } from "./stored/memory.ts";
import { storedRatios } from "./stored/ratios.ts";
import type { NamedRatio } from "./stored/ratios.ts";

/** How long to measure. */
export interface Settings {
  rounds: number;
  /** Milliseconds of one side in one round. */
  roundMs: number;
  /** Runs of one side in one round, at least. */
  minRuns: number;
  /** Milliseconds before the first round. */
  warmupMs: number;
  /** A side that has taken so many milliseconds in its rounds sits out the others, once it has been in `FEW_ROUNDS`. */
  maxSideMs: number;
}

/** Settings of a full run. */
export const FULL: Settings = { rounds: 9, roundMs: 250, minRuns: 2, warmupMs: 500, maxSideMs: 15_000 };

/** Settings of `--quick`. */
export const QUICK: Settings = { rounds: 2, roundMs: 30, minRuns: 1, warmupMs: 30, maxSideMs: 500 };

/** Rounds of the slowest sides. */
const FEW_ROUNDS = 1;

/** A side whose run takes longer is warm from the check, and runs once in a round. */
const SLOW_MS = 2000;

/** Milliseconds between two sides: threads of some libraries spin for a while after their work. */
const PAUSE_MS = 60;

/** Milliseconds after which a side that does not answer is given up. */
export const PATIENCE_MS = 300_000;

/** What became of a side. */
export interface SideResult extends Pick<Side, "library" | "kind" | "variant" | "stored" | "runtime" | "threads"> {
  /** The side's id. */
  side: string;
  status: "measured" | "differs" | "failed" | "absent";
  /** Why it was not measured. */
  reason?: string;
  /** What the side says about itself. */
  version?: string;
  backend?: string;
  details?: object;
  note?: string;
  /** Why only the work is the same and not the numbers, where that is so. */
  sameWorkOnly?: string;
  /** The greatest difference from heed's results, as a share of the greatest magnitude. */
  difference?: number;
  /** Milliseconds of one run, round by round: the median of each round. */
  roundsMs?: number[];
  ms?: Summary;
  /** What differs from heed's results though it may, or how much was compared. */
  differing?: string;
  /** Medians of what the first work of a process took. */
  firstTime?: FirstTime;
  /** What it holds. */
  memory?: MemoryUse;
  /** Work per second. */
  rate?: number;
  /** heed with as many threads, in the same runtime where heed runs there, over this side. */
  heedFaster?: Ratio & { heed: string };
  /** This side over itself with one thread. */
  overOneThread?: Ratio;
}

/** What became of a case. */
export interface CaseResult extends Pick<Case, "subject" | "name" | "unit" | "tolerance" | "headline"> {
  /** Operations, tokens, steps or bytes of one run. */
  amount: number;
  sides: SideResult[];
  /** Of sides that are compared beyond heed and its rivals. */
  ratios?: NamedRatio[];
}

/** Whom one can ask. */
export type Conversation = Pick<SideProcess, "ask">;

/** Opens sides, or says why it cannot. */
export interface SideSource {
  open(side: Side): Promise<Conversation>;
  /** Opens one that nobody else talks to. */
  start(side: Side): Promise<Conversation & Pick<SideProcess, "close">>;
}

/** A side and its times. */
export interface Timed {
  side: Side;
  result: SideResult;
  /** Medians of rounds. */
  times: number[];
}

interface Contestant extends Timed {
  process: Conversation;
  /** Milliseconds of the last run, or what the check says about them: never more than preparing took. */
  lastMs: number;
  spentMs: number;
}

/** Measures a case. `onProgress` hears what is going on. */
export async function measureCase(
  each: Case,
  settings: Settings,
  source: Pick<SideSource, "open">,
  onProgress: (what: string) => void,
): Promise<CaseResult> {
  const { subject, name, unit, tolerance, headline } = each;
  const contestants: Contestant[] = [];
  const results: SideResult[] = [];
  const work = await each.work();
  const expected = new Map<string | undefined, Check>();
  for (const side of each.sides) {
    onProgress(`${name}: preparing ${side.id}`);
    const result = startResult(side);
    results.push(result);
    const process = await source.open(side).catch((error: Error) => {
      Object.assign(result, { status: "absent", reason: error.message });
      return undefined;
    });
    if (process === undefined) continue;
    try {
      const started = performance.now();
      const { check, description, ...rest } = await process.ask({ op: "prepare", work }, PATIENCE_MS);
      const lastMs = performance.now() - started;
      Object.assign(result, description, rest);
      const first = expected.get(check.of) ?? check;
      expected.set(check.of, first);
      if (result.sameWorkOnly === undefined) judge(result, first, check, tolerance + (check.rounding ?? 0));
      if (result.status === "measured") contestants.push({ side, process, result, times: [], lastMs, spentMs: 0 });
      else await process.ask({ op: "release" }, PATIENCE_MS);
    } catch (error) {
      fail(result, error);
    }
  }
  await takeTurns(name, contestants, settings, onProgress);
  const amount = amountOf(each);
  summarizeTimes({ unit: each.unit, amount }, contestants);
  const ratios = subject === "stored" ? { ratios: storedRatios(results) } : {};
  return { subject, name, unit, amount, tolerance, headline, sides: results, ...ratios };
}

/** What is known of a side beforehand. */
export function startResult({ id, library, kind, variant, stored, runtime, threads }: Side): SideResult {
  return { side: id, library, kind, variant, stored, runtime, threads, status: "measured" };
}

/** The amount of a case as a number. */
export function amountOf({ amount }: Pick<Case, "amount">): number {
  return typeof amount === "number" ? amount : amount();
}

/** Takes a side out, with the reason. */
export function fail(result: SideResult, error: unknown): void {
  Object.assign(result, { status: "failed", reason: error instanceof Error ? error.message : String(error) });
}

function judge(result: SideResult, expected: Check, actual: Check, tolerance: number): void {
  const { difference, problem, remark } = compareChecks(expected, actual, tolerance);
  Object.assign(result, { difference, ...(remark !== undefined && { differing: remark }) });
  if (problem !== undefined) Object.assign(result, { status: "differs", reason: problem });
}

async function takeTurns(
  name: string,
  contestants: readonly Contestant[],
  settings: Settings,
  onProgress: (what: string) => void,
): Promise<void> {
  const { rounds, maxSideMs } = settings;
  for (let round = 0; round <= rounds; round++) {
    for (const each of contestants) {
      const isDone = each.spentMs > maxSideMs && each.times.length >= FEW_ROUNDS;
      if (each.result.status !== "measured" || isDone) continue;
      onProgress(`${name}: ${round === 0 ? "warming up" : `round ${round} of ${rounds}`}, ${each.side.id}`);
      await setTimeout(PAUSE_MS);
      try {
        if (round === 0) await warmUp(each, settings);
        else await takeTurn(each, settings);
      } catch (error) {
        fail(each.result, error);
      }
    }
  }
  for (const { process, result } of contestants)
    await process.ask({ op: "release" }, PATIENCE_MS).catch((error: unknown) => fail(result, error));
}

/** Lets the engine see what there is to do. What took long to prepare has shown it already, or is too slow to care. */
async function warmUp(each: Contestant, { warmupMs }: Settings): Promise<void> {
  if (each.lastMs > 10 * SLOW_MS) return;
  const { times } = await each.process.ask({ op: "round", ms: warmupMs, minRuns: 1, warmUp: false }, PATIENCE_MS);
  each.lastMs = times[times.length - 1];
}

async function takeTurn(each: Contestant, { roundMs, minRuns }: Settings): Promise<void> {
  const isSlow = each.lastMs > SLOW_MS;
  const request = {
    op: "round",
    ms: roundMs,
    minRuns: isSlow ? 1 : minRuns,
    warmUp: each.lastMs < roundMs / 2,
  } as const;
  const { times } = await each.process.ask(request, PATIENCE_MS);
  each.lastMs = times[times.length - 1];
  each.spentMs += times.reduce((sum, time) => sum + time, 0);
  each.times.push(summarize(times).median);
}

/** Fills in medians, rates and ratios of the sides that were measured. */
export function summarizeTimes(
  { unit, amount }: { unit: Case["unit"]; amount: number },
  contestants: readonly Timed[],
): void {
  const measured = contestants.filter(({ result }) => result.status === "measured");
  for (const { side, result, times } of measured) {
    result.roundsMs = times;
    result.ms = summarize(times);
    result.rate = amount / UNITS[unit] / (result.ms.median / 1000);
    const heed = counterpart(side, measured);
    if (heed !== undefined) result.heedFaster = { heed: heed.side.id, ...compareTimes(heed.times, times) };
    const alone = measured.find(
      (other) =>
        side.threads > 1 &&
        other.side.threads === 1 &&
        other.side.library === side.library &&
        other.side.runtime === side.runtime &&
        other.side.variant === side.variant &&
        other.side.stored === side.stored,
    );
    if (alone !== undefined) result.overOneThread = compareTimes(times, alone.times);
  }
}

/** The heed that a rival is compared with: as many threads, and the same Node if heed runs on it. */
function counterpart(side: Side, all: readonly Timed[]): Timed | undefined {
  if (side.library === "heed") return undefined;
  const heeds = all.filter(
    (other) =>
      other.side.library === "heed" &&
      other.side.variant === undefined &&
      other.side.stored === side.stored &&
      other.side.threads === side.threads,
  );
  return heeds.find((other) => other.side.runtime === side.runtime) ?? heeds[0];
}
