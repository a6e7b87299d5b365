/** A small training whose every digit is written down: the same in each runtime, for the same seed. */
import { BPETokenizer, Transformer, generate, train } from "heed";

const text = "The sea is deep and the ocean is wide. The ship sails on the sea. ".repeat(30);

/** What came out, to the last bit. */
export interface PinnedRun {
  losses: number[];
  greedy: number[];
  sampled: number[];
}

/** Trains five steps and writes a little. */
export async function runPinnedTraining(): Promise<PinnedRun> {
  const tokenizer = BPETokenizer.train(text, { vocabSize: 280 });
  const model = new Transformer(
    { vocabSize: tokenizer.vocabSize, contextLength: 32, dModel: 32, nLayers: 2, nHeads: 2, dropout: 0.1 },
    { seed: 1 },
  );
  const losses: number[] = [];
  const options = { maxSteps: 5, batchSize: 4, learningRate: 1e-2, seed: 1 };
  for await (const { loss } of train(model, tokenizer.encode(text), options)) losses.push(loss);
  const lm = { model, tokenizer };
  const { tokens: greedy } = await generate(lm, "The sea", { maxNewTokens: 6 });
  const { tokens: sampled } = await generate(lm, "The sea", { strategy: "sample", seed: 7, maxNewTokens: 6 });
  return { losses, greedy, sampled };
}

/** The digits, as the plain loops give them. */
export const PINNED: PinnedRun = {
  losses: [5.883651256561279, 4.879673004150391, 4.330844402313232, 3.75827956199646, 3.7610878944396973],
  greedy: [267, 266, 264, 276, 271, 277],
  sampled: [224, 258, 98, 276, 271, 221],
};
