/** The cache as a data structure; that decoding with it is right stands in test/model. */
import { beforeEach, describe, expect, it } from "vitest";
import { noGrad } from "../../src/autograd/graph.ts";
import { ConfigError, ShapeError } from "../../src/errors.ts";
import { KVCache } from "../../src/nn/kv-cache.ts";
import { concat, slice } from "../../src/ops/layout.ts";
import { full, zeros } from "../../src/tensor/create.ts";
import { scope } from "../../src/tensor/scope.ts";
import { sizeOf } from "../../src/tensor/shape.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { expectError } from "../expect-error.ts";

const SIZES = { nLayers: 2, nKvHeads: 3, headDim: 2, maxLength: 300 };
let next = 0;

beforeEach(() => {
  next = 0;
});

/** Keys or values of which no two numbers are equal. */
function rows(batch: number, seq: number): Tensor {
  const shape = [batch, SIZES.nKvHeads, seq, SIZES.headDim];
  return new Tensor(
    Float32Array.from({ length: sizeOf(shape) }, () => ++next),
    shape,
  );
}

/** Appends to both layers and counts; returns what went in and what came out, by layer. */
function feed(cache: KVCache, seq: number): { put: Tensor[][]; got: Tensor[][] } {
  const put = [0, 1].map(() => [rows(cache.batch, seq), rows(cache.batch, seq)]);
  const got = put.map(([keys, values], layer) => {
    const appended = cache.append(layer, keys, values);
    expect(appended.keyLen).toBe(cache.length + seq);
    return [appended.keys, appended.values].map((all) => slice(all, { axis: 2, end: appended.keyLen }));
  });
  cache.advance(seq);
  return { put, got };
}

const joined = (parts: Tensor[]): unknown => concat(parts, { axis: 2 }).toArray();

describe("append", () => {
  it("returns everything since the beginning, in order, while the room grows beyond 64 and 128 rows", () => {
    const cache = new KVCache({ ...SIZES, batch: 2 });
    const past: Tensor[][][] = [];
    for (const seq of [1, 5, 57, 1, 1, 70, 100, 65]) {
      const { put, got } = feed(cache, seq);
      past.push(put);
      for (const layer of [0, 1]) {
        for (const part of [0, 1])
          expect(got[layer][part].toArray()).toEqual(joined(past.map((step) => step[layer][part])));
      }
    }
    expect(cache.length).toBe(300);
  });

  it("keeps room behind the rows that are filled", () => {
    const cache = new KVCache({ ...SIZES, batch: 1 });
    expect(cache.append(0, rows(1, 3), rows(1, 3)).keys.shape).toEqual([1, 3, 64, 2]);
    const small = new KVCache({ ...SIZES, batch: 1, maxLength: 5 });
    expect(small.append(0, rows(1, 3), rows(1, 3)).keys.shape).toEqual([1, 3, 5, 2]);
  });

  it("makes room for more than twice what it has", () => {
    const cache = new KVCache({ ...SIZES, batch: 1 });
    const first = feed(cache, 2);
    const second = feed(cache, 200);
    expect(second.got[1][1].toArray()).toEqual(joined([first.put[1][1], second.put[1][1]]));
  });

  it("copies what it is given", () => {
    const cache = new KVCache({ ...SIZES, batch: 1 });
    const keys = rows(1, 1);
    cache.append(0, keys, keys);
    keys.data.fill(-1);
    cache.advance(1);
    expect(cache.append(0, rows(1, 1), rows(1, 1)).keys.data[0]).toBe(1);
  });

  it("outlives the scope that it is called in", () => {
    const cache = new KVCache({ ...SIZES, batch: 1 });
    scope(() => void feed(cache, 2));
    scope(() => full([64], -1));
    const { got } = feed(cache, 1);
    expect(got[0][0].data[0]).toBe(1);
  });

  it("takes the full length and not one more", () => {
    const cache = new KVCache({ ...SIZES, batch: 1, maxLength: 4 });
    feed(cache, 3);
    expectError(
      () => cache.append(0, rows(1, 2), rows(1, 2)),
      ShapeError,
      "KVCache: 3 tokens are held and 2 more exceed its 4; rewind it or make a new one",
    );
    feed(cache, 1);
    expect([cache.length, cache.maxLength]).toEqual([4, 4]);
  });

  it("refuses keys and values of other sizes than its own", () => {
    const cache = new KVCache({ ...SIZES, batch: 2 });
    const refuse = (keys: number[], values: number[]): void =>
      expectError(
        () => cache.append(0, zeros(keys), zeros(values)),
        ShapeError,
        `KVCache: holds [2, 3, seq, 2], got keys [${keys.join(", ")}] and values [${values.join(", ")}]`,
      );
    refuse([1, 3, 1, 2], [1, 3, 1, 2]);
    refuse([2, 1, 1, 2], [2, 1, 1, 2]);
    refuse([2, 3, 1, 4], [2, 3, 1, 4]);
    refuse([2, 3, 1, 2], [2, 3, 2, 2]);
    for (const layer of [2, -1, 0.5, NaN]) {
      expectError(
        () => cache.append(layer, rows(2, 1), rows(2, 1)),
        ShapeError,
        `KVCache: holds 2 layers, counted from 0, got layer ${layer}`,
      );
    }
  });

  it("refuses keys or values that are recorded, since it keeps no graph", () => {
    const cache = new KVCache({ ...SIZES, batch: 1 });
    const [keys, values] = [rows(1, 1), rows(1, 1)];
    const recorded = rows(1, 1);
    recorded.requiresGrad = true;
    const message = "KVCache: keeps no graph, so gradients would be lost; wrap the forward pass in noGrad";
    expectError(() => cache.append(0, recorded, values), ConfigError, message);
    expectError(() => cache.append(0, keys, recorded), ConfigError, message);
    expect(noGrad(() => cache.append(0, recorded, recorded)).keys.data[0]).toBe(recorded.data[0]);
  });
});

