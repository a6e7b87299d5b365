/** The benchmark harness: its statistics, its clockwork with a clock of our own and the selection of cases. */
import { describe, expect, it } from "vitest";
import { listCases, readArguments, selectCases } from "../../bench/arguments.ts";
import { FEW_SAMPLES, collectCases, measure, measureTogether } from "../../bench/harness.ts";
import type { BenchCase, Run } from "../../bench/harness.ts";
import { quantile, summarize } from "../../bench/statistics.ts";
import { FakeClock, fakeCase, inTurn, runAll, settings } from "./fake-cases.ts";

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

  it("takes turns, and leaves out from then on what throws", async () => {
    const clock = new FakeClock();
    const order: string[] = [];
    const named = (name: string, work: Run): Run => {
      return () => {
        order.push(name);
        return work();
      };
    };
    let left = 3;
    const breaks = (): unknown => (left-- > 0 ? clock.work(20)() : Promise.reject(new Error("no")));
    const runs = [named("a", clock.work(20)), named("b", breaks), named("c", clock.work(40))];
    const [a, b, c] = await measureTogether(runs, settings, clock.read);
    expect(order.join("")).toBe("abc" + "abcabcab" + "cacac"); // warm-up, then rounds
    expect(a).toEqual({ samples: [20, 20, 20, 20, 20], repeats: 1 });
    expect(b).toEqual({ error: new Error("no") });
    expect(c).toEqual({ samples: [40, 40, 40, 40, 40], repeats: 1 });
    const nothing = await measureTogether([() => Promise.reject(new Error("no"))], settings, clock.read);
    expect(nothing).toEqual([{ error: new Error("no") }]);
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

  it("compares neighbours that belong together round by round, with the fastest baseline", async () => {
    const clock = new FakeClock();
    const together = { together: "pair" };
    // Alike in all rounds but two: the medians, 30 and 25, would say 1.2.
    const outcomes = await runAll(
      clock,
      fakeCase(clock, "slow", 0, { ...together, setup: () => inTurn(clock, 60) }),
      fakeCase(clock, "fast", 0, { ...together, setup: () => inTurn(clock, 50, 10, 20, 30, 40) }),
      fakeCase(clock, "own", 0, {
        ...together,
        baseline: ["slow", "fast"],
        setup: () => inTurn(clock, 25, 20, 40, 60, 20),
      }),
      fakeCase(clock, "alone", 15, { baseline: ["slow", "fast"] }),
    );
    expect(outcomes.map((outcome) => outcome.kind === "measured" && [outcome.baseline, outcome.ratio])).toEqual([
      [undefined, undefined],
      [undefined, undefined],
      ["fast", 0.5],
      ["fast", 2],
    ]);
  });

  it("may run once, tell more than their time, and clear up", async () => {
    const clock = new FakeClock();
    const cleared: string[] = [];
    const [once, failed] = await runAll(
      clock,
      fakeCase(clock, "once", 7, {
        once: true,
        figures: () => ({ loss: clock.runs }),
        curve: { name: "line", at: 2, figure: "loss" },
        teardown: async () => void cleared.push("once"),
      }),
      fakeCase(clock, "fails", 7, {
        setup: () => () => Promise.reject(new Error("no")),
        teardown: () => void cleared.push("fails"),
      }),
    );
    expect(once).toMatchObject({ samples: 1, repeats: 1, medianMs: 7, figures: { loss: 1 } });
    expect(once).toMatchObject({ curve: { name: "line", at: 2, figure: "loss" } });
    expect(failed).toMatchObject({ kind: "failed", error: "Error: no" });
    expect(cleared).toEqual(["once", "fails"]);
  });

  it("skips what cannot run here", async () => {
    const clock = new FakeClock();
    expect(await runAll(clock, fakeCase(clock, "far", 1, { unavailable: () => "no data now" }))).toMatchObject([
      { kind: "skipped", reason: "no data now" },
    ]);
    expect(await runAll(clock, fakeCase(clock, "near", 1, { unavailable: () => undefined }))).toMatchObject([
      { kind: "measured" },
    ]);
    clock.runs = 0;
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
    {
      name: "inference",
      cases: [
        fakeCase(clock, "Decode", 1),
        fakeCase(clock, "prefill", 1),
        fakeCase(clock, "decode all night", 1, { onRequest: true }),
      ],
    },
  ]);
  const names = (...words: string[]): string[] => selectCases(cases, words).map(({ name }) => name);

  it("selects by parts of names and subjects, in any case, each case once and in order", () => {
    expect(names()).toHaveLength(5);
    expect(names("decode", "prefill", "fill")).toEqual(["Decode", "prefill"]);
    expect(names("prefill", "matmul")).toEqual(["matmul naive 512³", "matmul 512³", "A·B", "prefill"]);
  });

  it("leaves out what must be asked for, unless it is named in full", () => {
    expect(names("decode")).toEqual(["Decode"]);
    expect(() => names("night")).toThrow('no case is called "night"');
    expect(names("Decode all night")).toEqual(["decode all night"]);
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
      backend: "auto",
      relaxed: true,
      words: ["matmul", "decode"],
    });
    expect(readArguments(["--backend", "wasm", "--threads", "2", "--no-relaxed"])).toMatchObject({
      ...{ backend: "wasm", threads: 2, relaxed: false, words: [] },
    });
    expect(() => readArguments(["--backend", "gpu"])).toThrow('one of auto, loops, wasm, got "gpu"');
    for (const threads of ["0", "-1", "1.5", "two", ""])
      expect(() => readArguments([`--threads=${threads}`])).toThrow("whole number from 1 on");
    expect(() => readArguments(["--fast"])).toThrow("--fast");
    expect(() => readArguments(["--json"])).toThrow("--json");
    expect(() => readArguments(["--json="])).toThrow("--json");
  });
});
