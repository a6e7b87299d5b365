/** The comparison with other libraries, as far as it needs none of them: files for them, ratios, selection, a case, and the chart. */
import { describe, expect, it } from "vitest";
import type { Check } from "../../bench/rivals/adapter.ts";
import type { Case, Side } from "../../bench/rivals/case.ts";
import { allCases } from "../../bench/rivals/cases.ts";
import { chartSides, drawChart } from "../../bench/rivals/chart.ts";
import { compareChecks, compareTimes, relativeDifference } from "../../bench/rivals/compare.ts";
import { halvesToPairs } from "../../bench/rivals/files/decoder-gguf.ts";
import { transposed } from "../../bench/rivals/files/decoder-onnx.ts";
import { ggufParts } from "../../bench/rivals/files/gguf.ts";
import { ExternalData, OnnxGraph } from "../../bench/rivals/files/onnx.ts";
import { ProtobufMessage } from "../../bench/rivals/files/protobuf.ts";
import { FULL, measureCase } from "../../bench/rivals/measure.ts";
import type { CaseResult, Conversation, Settings, SideResult } from "../../bench/rivals/measure.ts";
import { readOptions, select } from "../../bench/rivals/options.ts";
import { lineReader } from "../../bench/rivals/protocol.ts";
import type { Request } from "../../bench/rivals/protocol.ts";
import { formatCase } from "../../bench/rivals/report.ts";
import type { RivalsReport } from "../../bench/rivals/report.ts";

const bytes = (message: ProtobufMessage): number[] => [...message.toBytes()];

describe("protocol buffers", () => {
  it("write the examples of their documentation", () => {
    expect(bytes(new ProtobufMessage().int(1, 150))).toEqual([0x08, 0x96, 0x01]);
    expect(bytes(new ProtobufMessage().string(2, "testing"))).toEqual([0x12, 7, ...Buffer.from("testing")]);
    expect(bytes(new ProtobufMessage().message(3, new ProtobufMessage().int(1, 150)))).toEqual([0x1a, 3, 8, 0x96, 1]);
  });

  it("write negative numbers in ten bytes, and 32-bit ones with the low byte first", () => {
    expect(bytes(new ProtobufMessage().int(1, -1n))).toEqual([0x08, ...Array<number>(9).fill(0xff), 1]);
    expect(bytes(new ProtobufMessage().float(1, 1))).toEqual([0x0d, 0, 0, 0x80, 0x3f]);
    expect(bytes(new ProtobufMessage().int(16, 0))).toEqual([0x80, 0x01, 0]);
  });
});

describe("ONNX", () => {
  it("keeps large constants once, each on a page of its own, for all models that share them", () => {
    const external = new ExternalData("weights");
    const [a, b] = [Float32Array.of(1, 2), Float32Array.of(3)];
    for (let i = 0; i < 2; i++) {
      const graph = new OnnxGraph();
      graph.externalConstant("a", [2], external, () => a);
      graph.externalConstant("b", [1], external, () => b);
      expect(graph.model().size).toBeLessThan(300);
    }
    expect(external.place("b", () => b)).toEqual({ location: "weights", offset: 4096, length: 4 });
    expect(external.parts.reduce((sum, { length }) => sum + length, 0)).toBe(8192);
  });

  it("stands weights side by side, turned", () => {
    expect([...transposed([Float32Array.of(1, 2, 3, 4), Float32Array.of(5, 6)], 2)]).toEqual([1, 3, 5, 2, 4, 6]);
  });
});

