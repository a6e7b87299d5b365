/** Looking inside: every activation has a name, and looking changes nothing. */
import { describe, expect, it } from "vitest";
import { crossEntropy } from "../../src/ops/cross-entropy.ts";
import { add } from "../../src/ops/arithmetic.ts";
import { sum } from "../../src/ops/reduce.ts";
import type { ModelConfig } from "../../src/model/config.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { distance } from "../golden.ts";
import { GPT2, LLAMA, randomModel, randomTokens } from "./models.ts";

const families: [string, ModelConfig][] = [
  ["GPT-2", GPT2],
  ["Llama", LLAMA],
];
const BLOCK = [
  "norm1",
  "attention.query",
  "attention.keys",
  "attention.values",
  "attention.scores",
  "attention.weights",
  "attention.mixed",
  "attention",
  "between",
  "norm2",
  "feedForward.up",
  "feedForward.activated",
  "feedForward",
];

describe.each(families)("observe in a %s", (_, config) => {
  const model = randomModel(config);
  const tokens = randomTokens(2, 6, 23);

  it("names every activation, in the order of the computation", () => {
    const names: string[] = [];
    model.forward(tokens, { observe: (name) => names.push(name) });
    const blocks = [0, 1].flatMap((layer) => [...BLOCK.map((name) => `blocks.${layer}.${name}`), `blocks.${layer}`]);
    expect(names).toEqual(["embedded", ...blocks, "finalNorm"]);
  });

  it("changes no bit of the logits or of the gradients", () => {
    const run = (observe?: (name: string, activation: Tensor) => void): number[][] => {
      const logits = model.forward(tokens, { observe });
      crossEntropy(logits, tokens).backward();
      const gradients = [...model.parameters().values()].map((parameter) => [...(parameter.grad as Tensor).data]);
      for (const parameter of model.parameters().values()) parameter.grad = null;
      return [[...logits.data], ...gradients];
    };
    let total = 0;
    const quiet = run();
    expect(run((name, activation) => (total += name.length + activation.size))).toEqual(quiet);
    expect(total).toBeGreaterThan(0);
  });

  it("shows activations that belong together", () => {
    const seen = new Map<string, Tensor>();
    model.forward(tokens, { observe: (name, activation) => void seen.set(name, activation) });
    const at = (name: string): Tensor => seen.get(name) as Tensor;
    for (const [layer, before] of [
      [0, "embedded"],
      [1, "blocks.0"],
    ] as const) {
      const block = `blocks.${layer}`;
      expect(add(at(before), at(`${block}.attention`)).toArray()).toEqual(at(`${block}.between`).toArray());
      expect(add(at(`${block}.between`), at(`${block}.feedForward`)).toArray()).toEqual(at(block).toArray());
      const weights = at(`${block}.attention.weights`);
      expect(distance(sum(weights, { axis: -1 }).data, Array<number>(2 * 4 * 6).fill(1))).toBeLessThan(1e-6);
    }
  });

  it("with a cache shows the new queries and keys, and the weights over all keys", () => {
    const kvCache = model.newCache({ batch: 2 });
    model.forward(tokens, { kvCache });
    const shapes = new Map<string, readonly number[]>();
    model.forward([[1], [2]], { kvCache, observe: (name, { shape }) => void shapes.set(name, shape) });
    expect(shapes.get("blocks.1.attention.query")).toEqual([2, 4, 1, 4]);
    expect(shapes.get("blocks.1.attention.keys")).toEqual([2, config.nKvHeads ?? 4, 1, 4]);
    expect(shapes.get("blocks.1.attention.weights")).toEqual([2, 4, 1, 7]);
  });
});
