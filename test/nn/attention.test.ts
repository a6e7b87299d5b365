/** The attention layer against the operations that it is made of. */
import { describe, expect, it } from "vitest";
import { noGrad } from "../../src/autograd/graph.ts";
import { ConfigError } from "../../src/errors.ts";
import { MultiHeadAttention } from "../../src/nn/attention.ts";
import type { AttentionConfig } from "../../src/nn/attention.ts";
import { seeded } from "../../src/nn/init.ts";
import { KVCache } from "../../src/nn/kv-cache.ts";
import { attention } from "../../src/ops/attention.ts";
import { reshape, slice, transpose } from "../../src/ops/layout.ts";
import { linear } from "../../src/ops/matmul.ts";
import { rotary, rotaryTable } from "../../src/ops/rotary.ts";
import { Random } from "../../src/random.ts";
import { randn } from "../../src/tensor/create.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { expectError } from "../expect-error.ts";
import { distance } from "../golden.ts";

const make = (config: Partial<AttentionConfig> = {}): MultiHeadAttention =>
  new MultiHeadAttention(
    seeded(1),
    {
      ...{
        dModel: 6,
        nHeads: 4,
        nKvHeads: 2,
        headDim: 2,
        bias: true,
        qkvBias: true,
        dropout: 0,
        rotaryPairing: "halves",
      },
      ...{ qkNorm: "none", normEps: 1e-5, normOffset: 0, attentionScale: Math.SQRT1_2, attentionSoftcap: null },
      ...config,
    },
    { std: 1, outStd: 0.5 },
  );

const x = randn([2, 5, 6], new Random(2));

function byHand({ qProj, kProj, vProj, outProj }: MultiHeadAttention, turn: (heads: Tensor) => Tensor): Tensor {
  const heads = (y: Tensor, count: number): Tensor => transpose(reshape(y, [2, 5, count, 2]), 1, 2);
  const project = ({ weight, bias }: typeof qProj): Tensor => linear(x, weight, bias);
  const mixed = attention(turn(heads(project(qProj), 4)), turn(heads(project(kProj), 2)), heads(project(vProj), 2));
  return linear(reshape(transpose(mixed, 1, 2), [2, 5, 8]), outProj.weight, outProj.bias);
}

describe("MultiHeadAttention", () => {
  it("has four projections, those of keys and values for their own number of heads", () => {
    const shapes = [...make().parameters()].map(([name, { shape }]) => `${name} ${shape.join("×")}`);
    expect(shapes).toEqual([
      "qProj.weight 8×6",
      "qProj.bias 8",
      "kProj.weight 4×6",
      "kProj.bias 4",
      "vProj.weight 4×6",
      "vProj.bias 4",
      "outProj.weight 6×8",
      "outProj.bias 6",
    ]);
    expect([...make({ bias: false, qkvBias: false }).parameters().keys()].some((name) => name.endsWith("bias"))).toBe(false);
  });

  it("projects, attends by head, merges and projects", () => {
    const layer = make();
    expect(layer.forward(x, { layer: 0 }).toArray()).toEqual(byHand(layer, (heads) => heads).toArray());
  });

  it.each(["halves", "pairs"] as const)(
    "turns queries and keys, not values, where positions are rotary (%s)",
    (pairing) => {
      const layer = make({ rotaryPairing: pairing });
      const table = rotaryTable(8, 2);
      expect(layer.forward(x, { layer: 0, rotaryTable: table }).toArray()).toEqual(
        byHand(layer, (heads) => rotary(heads, { table, pairing })).toArray(),
      );
    },
  );

  it("with a cache gives the rows of the whole, token by token", () => {
    const layer = make();
    const table = rotaryTable(8, 2);
    const whole = layer.forward(x, { layer: 0, rotaryTable: table });
    const kvCache = new KVCache({ batch: 2, nLayers: 1, nKvHeads: 2, headDim: 2, maxLength: 8 });
    for (let at = 0; at < 5; at++) {
      const token = slice(x, { axis: 1, start: at, end: at + 1 });
      const out = noGrad(() => layer.forward(token, { layer: 0, rotaryTable: table, kvCache }));
      kvCache.advance(1);
      expect(distance(out.data, slice(whole, { axis: 1, start: at, end: at + 1 }).data)).toBeLessThan(1e-6);
    }
  });

  it("with a cache outside noGrad refuses to lose the gradients of keys and values", () => {
    const kvCache = new KVCache({ batch: 2, nLayers: 1, nKvHeads: 2, headDim: 2, maxLength: 8 });
    expectError(() => make().forward(x, { layer: 0, kvCache }), ConfigError, /wrap the forward pass in noGrad$/);
  });

  it("shows queries, keys, values, scores, weights and their mix", () => {
    const seen = new Map<string, readonly number[]>();
    make().forward(x, { layer: 0, observe: (name, { shape }) => seen.set(name, shape) });
    expect(Object.fromEntries(seen)).toEqual({
      query: [2, 4, 5, 2],
      keys: [2, 2, 5, 2],
      values: [2, 2, 5, 2],
      scores: [2, 4, 5, 5],
      weights: [2, 4, 5, 5],
      mixed: [2, 5, 8],
    });
  });

  it("drops only where there is chance", () => {
    const layer = make({ dropout: 0.5 });
    expect(layer.forward(x, { layer: 0 }).toArray()).toEqual(make().forward(x, { layer: 0 }).toArray());
    expect(layer.forward(x, { layer: 0, dropoutRandom: new Random(3) }).data).toContain(0);
  });
});
