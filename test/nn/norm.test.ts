/** The norm layers. */
import { describe, expect, it } from "vitest";
import { seeded } from "../../src/nn/init.ts";
import { LayerNorm, RMSNorm } from "../../src/nn/norm.ts";
import { layerNorm, rmsNorm } from "../../src/ops/norm.ts";
import { Random } from "../../src/random.ts";
import { randn } from "../../src/tensor/create.ts";

const x = randn([2, 3, 4], new Random(1));

describe("LayerNorm", () => {
  it("starts as the plain normalisation, with weight 1 and bias 0", () => {
    const layer = new LayerNorm(seeded(1), 4, { bias: true, eps: 1e-3 });
    expect([...layer.parameters()].map(([name, value]) => [name, value.toArray()])).toEqual([
      ["weight", [1, 1, 1, 1]],
      ["bias", [0, 0, 0, 0]],
    ]);
    layer.weight.data.set([1, 2, 3, 4]);
    layer.bias?.data.set([5, 6, 7, 8]);
    expect(layer.forward(x).toArray()).toEqual(layerNorm(x, layer.weight, layer.bias, { eps: 1e-3 }).toArray());
  });

  it("can do without a bias", () => {
    const layer = new LayerNorm(seeded(1), 4, { bias: false, eps: 1e-3 });
    expect([...layer.parameters().keys()]).toEqual(["weight"]);
    expect(layer.forward(x).toArray()).toEqual(layerNorm(x, layer.weight, undefined, { eps: 1e-3 }).toArray());
  });
});

describe("RMSNorm", () => {
  it("starts with weight 1 and uses its eps", () => {
    const layer = new RMSNorm(seeded(1), 4, { eps: 1e-3 });
    expect([...layer.parameters()].map(([name, value]) => [name, value.toArray()])).toEqual([["weight", [1, 1, 1, 1]]]);
    expect(layer.forward(x).toArray()).toEqual(rmsNorm(x, layer.weight, { eps: 1e-3 }).toArray());
  });
});
