/** Models at work with a cache: reading a prompt (prefill), which arithmetic limits, and writing one token (decode), which memory limits. */
import { presets, scope } from "heed";
import type { ModelConfig } from "heed";
import type { BenchCase, Subject } from "./harness.ts";
import { llamaWithUniformWeights, randomTokens } from "./seeded.ts";

/** llama2.c's models of the TinyStories, by its shapes. */
const llama15M: ModelConfig = presets.llama({ contextLength: 1024, dModel: 288, nLayers: 6, nHeads: 6, dFf: 768 });
const stories260K: ModelConfig = presets.llama({
  vocabSize: 512,
  contextLength: 512,
  dModel: 64,
  nLayers: 5,
  nHeads: 8,
  nKvHeads: 4,
  dFf: 172,
  tieEmbeddings: true,
});

function prefillCase(name: string, config: ModelConfig, count: number): BenchCase {
  return {
    name: `inference prefill ${count} tokens ${name}`,
    unit: "tokens/s",
    work: count,
    setup: () => {
      const model = llamaWithUniformWeights(config, 1);
      const tokens = randomTokens(count, config.vocabSize, 2);
      return () => scope(() => model.forward(tokens, { kvCache: model.newCache(), lastOnly: true }).data[0]);
    },
  };
}

/** One token after `past` others, again and again at the same place: the cache is rewound. */
function decodeCase(name: string, config: ModelConfig, past: number): BenchCase {
  return {
    name: `inference decode after ${past} tokens ${name}`,
    unit: "tokens/s",
    work: 1,
    setup: () => {
      const model = llamaWithUniformWeights(config, 1);
      const kvCache = model.newCache();
      scope(() => model.forward(randomTokens(past, config.vocabSize, 2), { kvCache, lastOnly: true }).data[0]);
      const next = randomTokens(1, config.vocabSize, 3);
      return () => {
        const logit = scope(() => model.forward(next, { kvCache, lastOnly: true }).data[0]);
        kvCache.rewind(past);
        return logit;
      };
    },
  };
}

/** Reading and writing with a cache. */
export const inference: Subject = {
  name: "inference",
  cases: [
    prefillCase("Llama 15M", llama15M, 256),
    decodeCase("Llama 15M", llama15M, 16),
    decodeCase("Llama 15M", llama15M, 256),
    prefillCase("stories260K sizes", stories260K, 256),
    decodeCase("stories260K sizes", stories260K, 256),
  ],
};
