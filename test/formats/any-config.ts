/** Random model configs for property tests, of all families that heed builds. */
import fc from "fast-check";
import type { Family } from "../../src/formats/architectures/table.ts";
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

/** The config as the Transformer's constructor takes it. */
export function asModelConfig(config: ResolvedConfig): ModelConfig {
  return config;
}

/** What makes a config one of a family, and of no other that is asked before it. */
const FAMILY_SETTINGS: Readonly<Record<Family, (sizes: ModelConfig) => Partial<ModelConfig>>> = {
  gpt2: () => ({ norm: "layerNorm", activation: "geluTanh", position: "learned", nKvHeads: undefined }),
  gpt_neox: ({ headDim = 2 }) => ({
    ...{ norm: "layerNorm", gated: false, activation: "gelu", bias: true, parallelBlocks: true, nKvHeads: undefined },
    rotaryDim: headDim - 2,
  }),
  llama: () => ({ ropeScaling: { type: "linear", factor: 2 } }),
  mistral: () => ({ slidingWindow: 3 }),
  smollm3: ({ nLayers }) => ({ rotaryLayers: layers(nLayers, (layer) => layer % 4 !== 3) }),
  qwen2: () => ({ qkvBias: true }),
  qwen3: () => ({ qkNorm: "head" }),
  phi3: ({ headDim = 2 }) => ({ rotaryDim: headDim - 2 }),
  gemma: (sizes) => gemma(sizes),
  gemma2: (sizes) => ({
    ...gemma(sizes),
    ...{ normPlacement: "both", attentionSoftcap: 50, logitSoftcap: 30, slidingWindow: 3 },
    slidingLayers: layers(sizes.nLayers, (layer) => layer % 2 === 0),
  }),
  gemma3_text: (sizes) => ({
    ...gemma(sizes),
    ...{ normPlacement: "both", qkNorm: "head", slidingWindow: 3, slidingRopeTheta: 10_000 },
    slidingLayers: layers(sizes.nLayers, (layer) => layer % 6 !== 5),
  }),
  olmo2: () => ({ normPlacement: "post", qkNorm: "all" }),
  stablelm: ({ headDim = 2 }) => ({ norm: "layerNorm", normBias: true, qkvBias: true, rotaryDim: headDim - 2 }),
};

const gemma = ({ dModel }: ModelConfig): Partial<ModelConfig> => ({
  ...{ normOffset: 1, activation: "geluTanh", embeddingScale: Math.sqrt(dModel) },
});

/** One flag for each layer; null if all are set, as files say it. */
function layers(nLayers: number, isSet: (layer: number) => boolean): boolean[] | null {
  const flags = Array.from({ length: nLayers }, (_, layer) => isSet(layer));
  return flags.every(Boolean) ? null : flags;
}

/** A config with small sizes of each of the families in turn: grouped heads, odd vocabularies, tied and untied. */
export const familyConfig: fc.Arbitrary<{ family: Family; config: ResolvedConfig }> = fc
  .record({
    family: fc.constantFrom(...(Object.keys(FAMILY_SETTINGS) as Family[])),
    vocabSize: fc.integer({ min: 1, max: 19 }),
    contextLength: fc.integer({ min: 1, max: 9 }),
    nLayers: fc.integer({ min: 4, max: 7 }),
    nKvHeads: fc.integer({ min: 1, max: 2 }),
    group: fc.integer({ min: 1, max: 3 }),
    headDim: fc.constantFrom(4, 6, 10),
    dFf: fc.integer({ min: 1, max: 12 }),
    normEps: fc.constantFrom(1e-5, 1e-6, 0.25),
    tieEmbeddings: fc.boolean(),
  })
  .map(({ family, group, ...sizes }) => {
    const nHeads = sizes.nKvHeads * group;
    const config: ModelConfig = {
      ...{ ...sizes, nHeads, dModel: nHeads * sizes.headDim },
      ...(family !== "gpt2" && {
        ...{ norm: "rmsNorm", gated: true, activation: "silu", position: "rotary", bias: false },
      }),
    };
    return { family, config: resolveConfig({ ...config, ...FAMILY_SETTINGS[family](config) }) };
  });

/** Whether the head is shared, in families of which llama.cpp runs one kind only. */
const TIED_IN_GGUF: Partial<Record<Family, boolean>> = {
  ...{ gemma: true, gemma2: true },
  ...{ gpt_neox: false, olmo2: false, stablelm: false },
};

/** Settings that make a config of a family one that its GGUF files have: these say neither the scale of scores nor every head. */
export function asInFile(family: Family, { headDim, normPlacement }: ResolvedConfig): Partial<ModelConfig> {
  const tieEmbeddings = TIED_IN_GGUF[family];
  return {
    ...(normPlacement === "both" && { attentionScale: 1 / Math.sqrt(headDim) }),
    ...(tieEmbeddings !== undefined && { tieEmbeddings }),
  };
}
