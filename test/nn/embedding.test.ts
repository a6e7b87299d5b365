/** The embedding layer. */
import { describe, expect, it } from "vitest";
import { Embedding } from "../../src/nn/embedding.ts";
import { seeded } from "../../src/nn/init.ts";

describe("Embedding", () => {
  it("looks up rows of its weight [rows, cols]", () => {
    const layer = new Embedding(seeded(1), 4, 2, 1);
    expect([...layer.parameters()].map(([name, { shape }]) => [name, shape])).toEqual([["weight", [4, 2]]]);
    const rows = layer.weight.toArray() as number[][];
    expect(layer.forward([[3, 0]]).toArray()).toEqual([[rows[3], rows[0]]]);
  });
});
