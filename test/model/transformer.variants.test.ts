/** Every combination of norm, activation, gate and positions: gradients agree with finite differences. */
import { describe, expect, it } from "vitest";
import { gradCheck } from "../../src/autograd/check.ts";
import type { ModelConfig } from "../../src/model/config.ts";
import type { Transformer } from "../../src/model/transformer.ts";
import { Parameter } from "../../src/nn/module.ts";
import { crossEntropy } from "../../src/ops/cross-entropy.ts";
import { concat } from "../../src/ops/layout.ts";
import { tensor } from "../../src/tensor/create.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { distance } from "../golden.ts";
import { randomModel, randomTokens } from "./models.ts";

const SIZES = { vocabSize: 7, contextLength: 6, dModel: 8, nLayers: 1, nHeads: 2, dFf: 6 };
const NORMS = ["layerNorm", "rmsNorm"] as const;
const ACTIVATIONS = ["gelu", "geluTanh", "silu", "relu"] as const;
const POSITIONS = ["learned", "sinusoidal", "rotary"] as const;

const variants: ModelConfig[] = NORMS.flatMap((norm) =>
  ACTIVATIONS.flatMap((activation) =>
    [false, true].flatMap((gated) =>
      POSITIONS.map((position, i): ModelConfig => ({
        ...SIZES,
        norm,
        activation,
        gated,
        position,
        bias: i !== 1,
        nKvHeads: i === 2 ? 1 : 2,
        tieEmbeddings: !gated,
      })),
    ),
  ),
);

/** What single families do differently. */
const LLAMA_LIKE = { ...SIZES, normEps: 0.1, norm: "rmsNorm", activation: "silu", gated: true, bias: false } as const;
const families: ModelConfig[] = [
  { ...SIZES, position: "rotary", rotaryDim: 2, parallelBlocks: true },
  { ...LLAMA_LIKE, position: "rotary", qkvBias: true, qkNorm: "head", nKvHeads: 1 },
  { ...LLAMA_LIKE, position: "rotary", normPlacement: "post", qkNorm: "all", nKvHeads: 1 },
  {
    ...{ ...LLAMA_LIKE, nLayers: 2, position: "rotary", normPlacement: "both", normOffset: 1, embeddingScale: 2 },
    ...{ attentionSoftcap: 2, logitSoftcap: 3, slidingWindow: 2, slidingLayers: [true, false], attentionScale: 0.4 },
    ...{ slidingRopeTheta: 100, ropeScaling: { type: "linear", factor: 2 }, rotaryLayers: [true, false] },
  },
  { ...LLAMA_LIKE, norm: "layerNorm", normBias: true, position: "learned", slidingWindow: 3 },
];

const [tokens, targets] = [randomTokens(2, 5, 7, 3), randomTokens(2, 5, 7, 4)];

/** The loss of a model as a function of one of its parameters. */
function lossOf(model: Transformer, name: string): (value: Tensor) => Tensor {
  const [owner, field] = ownerOf(model, name);
  return (value) => {
    const before = owner[field];
    owner[field] = value;
    try {
      return crossEntropy(model.forward(tokens), targets);
    } finally {
      owner[field] = before;
    }
  };
}

/** The object that holds a parameter, and under which name. */
function ownerOf(model: Transformer, name: string): [Record<string, unknown>, string] {
  const path = name.split(".");
  const field = path.pop() as string;
  const owner = path.reduce<Record<string, unknown>>(
    (at, key) => at[key] as Record<string, unknown>,
    model as unknown as Record<string, unknown>,
  );
  expect(owner[field], name).toBeInstanceOf(Parameter);
  return [owner, field];
}

