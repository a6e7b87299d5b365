import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PairMap } from "../../src/tokenizer/pair-map.ts";

describe("PairMap", () => {
  it("behaves as a Map with a key per pair", () => {
    const id = fc.oneof(fc.nat(5), fc.nat(2 ** 24 - 1));
    fc.assert(
      fc.property(fc.array(fc.tuple(id, id, fc.nat())), fc.nat(40), (entries, expected) => {
        const map = new PairMap(expected);
        const model = new Map<string, number>();
        for (const [left, right, value] of entries) {
          map.set(left, right, value);
          model.set(`${left} ${right}`, value);
          expect(map.get(right, left)).toBe(model.get(`${right} ${left}`) ?? -1);
        }
        for (const [left, right] of entries) expect(map.get(left, right)).toBe(model.get(`${left} ${right}`));
      }),
    );
  });

  it("holds many pairs", () => {
    const map = new PairMap();
    for (let i = 0; i < 20_000; i++) map.set(i, i * 7, i);
    for (let i = 0; i < 20_000; i++) expect(map.get(i, i * 7)).toBe(i);
    expect(map.get(1, 1)).toBe(-1);
  });
});
