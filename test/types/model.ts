/** What the types of heed/model must refuse; `tsc` checks this file, nothing runs it. */
import { FeedForward, KVCache, LayerNorm, Linear, Transformer, presets, resolveConfig, seeded } from "heed/model";
import type { Activation, ModelConfig, Observer, Parameter, ResolvedConfig } from "heed/model";
import { Transformer as FromIndex } from "heed";
import { Random } from "heed/tensor";
import type { Tensor } from "heed/tensor";

/** Asserts that two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const isTrue = <T extends true>(): T | undefined => undefined;

const sizes = { vocabSize: 10, contextLength: 8, dModel: 8, nLayers: 1, nHeads: 2 };

export function configuring(): void {
  const config: ModelConfig = { ...sizes, norm: "rmsNorm", activation: "silu", dFf: undefined };
  resolveConfig(config);
  // @ts-expect-error a size is missing
  resolveConfig({ vocabSize: 10, contextLength: 8, dModel: 8, nLayers: 1 });
  // @ts-expect-error an unknown setting
  resolveConfig({ ...sizes, nLayer: 2 });
  // @ts-expect-error a wrong activation
  resolveConfig({ ...sizes, activation: "swish" });
  // @ts-expect-error a wrong norm
  resolveConfig({ ...sizes, norm: "batchNorm" });
  // @ts-expect-error a wrong kind of positions
  resolveConfig({ ...sizes, position: "alibi" });
  // @ts-expect-error sizes are numbers
  resolveConfig({ ...sizes, dFf: "32" });
  // @ts-expect-error a resolved config does not change
  resolveConfig(sizes).nLayers = 3;
  isTrue<Same<ResolvedConfig["nKvHeads"], number>>();
  isTrue<Same<Activation, "gelu" | "geluTanh" | "silu" | "relu">>();
  presets.gpt2({ nLayers: 2 });
  // @ts-expect-error an unknown setting
  presets.llama({ layers: 2 });
  // @ts-expect-error an unknown family
  presets.mistral();
}

export function running(model: Transformer): void {
  isTrue<Same<ReturnType<Transformer["parameters"]>, Map<string, Parameter>>>();
  isTrue<Same<typeof FromIndex, typeof Transformer>>();
  const observe: Observer = (name: string, activation: Tensor) => `${name} ${activation}`;
  model.forward([1, 2], {
    lastOnly: true,
    kvCache: model.newCache({ batch: 1 }),
    dropoutRandom: new Random(1),
    observe,
  });
  new Transformer(sizes, { seed: 1 });
  // @ts-expect-error a seed is a number
  new Transformer(sizes, { seed: "1" });
  // @ts-expect-error an unknown option
  new Transformer(sizes, { dtype: "f16" });
  // @ts-expect-error text is not tokens
  model.forward("hello");
  // @ts-expect-error tokens are numbers
  model.forward([["a"]]);
  // @ts-expect-error an unknown option
  model.forward([1], { cache: model.newCache() });
  // @ts-expect-error a cache is a KVCache
  model.forward([1], { kvCache: {} });
  // @ts-expect-error an unknown option
  model.newCache({ length: 4 });
  // @ts-expect-error the config is settled
  model.config.dModel = 4;
  // @ts-expect-error the blocks are settled
  model.blocks = [];
}

export function disposal(): void {
  using model = new Transformer(presets.gpt2({ nLayers: 1 }));
  model.forward([1]);
}

export function layers(): void {
  const init = seeded(1);
  new Linear(init, 2, 3, { bias: true, std: 0.02 });
  // @ts-expect-error the standard deviation is missing
  new Linear(init, 2, 3, { bias: true });
  // @ts-expect-error eps is missing
  new LayerNorm(init, 2, { bias: true });
  const sizes = { dModel: 2, dFf: 4, gated: false, bias: true, dropout: 0 };
  // @ts-expect-error a wrong activation
  new FeedForward(init, { ...sizes, activation: "swish" }, { std: 1, outStd: 1 });
  // @ts-expect-error the number of sequences is missing
  new KVCache({ nLayers: 1, nKvHeads: 1, headDim: 2, maxLength: 4 });
  // @ts-expect-error a cache's length is counted by advance
  new KVCache({ batch: 1, nLayers: 1, nKvHeads: 1, headDim: 2, maxLength: 4 }).length = 2;
}