describe.each(variants)("$norm, $activation, gated $gated, $position", (config) => {
  const model = randomModel(config);

  it("has finite logits and a right gradient of its first norm, through everything above it", () => {
    expect(model.forward(tokens).data.every(Number.isFinite)).toBe(true);
    const name = "blocks.0.norm1.weight";
    const parameter = model.parameters().get(name) as Parameter;
    // relu's kinks bend the finite differences, so its steps are small and its bound wide.
    const relu = config.activation === "relu";
    const { ok, maxError, worst } = gradCheck(
      lossOf(model, name),
      [parameter],
      relu ? { step: 2e-3, tolerance: 2e-2 } : {},
    );
    expect(ok, `error ${maxError} at ${JSON.stringify(worst)}`).toBe(true);
  });
});

describe.each([variants[1], variants[15], variants[32], variants[41], ...families])(
  "every parameter of $norm, $activation, gated $gated, $position",
  (config) => {
    const model = randomModel(config, 5);

    it.each([...model.parameters().keys()])("%s has a right gradient", (name) => {
      const parameter = model.parameters().get(name) as Parameter;
      // Norms behind norms bend the loss so much that only smaller steps see its slope.
      const { ok, maxError, worst } = gradCheck(
        lossOf(model, name),
        [parameter],
        families.includes(config) ? { step: 3e-3, tolerance: 2e-2 } : {},
      );
      expect(ok, `error ${maxError} at ${JSON.stringify(worst)}`).toBe(true);
    });
  },
);

describe("every setting of a family", () => {
  const base: ModelConfig = { ...LLAMA_LIKE, nLayers: 2, position: "rotary" };
  const scaled = { originalContextLength: 3, factor: 4 };
  const changes: Partial<ModelConfig>[] = [
    ...[{ rotaryDim: 2 }, { qkvBias: true }, { normOffset: 0.5 }, { normPlacement: "post" } as const],
    ...[{ normPlacement: "both" } as const, { qkNorm: "head" } as const, { qkNorm: "all" } as const],
    ...[{ parallelBlocks: true }, { attentionScale: 1 }, { attentionSoftcap: 0.5 }, { logitSoftcap: 0.5 }],
    ...[{ slidingWindow: 2 }, { slidingWindow: 2, slidingLayers: [true, false] }, { rotaryLayers: [true, false] }],
    ...[{ slidingWindow: 6, slidingLayers: [true, false], slidingRopeTheta: 50 }, { embeddingScale: 2 }],
    ...[
      { ropeScaling: { type: "linear", factor: 2 } } as const,
      { ropeScaling: { type: "dynamic", ...scaled } } as const,
    ],
    { ropeScaling: { type: "yarn", ...scaled } },
    { ropeScaling: { type: "llama3", ...scaled, lowFreqFactor: 0.1, highFreqFactor: 4 } },
    { ropeScaling: { type: "factors", factors: [1, 2] } },
  ];

  it.each(changes)("%j changes the logits", (change) => {
    const ofBase = randomModel(base).forward(tokens).data;
    const changed = randomModel({ ...base, ...change }).forward(tokens).data;
    expect(changed.every(Number.isFinite)).toBe(true);
    expect([...changed]).not.toEqual([...ofBase]);
  });

  it.each([...changes, {}])("%j gives the same logits token by token with a cache", (change) => {
    const model = randomModel({ ...base, ...change });
    const kvCache = model.newCache({ batch: 2 });
    const whole = model.forward(tokens);
    const steps = tokens[0].map((_, i) =>
      model
        .forward(
          tokens.map((row) => [row[i]]),
          { kvCache },
        )
        .toArray(),
    );
    if (change.ropeScaling?.type === "dynamic") return; // keys of earlier tokens keep their angles, as everywhere
    expect(
      distance(
        concat(
          steps.map((step) => tensor(step)),
          { axis: 1 },
        ).data,
        whole.data,
      ),
    ).toBeLessThan(1e-5);
  });
});

describe("the variants", () => {
  it("are all 48, and no two compute the same", () => {
    const outputs = variants.map((config) => randomModel(config).forward(tokens).toArray());
    expect(new Set(outputs.map((output) => JSON.stringify(output))).size).toBe(48);
  });
});
