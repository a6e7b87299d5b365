/** Every combination of norm, activation, gate and positions: gradients agree with finite differences. */
import { describe, expect, it } from "vitest";
import { gradCheck } from "../../src/autograd/check.ts";
import type { ModelConfig } from "../../src/model/config.ts";
import type { Transformer } from "../../src/model/transformer.ts";
import { Parameter } from "../../src/nn/module.ts";
import { crossEntropy } from "../../src/ops/cross-entropy.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
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

describe.each([variants[1], variants[15], variants[32], variants[41]])(
  "every parameter of $norm, $activation, gated $gated, $position",
  (config) => {
    const model = randomModel(config, 5);

    it.each([...model.parameters().keys()])("%s has a right gradient", (name) => {
      const parameter = model.parameters().get(name) as Parameter;
      const { ok, maxError, worst } = gradCheck(lossOf(model, name), [parameter]);
      expect(ok, `error ${maxError} at ${JSON.stringify(worst)}`).toBe(true);
    });
  },
);

describe("the variants", () => {
  it("are all 48, and no two compute the same", () => {
    const outputs = variants.map((config) => randomModel(config).forward(tokens).toArray());
    expect(new Set(outputs.map((output) => JSON.stringify(output))).size).toBe(48);
  });
});
