/** The dropout layer. */
import { describe, expect, it } from "vitest";
import { Dropout } from "../../src/nn/dropout.ts";
import { dropout } from "../../src/ops/dropout.ts";
import { Random } from "../../src/random.ts";
import { ones } from "../../src/tensor/create.ts";

const x = ones([40]);

describe("Dropout", () => {
  it("does nothing without a source of chance, or with p = 0", () => {
    expect(new Dropout(0.5).forward(x, {})).toBe(x);
    expect(new Dropout(0).forward(x, { dropoutRandom: new Random(1) })).toBe(x);
  });

  it("drops with one, as the operation does", () => {
    const out = new Dropout(0.5).forward(x, { dropoutRandom: new Random(1) });
    expect(out.toArray()).toEqual(dropout(x, { p: 0.5, random: new Random(1) }).toArray());
    expect(out.toArray()).toContain(0);
  });
});
