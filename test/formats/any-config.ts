/** Random model configs for property tests, of all families that heed builds. */
import fc from "fast-check";
import { resolveConfig } from "../../src/model/config.ts";
import type { Activation, ModelConfig, ResolvedConfig } from "../../src/model/config.ts";

const activations: readonly Activation[] = ["gelu", "geluTanh", "silu", "relu"];

/** Any config with small sizes. */
export const anyConfig: fc.Arbitrary<ResolvedConfig> = fc
  .record({
    vocabSize: fc.integer({ min: 1, max: 9 }),
    contextLength: fc.integer({ min: 1, max: 9 }),
    nKvHeads: fc.integer({ min: 1, max: 2 }),
    group: fc.integer({ min: 1, max: 3 }),
    headDim: fc.constantFrom(2, 4, 6),
    ownHeadDim: fc.boolean(),
    nLayers: fc.integer({ min: 1, max: 3 }),
    dFf: fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined }),
    norm: fc.constantFrom("layerNorm", "rmsNorm"),
    normEps: fc.double({ min: 1e-12, max: 1, noNaN: true }),
    activation: fc.constantFrom(...activations),
    gated: fc.boolean(),
    position: fc.constantFrom("learned", "sinusoidal", "rotary"),
    ropeTheta: fc.double({ min: 1, max: 1e7, noNaN: true }),
    rotaryPairing: fc.constantFrom("halves", "pairs"),
    bias: fc.boolean(),
    tieEmbeddings: fc.boolean(),
    dropout: fc.oneof(fc.constant(0), fc.double({ min: 1e-9, max: 0.999, noNaN: true })),
    family: fc.constantFrom<Partial<ModelConfig>>(
      {},
      { norm: "layerNorm", gated: false, position: "learned", bias: true },
      { norm: "rmsNorm", gated: true, position: "rotary", bias: false, rotaryPairing: "halves" },
    ),
  })
  .map(({ group, ownHeadDim, family, ropeTheta, rotaryPairing, headDim, nKvHeads, ...rest }) => {
    const position = family.position ?? rest.position;
    const kvHeads = position === "learned" && family.position !== undefined ? nKvHeads * group : nKvHeads;
    return resolveConfig({
      ...rest,
      nHeads: nKvHeads * group,
      nKvHeads: kvHeads,
      dModel: nKvHeads * group * headDim,
      headDim: ownHeadDim ? 2 : undefined,
      ...(position === "rotary" && { ropeTheta, rotaryPairing }),
      ...family,
    } as ModelConfig);
  });

/** The config as the Transformer's constructor takes it: rotary settings only where positions are rotary. */
export function asModelConfig({ ropeTheta, rotaryPairing, ...config }: ResolvedConfig): ModelConfig {
  return config.position === "rotary" ? { ...config, ropeTheta, rotaryPairing } : config;
}
