/** The feed-forward layer against its two formulas. */
import { describe, expect, it } from "vitest";
import { FeedForward } from "../../src/nn/feed-forward.ts";
import type { FeedForwardConfig } from "../../src/nn/feed-forward.ts";
import { seeded } from "../../src/nn/init.ts";
import { mul } from "../../src/ops/arithmetic.ts";
import { linear } from "../../src/ops/matmul.ts";
import { gelu, relu, silu } from "../../src/ops/pointwise.ts";
import { Random } from "../../src/random.ts";
import { randn } from "../../src/tensor/create.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";

const x = randn([2, 3, 4], new Random(1));
const make = (config: Partial<FeedForwardConfig>): FeedForward =>
  new FeedForward(
    seeded(2),
    { dModel: 4, dFf: 6, activation: "relu", gated: false, bias: true, dropout: 0, ...config },
    { std: 1, outStd: 0.5 },
  );

const activations = {
  gelu: (y: Tensor) => gelu(y),
  geluTanh: (y: Tensor) => gelu(y, { approximate: "tanh" }),
  silu,
  relu,
};

describe("FeedForward", () => {
  it.each(Object.entries(activations))("plain is downProj(%s(upProj(x)))", (activation, f) => {
    const layer = make({ activation: activation as keyof typeof activations });
    const { upProj, downProj } = layer;
    expect([...layer.parameters().keys()]).toEqual([
      "upProj.weight",
      "upProj.bias",
      "downProj.weight",
      "downProj.bias",
    ]);
    expect(layer.forward(x, {}).toArray()).toEqual(
      linear(f(linear(x, upProj.weight, upProj.bias)), downProj.weight, downProj.bias).toArray(),
    );
  });

  it.each(Object.entries(activations))("gated is downProj(%s(gateProj(x)) · upProj(x))", (activation, f) => {
    const layer = make({ activation: activation as keyof typeof activations, gated: true, bias: false });
    const { gateProj, upProj, downProj } = layer;
    expect([...layer.parameters()].map(([name, { shape }]) => [name, shape])).toEqual([
      ["gateProj.weight", [6, 4]],
      ["upProj.weight", [6, 4]],
      ["downProj.weight", [4, 6]],
    ]);
    const inner = mul(f(linear(x, gateProj?.weight as Tensor)), linear(x, upProj.weight));
    expect(layer.forward(x, {}).toArray()).toEqual(linear(inner, downProj.weight).toArray());
  });

  it("starts its last projection smaller", () => {
    const { upProj, downProj } = make({ dModel: 40, dFf: 80 });
    const deviation = ({ data }: Tensor): number =>
      Math.sqrt(data.reduce((total, value) => total + value * value, 0) / data.length);
    expect(deviation(upProj.weight)).toBeCloseTo(1, 1);
    expect(deviation(downProj.weight)).toBeCloseTo(0.5, 1);
  });

  it("drops only where there is chance, and shows its inside", () => {
    const layer = make({ dropout: 0.5 });
    const seen: string[] = [];
    expect(layer.forward(x, { observe: (name) => seen.push(name) }).toArray()).toEqual(
      make({}).forward(x, {}).toArray(),
    );
    expect(layer.forward(x, { dropoutRandom: new Random(1) }).data).toContain(0);
    expect(seen).toEqual(["up", "activated"]);
  });
});
