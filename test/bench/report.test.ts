/** What the benchmarks print and write. */
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { BenchCase, Outcome } from "../../bench/harness.ts";
import {
  Table,
  addOutcomes,
  describeRun,
  formatCurve,
  formatNumber,
  formatTime,
  writeReport,
} from "../../bench/report.ts";
import { FakeClock, fakeCase, runAll, settings } from "./fake-cases.ts";

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

  it("names a baseline without what the case has in common with it, and adds figures", async () => {
    const outcomes = await runAll(
      clock,
      fakeCase(clock, "row 768, loops", 20),
      fakeCase(clock, "row 768, wasm", 10, { baseline: "row 768, loops", figures: () => ({ peakMiB: 12.34 }) }),
      fakeCase(clock, "row 768, loops, again", 20, { baseline: "row 768, loops" }),
    );
    const rows = outcomes.map((outcome) => new Table(outcomes).row(outcome));
    expect(rows[1]).toMatch(/ {2}2\.00 × loops, peakMiB 12\.3$/);
    expect(rows[2]).toMatch(/ {2}1\.00 × row 768, loops$/);
  });

  it("holds curves beside their lines, from times or figures", async () => {
    const point = (name: string, at: number, ms: number, figure?: string): BenchCase =>
      fakeCase(clock, `${name} ${at}`, ms, { curve: { name, at, figure }, figures: () => ({ size: 3 * at }) });
    const outcomes = await runAll(
      clock,
      ...[1, 2, 4].flatMap((at) => [point("time", at, 10 + 20 * at), point("size", at, 20, "size")]),
      ...[1, 2].map((at) => point("short", at, 20)),
    );
    const { curves = [] } = addOutcomes(describeRun(settings), outcomes);
    expect(curves.map(({ name, unit }) => [name, unit])).toEqual([
      ["time", "ms"],
      ["size", "size"],
    ]);
    expect(curves[0].points).toEqual([
      { at: 1, value: 30 },
      { at: 2, value: 50 },
      { at: 4, value: 90 },
    ]);
    expect(curves[0].slope).toBeCloseTo(20, 9);
    expect(curves[1].worstDeviation).toBeLessThan(1e-9);
    expect(formatCurve(curves[0])).toBe(
      "time [ms]: 30.0 at 1, 50.0 at 2, 90.0 at 4; line 10.00 + 20,000 per 1,000, worst deviation 0.0 %",
    );
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
