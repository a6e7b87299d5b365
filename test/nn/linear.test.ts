/** The linear layer. */
import { describe, expect, it } from "vitest";
import { Linear } from "../../src/nn/linear.ts";
import { seeded } from "../../src/nn/init.ts";
import { linear } from "../../src/ops/matmul.ts";
import { Random } from "../../src/random.ts";
import { randn } from "../../src/tensor/create.ts";

describe("Linear", () => {
  it("has a weight [dOut, dIn] and, if asked, a bias that starts at 0", () => {
    const layer = new Linear(seeded(1), 3, 5, { bias: true, std: 1 });
    expect([...layer.parameters()].map(([name, { shape }]) => [name, shape])).toEqual([
      ["weight", [5, 3]],
      ["bias", [5]],
    ]);
    expect(layer.bias?.toArray()).toEqual([0, 0, 0, 0, 0]);
    expect([...new Linear(seeded(1), 3, 5, { bias: false, std: 1 }).parameters().keys()]).toEqual(["weight"]);
  });

  it("computes what the operation computes, the bias included", () => {
    const layer = new Linear(seeded(1), 3, 5, { bias: true, std: 1 });
    layer.bias?.data.set([1, 2, 3, 4, 5]);
    const x = randn([2, 4, 3], new Random(2));
    expect(layer.forward(x).toArray()).toEqual(linear(x, layer.weight, layer.bias).toArray());
  });
});