describe("GGUF", () => {
  it("begins with its name and counts, and aligns its tensors", () => {
    const tensors = [
      { name: "a", shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
      { name: "b", shape: [1], data: Float32Array.of(7) },
    ];
    const file = Buffer.concat(ggufParts({ k: { uint32: 5 }, list: { strings: ["x", "é"] } }, tensors));
    expect(file.toString("latin1", 0, 4)).toBe("GGUF");
    expect(file.readUInt32LE(4)).toBe(3);
    expect([file.readBigUInt64LE(8), file.readBigUInt64LE(16)]).toEqual([2n, 2n]);
    const first = file.indexOf("a", 24 + 60, "latin1");
    expect(file.readUInt32LE(first + 1)).toBe(2); // axes
    expect([file.readBigUInt64LE(first + 5), file.readBigUInt64LE(first + 13)]).toEqual([3n, 2n]); // the innermost first
    expect([file.readUInt32LE(first + 21), file.readBigUInt64LE(first + 25)]).toEqual([0, 0n]);
    expect(file.length % 32).toBe(0);
    expect(file.readFloatLE(file.length - 32)).toBe(7);
    expect(file.readFloatLE(file.length - 64)).toBe(1);
  });

  it("takes rows of a head in pairs", () => {
    const rows = Float32Array.of(0, 1, 2, 3, 10, 11, 12, 13); // two heads of four rows of one number
    expect([...halvesToPairs(rows, 4, 1)]).toEqual([0, 2, 1, 3, 10, 12, 11, 13]);
  });
});

describe("comparing results", () => {
  it("measures the difference as a share of the greatest magnitude, and lets no NaN pass", () => {
    expect(relativeDifference([1, -4], [1, -3])).toBe(0.25);
    expect(relativeDifference([0, 0], [0, 0])).toBe(0);
    expect(relativeDifference([1], [1, 1])).toBe(Infinity);
    expect(compareChecks({ values: [1, 2] }, { values: [NaN, 2] }, 1).problem).toContain("numbers differ");
  });

  it("compares rows but for a constant, and tokens exactly", () => {
    const expected: Check = { row: [1, 2, 6], tokens: [3, 4] };
    expect(compareChecks(expected, { row: [-9, -8, -4], tokens: [3, 4] }, 1e-9)).toEqual({ difference: 0 });
    expect(compareChecks(expected, { row: [1, 2, 7] }, 1e-2).problem).toContain("0.01 is allowed");
    expect(compareChecks(expected, { tokens: [3, 5] }, 1e-2).problem).toBe("token 2 differs: 5 instead of 4");
  });

  it("takes the ratio from medians, and its spread from rounds", () => {
    expect(compareTimes([1, 2, 4], [8, 8, 8])).toEqual({ ratio: 4, q1: 3, q3: 6 });
    expect(compareTimes([1, 2, 3, 4], [6])).toEqual({ ratio: 6 / 2.5, q1: 6, q3: 6 });
  });
});

function fakeSide(library: string, threads: number, rest: Partial<Side> = {}): Side {
  const id = `${library}, ${threads}`;
  return { id, library, kind: "javascript", packages: [], runtime: "node", threads, ...rest };
}

const heed1 = fakeSide("heed", 1, { kind: "heed" });
const heed2 = fakeSide("heed", 2, { kind: "heed" });

function fakeCase(name: string, sides: readonly Side[]): Case {
  return {
    subject: "matmul",
    name,
    group: "matmul",
    unit: "GFLOP/s",
    amount: 1e9,
    tolerance: 1e-3,
    headline: true,
    sides,
    work: () => ({ kind: "matmul", size: 1 }),
  };
}

describe("the command line", () => {
  const cases = [
    fakeCase("matmul 256", [heed1, fakeSide("ort", 1)]),
    fakeCase("decoder", [heed1, fakeSide("llama", 1)]),
  ];
  const chosen = (...words: string[]): string[] =>
    select(cases, words).map(({ name, sides }) => `${name}: ${sides.map(({ library }) => library).join()}`);

  it("chooses cases and sides by parts of their names, and keeps heed", () => {
    expect(chosen()).toEqual(["matmul 256: heed,ort", "decoder: heed,llama"]);
    expect(chosen("256")).toEqual(["matmul 256: heed,ort"]);
    expect(chosen("LLAMA")).toEqual(["decoder: heed,llama"]);
    expect(chosen("llama", "256")).toEqual([]);
    expect(() => chosen("matmil")).toThrow('no case and no side is called "matmil"');
  });

  it("reads flags", () => {
    expect(readOptions(["--no-install", "x"])).toMatchObject({ install: false, quick: false, words: ["x"] });
    expect(() => readOptions(["--fast"])).toThrow("--fast");
    expect(() => readOptions(["--json="])).toThrow("--json");
  });

  it("has cases and sides of different names, heed first in each", () => {
    const names = allCases().map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, subject, sides } of allCases()) {
      expect(name.startsWith(subject)).toBe(true);
      expect(new Set(sides.map(({ id }) => id)).size).toBe(sides.length);
      expect(sides[0].library).toBe("heed");
    }
  });

  it("cuts the conversation into lines, however it arrives", () => {
    const lines: string[] = [];
    const read = lineReader((line) => lines.push(line));
    for (const chunk of ["a", "b\nc", "\n\nd\ne"]) read(chunk);
    expect(lines).toEqual(["ab", "c", "d"]);
  });
});

