/** The comparison of models with llama.cpp, as far as it needs no llama.cpp: what is compared, and how. */
import { describe, expect, it } from "vitest";
import type { Check } from "../../bench/rivals/adapter.ts";
import type { Case, Side } from "../../bench/rivals/case.ts";
import { measureCase } from "../../bench/rivals/measure.ts";
import type { Conversation, SideResult } from "../../bench/rivals/measure.ts";
import { agrees, compareGreedy, describeAgreement, matrixDifference } from "../../bench/rivals/models/compare-model.ts";
import { BLOCK_TYPES, randomBlocks, typeNumber } from "../../bench/rivals/models/random-blocks.ts";
import { randomModel } from "../../bench/rivals/models/random-model.ts";
import { SHAPES } from "../../bench/rivals/models/shapes.ts";
import type { Request } from "../../bench/rivals/protocol.ts";
import { formatRatios, storedRatios } from "../../bench/rivals/stored/ratios.ts";
import { architectureOf, FAMILIES } from "../../src/formats/architectures/table.ts";
import { GGML_TYPES } from "../../src/formats/gguf-header.ts";
import { dequantize } from "../../src/formats/quantized/blocks.ts";
import { Random } from "../../src/random.ts";

describe("models for the comparison", () => {
  it("are there for every family with a GGUF form, in several shapes", () => {
    for (const family of FAMILIES) {
      const name = family === "gemma3_text" ? "gemma3" : family;
      const shapes = SHAPES.filter((shape) => shape.name.startsWith(`${name}: `));
      expect(shapes.length, family).toBeGreaterThanOrEqual(architectureOf(family).gguf === undefined ? 1 : 2);
    }
    expect(new Set(SHAPES.map(({ name }) => name)).size).toBe(SHAPES.length);
  });

  it("have logits that are not flat, the same each time", () => {
    const { config } = SHAPES[0];
    const [one, other] = [3, 3].map((seed) => randomModel(config, seed).forward([1, 2, 3], { lastOnly: true }).data);
    expect(other).toEqual(one);
    expect(Math.max(...one) - Math.min(...one)).toBeGreaterThan(5);
  });
});

describe("random blocks", () => {
  it.each(BLOCK_TYPES)("of %s are spread around zero as asked for", (type) => {
    expect(GGML_TYPES.get(typeNumber(type))?.name).toBe(type);
    const numbers = new Float32Array(256 * 40);
    dequantize(type, randomBlocks(type, numbers.length, 0.25, new Random(1)), numbers);
    const mean = numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
    const deviation = Math.sqrt(numbers.reduce((sum, x) => sum + (x - mean) ** 2, 0) / numbers.length);
    expect(Math.abs(mean)).toBeLessThan(0.05);
    expect(deviation).toBeGreaterThan(0.15);
    expect(deviation).toBeLessThan(0.4);
  });
});

describe("comparing models", () => {
  it("takes the greatest difference of all, and lets no NaN pass", () => {
    expect(matrixDifference([[1, -4], [2, 0]], [[1, -4], [2, 1]])).toBe(0.25); // prettier-ignore
    expect(matrixDifference([[NaN, 1]], [[1, 1]])).toBeNaN();
    expect(matrixDifference([[1, 1]], [[NaN, 1]])).toBeNaN();
  });

  it("follows the tokens of the other, and tells how far off they are", () => {
    const model = randomModel(SHAPES[0].config, 1);
    const first = model.forward([5, 6], { lastOnly: true }).data;
    const best = first.indexOf(Math.max(...first));
    const right = compareGreedy({ model }, [5, 6], [best]);
    expect([agrees(right), describeAgreement(right)]).toEqual([true, "1 equal"]);
    const wrong = compareGreedy({ model }, [5, 6], [(best + 1) % first.length]);
    expect(agrees(wrong)).toBe(false);
    expect(describeAgreement(wrong)).toMatch(/^0 of 1 equal, [\d.]+ apart$/);
  });

  it("compares only sides with the same weights, and lets those that round be farther off", async () => {
    const checks: Readonly<Record<string, Check>> = {
      a: { of: "f32", row: [0, 1] },
      b: { of: "q8_0", row: [0, 2, 5] },
      c: { of: "q8_0", row: [0, 2, 5.1], rounding: 0.05 },
      d: { of: "q8_0", row: [0, 2, 5.1] },
    };
    const sides = Object.keys(checks).map((id): Side => {
      return { id, library: "heed", kind: "heed", packages: [], runtime: "node", threads: 1, stored: "f32" };
    });
    const each: Case = {
      ...{ subject: "stored", name: "stored x", group: "stored", unit: "tokens/s", amount: 1, tolerance: 1e-4 },
      ...{ headline: true, sides, work: () => ({ kind: "matmul", size: 1 }) },
    };
    const open = async ({ id }: Side): Promise<Conversation> => ({
      ask: (async ({ op }: Request) =>
        op === "round" ? { times: [1] } : { check: checks[id], description: {} }) as Conversation["ask"],
    });
    const settings = { rounds: 1, roundMs: 1, minRuns: 1, warmupMs: 1, maxSideMs: 1 };
    const result = await measureCase(each, settings, { open }, () => undefined);
    expect(result.sides.map(({ status }) => status)).toEqual(["measured", "measured", "measured", "differs"]);
  });
});

describe("ratios of stored weights", () => {
  const side = (library: string, stored: SideResult["stored"], ms: number): SideResult => ({
    ...{ side: `${library} ${stored}`, library, kind: "heed", runtime: "node", threads: 1, status: "measured" },
    ...{ stored, roundsMs: [ms, ms] },
  });

  it("are those of heed over llama.cpp on one file, and of heed's forms", () => {
    const sides = [
      ...[side("heed", "f32", 40), side("heed", "f16", 20), side("heed", "q8_0", 10), side("heed", "q4_0", 5)],
      ...[side("node-llama-cpp", "q8_0", 15), { ...side("node-llama-cpp", "f16", 1), status: "differs" as const }],
    ];
    expect(storedRatios(sides).map(({ name, ratio }) => [name, ratio])).toEqual([
      ["heed q8_0 / node-llama-cpp q8_0", 1.5],
      ["heed f16 / heed f32", 2],
      ["heed q8_0 / heed f32", 4],
      ["heed q4_0 / heed q8_0", 2],
    ]);
    expect(formatRatios(storedRatios(sides))).toContain("heed f16 / heed f32");
  });
});
