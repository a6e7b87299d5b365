/** Cases that take as long as they are told, by a clock that stands still otherwise. */
import { collectCases, runCases } from "../../bench/harness.ts";
import type { BenchCase, Outcome, Run, Settings } from "../../bench/harness.ts";

/** Few samples, soon over. */
export const settings: Settings = { warmupMs: 10, sampleMs: 2, minSamples: 5, minMs: 50, maxMs: 200 };

/** A clock that stands still unless work moves it on. */
export class FakeClock {
  now = 0;
  runs = 0;
  readonly read = (): number => this.now;

  /** Work of so many milliseconds each. */
  work(...durations: number[]): Run {
    return () => {
      this.now += durations[this.runs++ % durations.length];
      return this.runs;
    };
  }
}

/** Work of its own durations, one after the other. */
export function inTurn(clock: FakeClock, ...durations: number[]): Run {
  let next = 0;
  return () => {
    clock.now += durations[next++ % durations.length];
    return next;
  };
}

/** A case of so many milliseconds. */
export function fakeCase(clock: FakeClock, name: string, ms: number, rest: Partial<BenchCase> = {}): BenchCase {
  return { name, unit: "tokens/s", work: 10, setup: () => clock.work(ms), ...rest };
}

/** Runs cases by a clock. */
export async function runAll(clock: FakeClock, ...cases: BenchCase[]): Promise<Outcome[]> {
  return runCases(collectCases([{ name: "fake", cases }]), settings, { clock: clock.read });
}
