/** Models that are too large. */
import { describe, expect, it } from "vitest";
import { ConfigError, ShapeError } from "../../src/errors.ts";
import { checkMemory, withinMemory } from "../../src/formats/memory.ts";
import { newArray } from "../../src/tensor/scope.ts";

const need = { weights: 3e15, positions: 2e6 };
const MESSAGE =
  /^loadModel: the model needs 3,000,000,002 MB of memory \(3,000,000,000 MB for weights, 2 MB for positions\), (the machine has [\d,]+ MB|which this runtime does not give); dtype: "q8_0" or "q4_0" makes weights smaller, contextLength positions$/;

describe("checkMemory", () => {
  it("knows before anything is read", async () => {
    await expect(checkMemory(need)).rejects.toThrow(ConfigError);
    await expect(checkMemory(need)).rejects.toThrow(MESSAGE);
    await expect(checkMemory({ weights: 1e6, positions: 1e3 })).resolves.toBeUndefined();
  });
});

describe("withinMemory", () => {
  it("says how much is missing where memory runs out", async () => {
    for (const work of [async () => new Float32Array(2 ** 52), async () => newArray(2 ** 52)]) {
      await expect(withinMemory(need, work)).rejects.toThrow(ConfigError);
      await expect(withinMemory(need, work)).rejects.toThrow(MESSAGE);
    }
  });

  it("leaves other errors alone", async () => {
    const error = new ShapeError("other");
    const work = async (): Promise<never> => {
      throw error;
    };
    await expect(withinMemory(need, work)).rejects.toBe(error);
    await expect(withinMemory(need, async () => 3)).resolves.toBe(3);
  });
});
