/** The loss on a text is the mean over its windows, and judging leaves no trace. */
import { describe, expect, it } from "vitest";
import { AbortError, ConfigError } from "../../src/errors.ts";
import { crossEntropy } from "../../src/ops/cross-entropy.ts";
import { evaluate } from "../../src/training/evaluate.ts";
import type { EvaluateOptions } from "../../src/training/evaluate.ts";
import { snapshot, tinyModel, tokens } from "./models.ts";

/** The definition: the mean of crossEntropy over windows that follow each other. */
function meanLoss(seqLen: number, pick: (windows: number) => number[]): number {
  const model = tinyModel();
  const windows = Math.floor((tokens.length - 1) / seqLen);
  const losses = pick(windows).map((window) => {
    const text = tokens.slice(window * seqLen, window * seqLen + seqLen + 1);
    return crossEntropy(model.forward(text.slice(0, -1)), [text.slice(1)]).item();
  });
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
}

const all = (windows: number): number[] => Array.from({ length: windows }, (_, window) => window);

describe("evaluate", () => {
  it("is the mean of crossEntropy over all windows, whatever the batch", async () => {
    for (const seqLen of [8, 5, 1]) {
      for (const batchSize of [1, 3, 16, 1000])
        expect(
          Math.abs((await evaluate(tinyModel(), tokens, { seqLen, batchSize })) - meanLoss(seqLen, all)),
        ).toBeLessThan(1e-5);
    }
    expect(await evaluate(tinyModel(), tokens)).toBe(
      await evaluate(tinyModel(), tokens, { seqLen: 8, batchSize: 16, maxWindows: Infinity }),
    );
  });

  it("takes windows spread over the text when there are more than it may use", async () => {
    const spread = await evaluate(tinyModel(), tokens, { maxWindows: 5 }); // of 24
    expect(Math.abs(spread - meanLoss(8, () => [0, 4, 9, 14, 19]))).toBeLessThan(1e-5);
    expect(await evaluate(tinyModel(), tokens, { maxWindows: 24 })).toBe(
      await evaluate(tinyModel(), tokens, { maxWindows: 99 }),
    );
  });

  it("judges without dropout, changes no parameter and leaves no gradient", async () => {
    const model = tinyModel({ dropout: 0.5 });
    const before = snapshot(model);
    expect(await evaluate(model, tokens)).toBe(await evaluate(tinyModel(), tokens));
    expect(snapshot(model)).toEqual(before);
    for (const { grad } of model.parameters().values()) expect(grad).toBeNull();
  });

  it("stops through its signal", async () => {
    await expect(evaluate(tinyModel(), tokens, { signal: AbortSignal.abort() })).rejects.toThrow(AbortError);
  });

  it("refuses what it cannot do", async () => {
    const bad: Readonly<Record<keyof Omit<EvaluateOptions, "signal">, readonly unknown[]>> = {
      seqLen: [0, 9, 1.5, "8", null],
      batchSize: [0, -1, 1.5, null],
      maxWindows: [0, -1, 1.5, NaN, null],
    };
    for (const [name, values] of Object.entries(bad)) {
      for (const value of values)
        await expect(evaluate(tinyModel(), tokens, { [name]: value })).rejects.toThrow(
          `evaluate: ${name} must be an integer`,
        );
    }
    await expect(evaluate(tinyModel(), tokens.slice(0, 8))).rejects.toThrow(
      "evaluate: needs more than seqLen = 8 tokens, got 8",
    );
    await expect(evaluate(tinyModel(), [...tokens, 8])).rejects.toThrow(
      "evaluate: token 8 at position 200 is not in the model's vocabulary of 8",
    );
    await expect(evaluate(tinyModel(), tokens, { windows: 3 } as EvaluateOptions)).rejects.toThrow(ConfigError);
  });
});
