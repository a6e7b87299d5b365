/** Thousands of steps leave nothing behind, neither among the objects of the program nor in linear memory. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { backendMemory } from "../../src/backend/current.ts";
import type { LinearMemory } from "../../src/backend/wasm/memory.ts";
import { generate } from "../../src/generation/generate.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { crossEntropy } from "../../src/ops/cross-entropy.ts";
import { AdamW } from "../../src/training/optimizer.ts";
import { train } from "../../src/training/train.ts";
import { describeBackends } from "../backends.ts";
import { tokens } from "./models.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Bytes that are in use after everything unused was collected. */
async function bytesInUse(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 5)); // array buffers are freed after the collection that finds them
  }
  const { heapUsed, external } = process.memoryUsage(); // external includes array buffers
  return heapUsed + external;
}

/** Bytes of the linear memory, which can grow and never shrinks; 0 where there is none. */
const linearBytes = (): number => (backendMemory() as Partial<LinearMemory>).bytes ?? 0;

/** Asserts that nothing has grown since `start`, but for what the collector and the compiler keep for themselves. */
async function expectFlat(start: { used: number; linear: number }, what: string): Promise<void> {
  const growth = (await bytesInUse()) - start.used;
  if (process.env.HEED_ERRORS !== undefined) console.log(`growth over ${what}: ${(growth / 1e6).toFixed(2)} MB`);
  expect(growth).toBeLessThan(5e6);
  expect(linearBytes()).toBe(start.linear);
}

const now = async (): Promise<{ used: number; linear: number }> => ({
  used: await bytesInUse(),
  linear: linearBytes(),
});

const make = (): Transformer =>
  new Transformer({ vocabSize: 8, contextLength: 128, dModel: 16, nLayers: 1, nHeads: 2, dropout: 0.1 }, { seed: 1 });

describeBackends(() => {
  it("a thousand training steps leave memory as it is", async () => {
    const model = make();
    let start = await now();
    const options = { maxSteps: 1020, batchSize: 4, seqLen: 8, validation: 0.2, evalEvery: 100 };
    for await (const { step } of train(model, tokens, options)) if (step === 20) start = await now();
    const parameters = 4 * [...model.parameters().values()].reduce((sum, { size }) => sum + size, 0);
    expect(start.used).toBeGreaterThan(parameters);
    await expectFlat(start, "1,000 steps");
  });

  it("so does a loop written by hand, without any scope", async () => {
    const model = make();
    const optimizer = new AdamW(model.parameters());
    let start = await now();
    for (let step = 1; step <= 1020; step++) {
      const loss = crossEntropy(model.forward(tokens.slice(0, 8)), tokens.slice(1, 9));
      loss.backward();
      optimizer.step(1e-2);
      optimizer.zeroGrad();
      if (step % 100 === 0) await new Promise((resolve) => setTimeout(resolve)); // the collector may need a pause
      if (step === 20) start = await now();
    }
    await expectFlat(start, "1,000 steps without scopes");
  });

  it("and so do ten thousand decoded tokens", async () => {
    const lm = { model: make() };
    let start = await now();
    let written = 0;
    for (let round = 0; written < 10_000; round++) {
      const sampling = { strategy: "sample", seed: round } as const;
      const options = [{}, sampling, { strategy: "beam", numBeams: 3 }] as const;
      const { tokens: more } = await generate(lm, [1, 2, 3], { maxNewTokens: 120, eosIds: [], ...options[round % 3] });
      written += more.length;
      if (round === 5) start = await now();
    }
    await expectFlat(start, "10,000 tokens");
  });
});
