/** The block against its formula, and where its weights start. */
import { describe, expect, it } from "vitest";
import { TransformerBlock, initStd, makeNorm } from "../../src/model/block.ts";
import { resolveConfig } from "../../src/model/config.ts";
import { seeded } from "../../src/nn/init.ts";
import { LayerNorm, RMSNorm } from "../../src/nn/norm.ts";
import { add } from "../../src/ops/arithmetic.ts";
import { Random } from "../../src/random.ts";
import { randn } from "../../src/tensor/create.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { GPT2, LLAMA } from "./models.ts";

const normed = (norm: LayerNorm | RMSNorm | undefined, x: Tensor): Tensor => {
  if (norm === undefined) throw new Error("the block lacks a norm");
  return norm.forward(x);
};

describe("TransformerBlock", () => {
  it("adds attention of the first norm, then feed-forward of the second", () => {
    const block = new TransformerBlock(seeded(1), resolveConfig(GPT2));
    const x = randn([2, 3, 16], new Random(2));
    const between = add(x, block.attention.forward(normed(block.norm1, x), { layer: 0 }));
    const out = add(between, block.feedForward.forward(normed(block.norm2, between), {}));
    expect(block.forward(x, { layer: 0 }).toArray()).toEqual(out.toArray());
  });

  it.each([
    { normPlacement: "post" as const, names: ["postNorm1", "postNorm2"] },
    { normPlacement: "both" as const, names: ["norm1", "norm2", "postNorm1", "postNorm2"] },
  ])("normalises the branches' outputs where normPlacement is $normPlacement", ({ normPlacement, names }) => {
    const block = new TransformerBlock(seeded(1), resolveConfig({ ...LLAMA, normPlacement }));
    const found = [...block.parameters().keys()].filter((name) => /norm\d/i.test(name));
    expect(found.sort()).toEqual(names.map((name) => `${name}.weight`).sort());
    const x = randn([2, 3, LLAMA.dModel], new Random(2));
    const before = (norm: LayerNorm | RMSNorm | undefined, value: Tensor): Tensor =>
      normPlacement === "post" ? value : normed(norm, value);
    const attended = block.attention.forward(before(block.norm1, x), { layer: 0 });
    const between = add(x, normed(block.postNorm1, attended));
    const fed = block.feedForward.forward(before(block.norm2, between), {});
    expect(block.forward(x, { layer: 0 }).toArray()).toEqual(add(between, normed(block.postNorm2, fed)).toArray());
  });

  it("adds both branches of its input where they are parallel", () => {
    const block = new TransformerBlock(seeded(1), resolveConfig({ ...GPT2, parallelBlocks: true }));
    const x = randn([2, 3, 16], new Random(2));
    const attended = block.attention.forward(normed(block.norm1, x), { layer: 0 });
    const fed = block.feedForward.forward(normed(block.norm2, x), {});
    expect(block.forward(x, { layer: 0 }).toArray()).toEqual(add(add(x, attended), fed).toArray());
  });

  it("starts with weights of deviation √(2 / (5 dModel)), smaller by √(2 nLayers) where they lead back into the residual stream", () => {
    const config = resolveConfig({ ...LLAMA, dModel: 64, nLayers: 8 });
    const parameters = new TransformerBlock(seeded(3), config).parameters();
    expect(initStd(64)).toBeCloseTo(Math.sqrt(2 / 320), 12);
    for (const [name, { data }] of parameters) {
      if (name.startsWith("norm")) continue;
      const deviation = Math.sqrt(data.reduce((total, value) => total + value * value, 0) / data.length);
      const expected = /outProj|downProj/.test(name) ? initStd(64) / 4 : initStd(64);
      expect(Math.abs(deviation / expected - 1), name).toBeLessThan(4 / Math.sqrt(2 * data.length));
    }
  });
});

describe("makeNorm", () => {
  it("makes what the config asks for, with its eps", () => {
    const spread = (norm: { forward(x: Tensor): Tensor }): number =>
      Math.abs(norm.forward(randn([1, 16], new Random(1))).data[0]);
    for (const [norm, kind] of [
      ["layerNorm", LayerNorm],
      ["rmsNorm", RMSNorm],
    ] as const) {
      const made = makeNorm(seeded(1), resolveConfig({ ...GPT2, norm }));
      expect(made).toBeInstanceOf(kind);
      expect(spread(makeNorm(seeded(1), resolveConfig({ ...GPT2, norm, normEps: 1 })))).toBeLessThan(spread(made));
    }
  });
});
