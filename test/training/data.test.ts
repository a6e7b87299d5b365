/** Windows of text and what follows them. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { Random } from "../../src/random.ts";
import { batchAt, checkTokens, sampleBatch, splitTokens } from "../../src/training/data.ts";
import { expectError } from "../expect-error.ts";

describe("batchAt", () => {
  it("cuts windows, and the same windows one token further on", () => {
    expect(batchAt([5, 6, 7, 8, 9], [0, 2], 2)).toEqual({
      inputs: [
        [5, 6],
        [7, 8],
      ],
      targets: [
        [6, 7],
        [8, 9],
      ],
    });
    expect(batchAt(Uint16Array.of(5, 6, 7), [0], 2)).toEqual({ inputs: [[5, 6]], targets: [[6, 7]] });
  });

  it("cuts nothing from beyond the tokens", () => {
    expect(batchAt([5, 6, 7, 8, 9], [2], 2).targets).toEqual([[8, 9]]);
    for (const start of [3, -1, 0.5, NaN]) {
      expectError(
        () => batchAt([5, 6, 7, 8, 9], [0, start], 2),
        ConfigError,
        `batchAt: each start must be an integer from 0 to 2, got ${start}`,
      );
    }
    expectError(() => batchAt([5, 6], [0], 2), ConfigError, /^batchAt: needs more than seqLen = 2 tokens, got 2/);
    expectError(() => batchAt([5, 6], [0], 0), ConfigError, "batchAt: seqLen must be an integer >= 1, got 0");
  });
});

describe("sampleBatch", () => {
  it("cuts windows that lie wholly within the text", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 6 }),
        fc.integer(),
        (seqLen, extra, batchSize, seed) => {
          const text = Array.from({ length: seqLen + extra }, (_, i) => i);
          const { inputs, targets } = sampleBatch(text, batchSize, seqLen, new Random(seed));
          expect([inputs.length, targets.length]).toEqual([batchSize, batchSize]);
          inputs.forEach((row, i) => {
            expect(row).toEqual(Array.from({ length: seqLen }, (_, j) => row[0] + j));
            expect(targets[i]).toEqual(row.map((token) => token + 1));
            expect(targets[i][seqLen - 1]).toBeLessThan(text.length);
          });
        },
      ),
    );
  });

  it("reaches every place, the first and the last too", () => {
    const random = new Random(3);
    const starts = new Set(
      Array.from({ length: 200 }, () => sampleBatch([0, 1, 2, 3, 4, 5], 1, 2, random).inputs[0][0]),
    );
    expect([...starts].sort()).toEqual([0, 1, 2, 3]);
  });

  it("is the same for the same seed", () => {
    const text = Array.from({ length: 1000 }, (_, i) => i);
    const of = (seed: number): unknown => sampleBatch(text, 4, 3, new Random(seed));
    expect(of(1)).toEqual(of(1));
    expect(of(1)).not.toEqual(of(2));
  });
});

describe("sampleBatch, asked for what it cannot cut,", () => {
  it("says so in its own name", () => {
    const random = new Random(1);
    const before = random.state();
    expectError(
      () => sampleBatch([1, 2, 3], 2, 3, random),
      ConfigError,
      "sampleBatch: needs more than seqLen = 3 tokens, got 3; give more text or a smaller seqLen",
    );
    for (const size of [0, 1.5, NaN]) {
      expectError(
        () => sampleBatch([1, 2, 3], size, 2, random),
        ConfigError,
        `sampleBatch: batchSize must be an integer >= 1, got ${size}`,
      );
      expectError(
        () => sampleBatch([1, 2, 3], 2, size, random),
        ConfigError,
        `sampleBatch: seqLen must be an integer >= 1, got ${size}`,
      );
    }
    expect(random.state()).toEqual(before);
  });
});

describe("splitTokens", () => {
  it("refuses what is no share, and what is no list", () => {
    for (const fraction of [1.5, -0.1, NaN, "0.1"]) {
      expectError(
        () => splitTokens([1, 2, 3], fraction as number),
        ConfigError,
        `splitTokens: fraction must be a number from 0 to 1, got ${typeof fraction === "string" ? `"${fraction}"` : fraction}`,
      );
    }
    expectError(
      () => splitTokens(null as unknown as number[], 0.5),
      ConfigError,
      "splitTokens: tokens must be a list of ids, as tokenizer.encode gives it, got null",
    );
  });

  it("gives the last part for validation, and loses nothing", () => {
    const { train, validation } = splitTokens([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 0.3);
    expect([...train]).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect([...validation]).toEqual([7, 8, 9]);
  });
});

describe("checkTokens", () => {
  it("accepts lists and typed arrays of known tokens that are longer than a window", () => {
    for (const text of [[0, 1, 2, 3], Int32Array.of(0, 1, 2, 3), Uint8Array.of(3, 3, 3, 3)])
      expect(checkTokens("train", text, 3, 4)).toBeUndefined();
  });

  it("says what is wrong and what to do", () => {
    expectError(
      () => checkTokens("train", [1, 2], 2, 4),
      ConfigError,
      "train: needs more than seqLen = 2 tokens, got 2; give more text or a smaller seqLen",
    );
    expectError(() => checkTokens("train", [], 2, 4), ConfigError, /got 0; give more text/);
    expectError(
      () => checkTokens("train", [1, 2, 4], 2, 4),
      ConfigError,
      "train: token 4 at position 2 is not in the model's vocabulary of 4; build the model with vocabSize: tokenizer.vocabSize",
    );
    for (const token of [-1, 0.5, NaN, "1", null, undefined]) {
      expectError(
        () => checkTokens("train", [1, 2, token] as number[], 2, 4),
        ConfigError,
        new RegExp(`token ${String(token)} at position 2`),
      );
    }
    for (const [text, kind] of [
      ["text", "string"],
      [null, "null"],
      [5, "number"],
      [{}, "object"],
    ] as const) {
      expectError(
        () => checkTokens("train", text as unknown as number[], 2, 4),
        ConfigError,
        new RegExp(`^train: tokens must be a list of ids, as tokenizer.encode gives it, got ${kind}$`),
      );
    }
  });
});
