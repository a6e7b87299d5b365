/** Small trainings whose every digit is written down: for the same seed the same in each runtime, for any number of threads. */
import { BPETokenizer, Transformer, generate, presets, train } from "heed";
import type { ModelConfig } from "heed";

const text = "The sea is deep and the ocean is wide. The ship sails on the sea. ".repeat(30);

/** What came out, to the last bit. */
export interface PinnedRun {
  losses: number[];
  /** The sum of all parameters in the end: it changes with the last bits of any of them. */
  parameters: number;
  greedy: number[];
  sampled: number[];
}

/** One model of each family: together they use nearly every kernel. */
const FAMILIES = {
  gpt2: (config: ModelConfig): ModelConfig => presets.gpt2({ ...config, nHeads: 2, dropout: 0.1 }),
  llama: (config: ModelConfig): ModelConfig => presets.llama({ ...config, nHeads: 4, nKvHeads: 2 }),
};

/** Trains five steps and writes a little, with each of the families. */
export async function runPinnedTraining(): Promise<Record<keyof typeof FAMILIES, PinnedRun>> {
  return { gpt2: await run("gpt2"), llama: await run("llama") };
}

async function run(family: keyof typeof FAMILIES): Promise<PinnedRun> {
  const tokenizer = BPETokenizer.train(text, { vocabSize: 280 });
  const sizes = { vocabSize: tokenizer.vocabSize, contextLength: 32, dModel: 32, nLayers: 2, nHeads: 1 };
  const model = new Transformer(FAMILIES[family](sizes), { seed: 1 });
  const losses: number[] = [];
  const options = { maxSteps: 5, batchSize: 4, learningRate: 1e-2, seed: 1 };
  for await (const { loss } of train(model, tokenizer.encode(text), options)) losses.push(loss);
  const lm = { model, tokenizer };
  const { tokens: greedy } = await generate(lm, "The sea", { maxNewTokens: 6 });
  const { tokens: sampled } = await generate(lm, "The sea", { strategy: "sample", seed: 7, maxNewTokens: 6 });
  let parameters = 0;
  for (const { data } of model.parameters().values()) for (const value of data) parameters += value;
  return { losses, parameters, greedy, sampled };
}

const WRITTEN = {
  gpt2: { greedy: [267, 266, 264, 276, 271, 277], sampled: [224, 258, 98, 276, 271, 221] },
  llama: { greedy: [264, 278, 13, 267, 257, 272], sampled: [209, 256, 92, 275, 267, 209] },
};

/** The digits of each backend, of the fast one without relaxed arithmetic. */
export const PINNED: Record<"loops" | "wasm", Awaited<ReturnType<typeof runPinnedTraining>>> = {
  loops: {
    gpt2: {
      ...WRITTEN.gpt2,
      losses: [5.883651256561279, 4.879673004150391, 4.330844402313232, 3.75827956199646, 3.7610878944396973],
      parameters: 165.17356596483017,
    },
    llama: {
      ...WRITTEN.llama,
      losses: [5.663644790649414, 4.354977130889893, 3.5825753211975098, 3.104909896850586, 2.8688583374023438],
      parameters: 164.17099239737428,
    },
  },
  wasm: {
    gpt2: {
      ...WRITTEN.gpt2,
      losses: [5.883651256561279, 4.879673004150391, 4.330844402313232, 3.75827956199646, 3.7610878944396973],
      parameters: 165.17817849430867,
    },
    llama: {
      ...WRITTEN.llama,
      losses: [5.663644790649414, 4.354976654052734, 3.582573652267456, 3.1049084663391113, 2.8688571453094482],
      parameters: 164.17102066945154,
    },
  },
};
