/** Small models for these tests: random ones, and ones that say what a script tells them. */
import { kernels } from "../../src/backend/current.ts";
import type { GenerateOptions } from "../../src/generation/options.ts";
import type { LanguageModel } from "../../src/language-model.ts";
import type { ModelConfig } from "../../src/model/config.ts";
import { Transformer } from "../../src/model/transformer.ts";
import type { ForwardOptions } from "../../src/model/transformer.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { CharTokenizer } from "../../src/tokenizer/char.ts";

/** A random model; `sharpness` multiplies its logits, so that some tokens are much likelier than others. */
export function tinyModel(seed: number, config: Partial<ModelConfig> = {}, sharpness: number = 3): Transformer {
  const model = new Transformer(
    { vocabSize: 12, contextLength: 32, dModel: 16, nLayers: 2, nHeads: 2, ...config },
    { seed },
  );
  const weight = model.parameters().get("finalNorm.weight");
  if (weight === undefined) throw new Error("the model has no final norm");
  weight.data.fill(sharpness);
  return model;
}

/** Twelve letters, one token each. */
export const letters: CharTokenizer = CharTokenizer.train("abcdefghijkl");

/** A random model that reads and writes twelve letters. */
export function tinyLanguageModel(seed: number, config: Partial<ModelConfig> = {}): LanguageModel {
  return { model: tinyModel(seed, config), tokenizer: letters };
}

/** Continues a prompt of one token with the tokens of a script, whatever it is given, and counts how often it is asked. */
export class ScriptedModel extends Transformer {
  calls = 0;
  readonly #script: readonly number[];

  constructor(script: readonly number[], vocabSize: number, contextLength: number = 64) {
    super({ vocabSize, contextLength, dModel: 4, nLayers: 1, nHeads: 1 });
    this.#script = script;
  }

  override forward(
    tokens: readonly number[] | readonly (readonly number[])[],
    { kvCache }: ForwardOptions = {},
  ): Tensor {
    this.calls++;
    const rows = tokens as readonly (readonly number[])[];
    kvCache?.advance(rows[0].length);
    const logits = new Float32Array(rows.length * this.config.vocabSize);
    const next = this.#script[(kvCache?.length ?? rows[0].length) - 1];
    if (next !== undefined)
      rows.forEach((_, row) => {
        logits[row * this.config.vocabSize + next] = 8;
      });
    return new Tensor(logits, [rows.length, 1, this.config.vocabSize]);
  }
}

/** A model that writes the tokens of a text, in twelve letters. */
export function scripted(text: string, contextLength?: number): LanguageModel & { readonly model: ScriptedModel } {
  return { model: new ScriptedModel(letters.encode(text), letters.vocabSize, contextLength), tokenizer: letters };
}

/** Log-probabilities of what follows `tokens`, computed without a cache. */
export function freshLogprobs(model: Transformer, tokens: readonly number[]): Float32Array {
  const { vocabSize } = model.config;
  const logits = model.forward([...tokens]).data.slice(-vocabSize);
  const out = new Float32Array(vocabSize);
  kernels().logSoftmax(out, logits, 1, vocabSize, 0, 1);
  return out;
}

/** The strategies by name, each with options that make its result the same every time. */
export const strategies: Readonly<Record<NonNullable<GenerateOptions["strategy"]>, GenerateOptions>> = {
  greedy: {},
  sample: { strategy: "sample", seed: 3 },
  beam: { strategy: "beam", numBeams: 3 },
};
