/**
 * What the first work in a process takes: each sample is a process of its own, which loads a package, answers, and works once. The sides
 * take turns.
 */
import { summarize } from "../statistics.ts";
import type { FirstTime, Work } from "./adapter.ts";
import type { Case } from "./case.ts";
import { PATIENCE_MS, amountOf, fail, startResult, summarizeTimes } from "./measure.ts";
import type { CaseResult, Settings, SideResult, SideSource, Timed } from "./measure.ts";

interface Newcomer extends Timed {
  samples: FirstTime[];
}

/** Measures a case in fresh processes: how long until the first answer, and how long the first run takes then. */
export async function measureFirstTimes(
  each: Case,
  settings: Settings,
  source: Pick<SideSource, "start">,
  onProgress: (what: string) => void,
): Promise<CaseResult[]> {
  const work = await each.work();
  const newcomers: Newcomer[] = each.sides.map((side) => ({ side, result: startResult(side), times: [], samples: [] }));
  for (let round = 1; round <= settings.rounds; round++) {
    for (const newcomer of newcomers) {
      if (newcomer.result.status !== "measured" || isDone(newcomer, settings)) continue;
      onProgress(`${each.name}: process ${round} of ${settings.rounds}, ${newcomer.side.id}`);
      await addSample(newcomer, work, source);
    }
  }
  const ready = conclude(each, newcomers, { name: `${each.subject} ready with ${nameOf(each)}`, unit: "loads/s" }, 1);
  const { name, unit } = each;
  return [ready, conclude(each, newcomers, { name, unit }, amountOf(each))];
}

function isDone({ samples }: Newcomer, { maxSideMs }: Settings): boolean {
  return samples.reduce((sum, { readyMs, encodeMs }) => sum + readyMs + encodeMs, 0) > maxSideMs;
}

/** The last word of a case's name is that of its vocabulary. */
function nameOf({ name }: Case): string {
  return name.slice(name.lastIndexOf(" ") + 1);
}

async function addSample(
  { side, result, samples }: Newcomer,
  work: Work,
  source: Pick<SideSource, "start">,
): Promise<void> {
  const process = await source.start(side).catch((error: Error) => {
    Object.assign(result, { status: "absent", reason: error.message });
    return undefined;
  });
  if (process === undefined) return;
  try {
    const { firstTime, description } = await process.ask({ op: "firstTime", work }, PATIENCE_MS);
    Object.assign(result, description);
    samples.push(firstTime);
  } catch (error) {
    fail(result, error);
  } finally {
    process.close();
  }
}

/** One of the two results. */
function conclude(
  { subject, headline }: Case,
  newcomers: readonly Newcomer[],
  { name, unit }: Pick<Case, "name" | "unit">,
  amount: number,
): CaseResult {
  const pick: keyof FirstTime = unit === "loads/s" ? "readyMs" : "encodeMs";
  const timed = newcomers.map(({ side, result, samples }) => ({
    side,
    result: { ...result, ...(samples.length > 0 && { firstTime: medians(samples) }) } as SideResult,
    times: samples.map((sample) => sample[pick]),
  }));
  summarizeTimes({ unit, amount }, timed);
  return { subject, name, unit, amount, tolerance: 0, headline, sides: timed.map(({ result }) => result) };
}

function medians(samples: readonly FirstTime[]): FirstTime {
  const median = (key: keyof FirstTime): number => summarize(samples.map((sample) => sample[key])).median;
  const [readyMs, encodeMs] = [median("readyMs"), median("encodeMs")];
  const [heldBytes, heldAfterBytes] = [median("heldBytes"), median("heldAfterBytes")];
  return { readyMs, encodeMs, heldBytes, heldAfterBytes, residentBytes: median("residentBytes") };
}