describe("a case", () => {
  const settings: Settings = { ...FULL, rounds: 3 };

  /** A side whose runs take so long, and whose result is a number; it notes who is asked. */
  function conversation(name: string, ms: number, value: number, log: string[]): Conversation {
    const reply = (request: Request): unknown => {
      log.push(`${request.op} ${name}`);
      if (request.op === "round") return { times: [ms] };
      return request.op === "prepare"
        ? { check: { values: [value] }, description: { version: "1", backend: "b" } }
        : null;
    };
    return { ask: (async (request: Request) => reply(request)) as Conversation["ask"] };
  }

  it("compares first, then takes turns, and computes ratios", async () => {
    const log: string[] = [];
    const sides = [heed1, heed2, fakeSide("fast", 1), fakeSide("wrong", 1), fakeSide("gone", 1)];
    const ms: Record<string, number> = { "heed, 1": 10, "heed, 2": 6, "fast, 1": 5 };
    const result = await measureCase(
      fakeCase("matmul", sides),
      settings,
      {
        open: async ({ id }) => {
          if (id === "gone, 1") throw new Error("not installed");
          return conversation(id, ms[id], id === "wrong, 1" ? 2 : 1, log);
        },
      },
      () => undefined,
    );
    const [one, two, fast, wrong, gone] = result.sides;
    expect(one).toMatchObject({ status: "measured", rate: 100, roundsMs: [10, 10, 10], backend: "b" });
    expect(two.overOneThread).toEqual({ ratio: 10 / 6, q1: 10 / 6, q3: 10 / 6 });
    expect(fast).toMatchObject({ rate: 200, difference: 0, heedFaster: { heed: "heed, 1", ratio: 0.5 } });
    expect(wrong).toMatchObject({ status: "differs", difference: 1 });
    expect(gone).toMatchObject({ status: "absent", reason: "not installed" });
    const rounds = log.filter((line) => line.startsWith("round"));
    expect(rounds).toEqual(Array.from({ length: 4 }, () => ["round heed, 1", "round heed, 2", "round fast, 1"]).flat());
    expect(log.indexOf("round heed, 1")).toBeGreaterThan(log.indexOf("release wrong, 1"));
    expect(formatCase(result)).toMatch(/gone, 1 +absent: not installed/);
    expect(formatCase(result)).toMatch(
      /fast, 1 +5\.00 ms +5\.00 – 5\.00 ms +200 GFLOP\/s +0\.500 × \(0\.500 – 0\.500\)/,
    );
  });
});

describe("the chart", () => {
  const measured = (side: Side, rate: number, rest: Partial<SideResult> = {}): SideResult => {
    const { id, packages: _packages, ...about } = side;
    const ms = { median: 1 / rate, q1: 1, q3: 1, min: 1, max: 1 };
    return { side: id, ...about, status: "measured", rate, ms, ...rest };
  };
  const each: CaseResult = {
    ...fakeCase("matmul <768³>", []),
    amount: 1,
    sides: [
      measured(heed1, 40),
      measured(fakeSide("ort & co", 1), 20),
      measured(fakeSide("ort & co", 1, { runtime: "node24" }), 30),
      measured(fakeSide("near", 1), 10, { sameWorkOnly: "other sums" }),
      measured(fakeSide("wrong", 1), 50, { status: "differs" }),
    ],
  };
  const report: RivalsReport = {
    heed: "1.2.3",
    date: "2030-01-02T03:04:05.678Z",
    machine: { cpu: "CPU", cores: 2, memoryBytes: 1, platform: "linux", node: "v20" },
    runtimes: { node: "Node v20.0.0" },
    packages: {},
    absent: [],
    settings: FULL,
    cases: [each, { ...each, name: "hidden", headline: false }],
  };

  it("shows what was measured, the faster of two runtimes, fastest first", () => {
    expect(chartSides(each).map(({ library, rate }) => [library, rate])).toEqual([
      ["heed", 40],
      ["ort & co", 30],
      ["near", 10],
    ]);
  });

  it("is one self-contained document that says where and when", () => {
    const svg = drawChart(report);
    expect(svg).toMatch(/^<svg [^>]*viewBox="0 0 960 \d+"/);
    expect(svg).toContain("matmul &lt;768³&gt;");
    expect(svg).toContain("ort &amp; co, 1 thread");
    expect(svg).toContain("near, 1 thread *");
    expect(svg).toContain("heed 1.2.3, CPU, 2 cores, linux, Node v20.0.0, 2030-01-02");
    expect(svg).not.toMatch(/hidden|wrong|undefined|NaN|<script|<image|@import|url\(/);
    expect(svg.match(/<rect [^>]*height="13"/g)).toHaveLength(3);
  });
});
