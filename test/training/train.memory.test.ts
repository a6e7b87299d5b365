/** A thousand steps leave nothing behind in memory. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { Transformer } from "../../src/model/transformer.ts";
import { train } from "../../src/training/train.ts";
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

it("a thousand training steps let the memory in use grow by less than 5 MB", async () => {
  const model = new Transformer(
    { vocabSize: 8, contextLength: 8, dModel: 16, nLayers: 1, nHeads: 2, dropout: 0.1 },
    { seed: 1 },
  );
  const parameters = 4 * [...model.parameters().values()].reduce((sum, { size }) => sum + size, 0);
  let before = 0;
  for await (const { step } of train(model, tokens, {
    maxSteps: 1020,
    batchSize: 4,
    validation: 0.2,
    evalEvery: 100,
  })) {
    if (step === 20) before = await bytesInUse();
  }
  const growth = (await bytesInUse()) - before;
  if (process.env.HEED_ERRORS !== undefined)
    console.log(
      `growth over 1,000 steps: ${(growth / 1e6).toFixed(2)} MB (parameters: ${(parameters / 1e6).toFixed(2)} MB)`,
    );
  expect(before).toBeGreaterThan(parameters);
  expect(growth).toBeLessThan(5e6);
});