describe("advance", () => {
  it("counts what there is room for", () => {
    const cache = new KVCache({ ...SIZES, batch: 1, maxLength: 4 });
    feed(cache, 3);
    for (const seq of [-5, NaN, 0.5, 2])
      expectError(
        () => cache.advance(seq),
        ConfigError,
        `KVCache.advance: seq must be an integer from 0 to 1, got ${seq}`,
      );
    cache.advance(0);
    expect(cache.length).toBe(3);
    feed(cache, 1);
    expect(cache.length).toBe(4);
  });
});

describe("rewind", () => {
  it("forgets the last tokens, and the next ones take their place", () => {
    const cache = new KVCache({ ...SIZES, batch: 2 });
    const first = feed(cache, 3).put;
    feed(cache, 2);
    cache.rewind(3);
    expect(cache.length).toBe(3);
    const { put, got } = feed(cache, 1);
    expect(got[1][0].toArray()).toEqual(joined([first[1][0], put[1][0]]));
    cache.rewind(0);
    const again = feed(cache, 1);
    expect(again.got[0][1].toArray()).toEqual(again.put[0][1].toArray());
  });

  it("goes back only", () => {
    const cache = new KVCache({ ...SIZES, batch: 1 });
    feed(cache, 2);
    expectError(() => cache.rewind(3), ConfigError, "KVCache.rewind: length must be an integer from 0 to 2, got 3");
    expectError(() => cache.rewind(-1), ConfigError, "KVCache.rewind: length must be an integer from 0 to 2, got -1");
  });
});

describe("reorder", () => {
  it("keeps, repeats and drops sequences, and changes their number", () => {
    const cache = new KVCache({ ...SIZES, batch: 3 });
    const [before] = feed(cache, 4).put;
    cache.reorder([2, 0, 2, 1]);
    expect([cache.batch, cache.length]).toEqual([4, 4]);
    const { put, got } = feed(cache, 1);
    const row = (x: Tensor, i: number): Tensor => slice(x, { start: i, end: i + 1 });
    [2, 0, 2, 1].forEach((from, to) => {
      for (const part of [0, 1])
        expect(row(got[0][part], to).toArray()).toEqual(joined([row(before[part], from), row(put[0][part], to)]));
    });
    cache.reorder([1]);
    expect(feed(cache, 80).got[0][0].shape).toEqual([1, 3, 85, 2]);
  });

  it("separates copies: what one appends the other does not see", () => {
    const cache = new KVCache({ ...SIZES, batch: 1 });
    feed(cache, 2);
    cache.reorder([0, 0]);
    const {
      got: [[keys]],
    } = feed(cache, 1);
    const [a, b] = [slice(keys, { end: 1 }), slice(keys, { start: 1 })];
    expect(slice(a, { axis: 2, end: 2 }).toArray()).toEqual(slice(b, { axis: 2, end: 2 }).toArray());
    expect(slice(a, { axis: 2, start: 2 }).toArray()).not.toEqual(slice(b, { axis: 2, start: 2 }).toArray());
  });

  it("names a sequence that is not there, and wants one at least", () => {
    const cache = new KVCache({ ...SIZES, batch: 2 });
    expectError(
      () => cache.reorder([0, 2]),
      ConfigError,
      "KVCache.reorder: order must be an integer from 0 to 1, got 2",
    );
    expectError(
      () => cache.reorder([-1]),
      ConfigError,
      "KVCache.reorder: order must be an integer from 0 to 1, got -1",
    );
    expectError(() => cache.reorder([]), ConfigError, "KVCache.reorder: order must name at least one sequence");
  });
});

describe("a new cache", () => {
  it("is empty", () => {
    const cache = new KVCache({ ...SIZES, batch: 2 });
    expect([cache.length, cache.batch, cache.nLayers, cache.maxLength]).toEqual([0, 2, 2, 300]);
  });

  it("names sizes that make no cache", () => {
    for (const name of ["batch", "nLayers", "nKvHeads", "headDim", "maxLength"] as const) {
      for (const size of [0, -1, 1.5, NaN, Infinity, undefined])
        expectError(
          () => new KVCache({ ...SIZES, batch: 1, [name]: size }),
          ConfigError,
          `KVCache: ${name} must be an integer >= 1, got ${size}`,
        );
    }
  });
});
