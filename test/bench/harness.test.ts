/** The benchmark harness: its statistics, its clockwork with a clock of our own, the selection of cases and the report. */
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { listCases, readArguments, selectCases } from "../../bench/arguments.ts";
import { FEW_SAMPLES, collectCases, measure, runCases } from "../../bench/harness.ts";
import type { BenchCase, Outcome, Run, Settings } from "../../bench/harness.ts";
import { Table, addOutcomes, describeRun, formatNumber, formatTime, writeReport } from "../../bench/report.ts";
import { quantile, summarize } from "../../bench/statistics.ts";

const settings: Settings = { warmupMs: 10, sampleMs: 2, minSamples: 5, minMs: 50, maxMs: 200 };

/** A clock that stands still unless work moves it on. */
class FakeClock {
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

function fakeCase(clock: FakeClock, name: string, ms: number, rest: Partial<BenchCase> = {}): BenchCase {
  return { name, unit: "tokens/s", work: 10, setup: () => clock.work(ms), ...rest };
}

async function runAll(clock: FakeClock, ...cases: BenchCase[]): Promise<Outcome[]> {
  return runCases(collectCases([{ name: "fake", cases }]), settings, { clock: clock.read });
}

describe("statistics", () => {
  it("takes the middle, or the mean of the two in the middle", () => {
    expect(summarize([5, 1, 3]).median).toBe(3);
    expect(summarize([4, 1, 3, 2]).median).toBe(2.5);
  });

  it("interpolates quartiles as R's type 7", () => {
    expect(summarize([9, 1, 2, 4, 7, 8, 3])).toEqual({ median: 4, q1: 2.5, q3: 7.5, min: 1, max: 9 }); // R: quantile(c(9,1,2,4,7,8,3))
    expect(quantile([10, 20], 0.25)).toBe(12.5);
  });

  it("summarizes a single sample, and refuses none", () => {
    expect(summarize([6])).toEqual({ median: 6, q1: 6, q3: 6, min: 6, max: 6 });
    expect(() => summarize([])).toThrow("at least one sample");
  });
});

describe("measuring", () => {
  it("repeats short work until a sample is long enough, and reports the time of one run", async () => {
    const clock = new FakeClock();
    const { samples, repeats } = await measure(clock.work(0.25), settings, clock.read);
    expect(repeats).toBe(10); // 2 ms and a quarter more
    expect(samples).toHaveLength(20); // 50 ms of 2.5 ms each
    expect(new Set(samples)).toEqual(new Set([0.25]));
  });

  it("runs long work once in a sample, and takes the least number of samples", async () => {
    const clock = new FakeClock();
    const { samples, repeats } = await measure(clock.work(20), settings, clock.read);
    expect({ samples: samples.length, repeats, runs: clock.runs }).toEqual({ samples: 5, repeats: 1, runs: 6 });
  });

  it("is content with few samples of work that takes too long", async () => {
    const clock = new FakeClock();
    const { samples } = await measure(clock.work(150), settings, clock.read);
    expect(samples).toHaveLength(FEW_SAMPLES);
  });

  it("waits for asynchronous runs", async () => {
    const clock = new FakeClock();
    const work = clock.work(4);
    const { samples } = await measure(
      async () => {
        await Promise.resolve();
        return work();
      },
      settings,
      clock.read,
    );
    expect(new Set(samples)).toEqual(new Set([4]));
  });

  it("refuses a run that returns nothing", async () => {
    await expect(measure(() => undefined, settings, new FakeClock().read)).rejects.toThrow("optimised away");
  });
});

describe("cases", () => {
  it("computes rates in their units and ratios to the baseline", async () => {
    const clock = new FakeClock();
    const [slow, fast, big] = await runAll(
      clock,
      fakeCase(clock, "slow", 20),
      fakeCase(clock, "fast", 5, { baseline: "slow" }),
      fakeCase(clock, "big", 20, { unit: "GFLOP/s", work: () => 3e9 }),
    );
    expect(slow).toMatchObject({
      kind: "measured",
      subject: "fake",
      rate: 500,
      medianMs: 20,
      q1Ms: 20,
      q3Ms: 20,
      minMs: 20,
      maxMs: 20,
    });
    expect(slow).not.toHaveProperty("ratio");
    expect(fast).toMatchObject({ rate: 2000, baseline: "slow", ratio: 4 });
    expect(big).toMatchObject({ work: 3e9, rate: 150 });
  });

  it("reports a case that throws, in setup or later, and goes on", async () => {
    const clock = new FakeClock();
    const fail = (): never => {
      throw new RangeError("no");
    };
    const outcomes = await runAll(
      clock,
      fakeCase(clock, "no setup", 20, { setup: fail }),
      fakeCase(clock, "no run", 20, { setup: () => fail }),
      fakeCase(clock, "no promise", 20, { setup: async () => async () => fail() }),
      fakeCase(clock, "no work", 20, { work: 0 }),
      fakeCase(clock, "good", 20, { baseline: "no run" }),
    );
    expect(outcomes.map(({ kind }) => kind)).toEqual(["failed", "failed", "failed", "failed", "measured"]);
    expect(outcomes[1]).toEqual({ kind: "failed", subject: "fake", name: "no run", error: "RangeError: no" });
    expect(outcomes[4]).not.toHaveProperty("ratio");
  });

  it("skips what cannot run here", async () => {
    const clock = new FakeClock();
    expect(await runAll(clock, fakeCase(clock, "far", 1, { unavailable: "no data" }))).toEqual([
      { kind: "skipped", subject: "fake", name: "far", reason: "no data" },
    ]);
    expect(clock.runs).toBe(0);
  });

  it("must have names of their own, and baselines that stand before them in the same unit", () => {
    const clock = new FakeClock();
    const collect = (...cases: BenchCase[]): unknown => collectCases([{ name: "fake", cases }]);
    expect(() => collect(fakeCase(clock, "a", 1), fakeCase(clock, "a", 1))).toThrow('two cases are called "a"');
    expect(() => collect(fakeCase(clock, "a", 1, { baseline: "b" }), fakeCase(clock, "b", 1))).toThrow(
      'needs its baseline "b"',
    );
    expect(() => collect(fakeCase(clock, "a", 1), fakeCase(clock, "b", 1, { unit: "GB/s", baseline: "a" }))).toThrow(
      "in GB/s",
    );
  });
});

describe("the command line", () => {
  const clock = new FakeClock();
  const cases = collectCases([
    {
      name: "matmul",
      cases: [
        fakeCase(clock, "matmul naive 512³", 1),
        fakeCase(clock, "matmul 512³", 1, { baseline: "matmul naive 512³" }),
        fakeCase(clock, "A·B", 1),
      ],
    },
    { name: "inference", cases: [fakeCase(clock, "Decode", 1), fakeCase(clock, "prefill", 1)] },
  ]);
  const names = (...words: string[]): string[] => selectCases(cases, words).map(({ name }) => name);

  it("selects by parts of names and subjects, in any case, each case once and in order", () => {
    expect(names()).toHaveLength(5);
    expect(names("decode", "prefill", "fill")).toEqual(["Decode", "prefill"]);
    expect(names("prefill", "matmul")).toEqual(["matmul naive 512³", "matmul 512³", "A·B", "prefill"]);
  });

  it("brings the baseline of a selected case", () => {
    expect(names("matmul 512")).toEqual(["matmul naive 512³", "matmul 512³"]);
  });

  it("names all cases when one is unknown", () => {
    expect(() => names("decode", "matmil")).toThrow(`no case is called "matmil"; there are:\n${listCases(cases)}`);
    expect(() => names("")).toThrow('no case is called ""');
    expect(listCases(cases)).toContain("inference\n  Decode\n  prefill");
  });

  it("reads flags and words, and refuses what it does not know", () => {
    expect(readArguments(["matmul", "--quick", "--json", "x.json", "decode"])).toEqual({
      help: false,
      list: false,
      quick: true,
      json: "x.json",
      words: ["matmul", "decode"],
    });
    expect(() => readArguments(["--fast"])).toThrow("--fast");
    expect(() => readArguments(["--json"])).toThrow("--json");
    expect(() => readArguments(["--json="])).toThrow("--json");
  });
});

describe("the report", () => {
  const clock = new FakeClock();
  const run = async (): Promise<Outcome[]> =>
    runAll(
      clock,
      fakeCase(clock, "base", 20),
      fakeCase(clock, "twice as fast", 10, { baseline: "base" }),
      fakeCase(clock, "far", 1, { unavailable: "no data" }),
      fakeCase(clock, "bad", 1, { work: -1 }),
    );

  it("sorts outcomes into lists, names the machine, and fits into one line", async () => {
    const report = addOutcomes(describeRun(settings), await run());
    expect(Object.keys(report).filter((key) => key !== "commit")).toEqual([
      "heed",
      "date",
      "machine",
      "backend",
      "settings",
      "cases",
      "failures",
      "skipped",
    ]);
    expect(report.heed).toMatch(/^\d+\.\d+\.\d+/);
    expect(Date.parse(report.date)).not.toBeNaN();
    expect(report.machine).toMatchObject({
      cpu: expect.any(String),
      cores: expect.any(Number),
      memoryBytes: expect.any(Number),
      node: process.version,
    });
    expect(report.backend.name).toMatch(/loops|wasm/);
    expect(report.cases[1]).toEqual({
      subject: "fake",
      name: "twice as fast",
      unit: "tokens/s",
      work: 10,
      samples: 5,
      repeats: 1,
      medianMs: 10,
      q1Ms: 10,
      q3Ms: 10,
      minMs: 10,
      maxMs: 10,
      rate: 1000,
      baseline: "base",
      ratio: 2,
    });
    expect(report.skipped).toEqual([{ subject: "fake", name: "far", reason: "no data" }]);
    expect(report.failures).toEqual([
      { subject: "fake", name: "bad", error: "Error: the work of a run must be positive, got -1" },
    ]);
    expect(JSON.stringify(report)).not.toContain("\n");
  });

  it("is written under its name only when complete, into folders that it makes", () => {
    const folder = mkdtempSync(join(tmpdir(), "heed-bench-"));
    try {
      const report = describeRun(settings);
      writeReport(join(folder, "results", "run.json"), report);
      expect(JSON.parse(readFileSync(join(folder, "results", "run.json"), "utf8"))).toEqual(report);
      mkdirSync(join(folder, "results", "taken"));
      expect(() => writeReport(join(folder, "results", "taken"), report)).toThrow(/EISDIR|EPERM|ENOTEMPTY|EEXIST/);
      expect(readdirSync(join(folder, "results")).sort()).toEqual(["run.json", "taken"]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("aligns the columns of its table", async () => {
    const outcomes = await run();
    const table = new Table(outcomes);
    const [head] = table.head().split("\n");
    const rows = outcomes.map((outcome) => table.row(outcome));
    expect(rows[1]).toMatch(
      /^twice as fast +10\.0 ms +10\.0 – 10\.0 ms +10\.0 ms +1,000 tokens\/s +5 × 1 +2\.00 × base$/,
    );
    expect(rows[1].indexOf("2.00 ×")).toBe(head.indexOf("compared"));
    expect(rows[0].length).toBe(head.indexOf("  compared"));
    expect(rows[2]).toBe("far            skipped: no data");
    expect(rows[3]).toMatch(/^bad {12}failed: Error: the work/);
  });

  it("writes numbers with three digits, and the times of a row in one unit", () => {
    expect([0, 0.00123, 0.5, 1, 12.34, 99.96, 123.4, 12_345].map(formatNumber)).toEqual([
      "0",
      "0.00123",
      "0.500",
      "1.00",
      "12.3",
      "100.0",
      "123",
      "12,345",
    ]);
    expect([0.0123, 0.5, 5, 1500].map((ms) => formatTime(ms, ms))).toEqual(["12.3 µs", "500 µs", "5.00 ms", "1.50 s"]);
    expect(formatTime(900, 1100)).toBe("0.900 s");
  });
});
