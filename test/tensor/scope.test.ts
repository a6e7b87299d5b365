/** Scopes: what is released, what survives, what is recycled. */
import { beforeAll, describe, expect, it } from "vitest";
import { backend } from "../../src/backend/current.ts";
import { ConfigError, DisposedError, ShapeError } from "../../src/errors.ts";
import { Random } from "../../src/random.ts";
import { noGrad } from "../../src/autograd/graph.ts";
import { add, mul, sub } from "../../src/ops/arithmetic.ts";
import { attention } from "../../src/ops/attention.ts";
import { crossEntropy } from "../../src/ops/cross-entropy.ts";
import { concat, reshape, slice, transpose } from "../../src/ops/layout.ts";
import { linear, matmul } from "../../src/ops/matmul.ts";
import { layerNorm } from "../../src/ops/norm.ts";
import { gelu } from "../../src/ops/pointwise.ts";
import { sum } from "../../src/ops/reduce.ts";
import { full, ones, randn, tensor, zeros } from "../../src/tensor/create.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { expectError } from "../expect-error.ts";

const released = /^Tensor \[.*\]: read after release; return it from its scope/;

/** Where an array lies: its buffer and the place in it. */
const buffers: ArrayBufferLike[] = [];
function placeOf({ buffer, byteOffset }: Float32Array): string {
  if (!buffers.includes(buffer)) buffers.push(buffer);
  return `${buffers.indexOf(buffer)}:${byteOffset}`;
}

/** Ten steps of gradient descent on a small network with one of everything; `around` surrounds each step. */
function trainSmall(around: <T>(fn: () => T) => T): number[] {
  const random = new Random(11);
  const make = (...shape: number[]): Tensor => new Tensor(randn(shape, random).data, shape, true);
  const [x, w1, b1, w2, gain] = [randn([2, 4, 6], random), make(18, 6), make(18), make(5, 6), make(6)];
  const losses: number[] = [];
  for (let step = 0; step < 10; step++) {
    const loss = around(() => {
      const parts = reshape(linear(layerNorm(x, gain), w1, b1), [2, 4, 3, 6]);
      const [q, k, v] = [0, 1, 2].map((part) => transpose(slice(parts, { axis: 2, start: part, end: part + 1 }), 1, 2));
      const mixed = reshape(transpose(attention(q, k, v), 1, 2), [2, 4, 6]);
      const logits = linear(concat([gelu(mixed), sub(x, mixed)], { axis: 1 }), w2);
      const total = crossEntropy(
        logits,
        Array.from({ length: 16 }, (_, i) => i % 5),
      );
      total.backward();
      return total.item();
    });
    losses.push(loss);
    for (const parameter of [w1, b1, w2, gain]) {
      const gradient = (parameter.grad as Tensor).data;
      parameter.data.forEach((value, i) => (parameter.data[i] = value - 0.1 * gradient[i]));
      parameter.grad = null;
    }
  }
  return [...losses, ...w1.data, ...b1.data, ...w2.data, ...gain.data];
}

describe.each(["loops", "wasm"] as const)("on %s:", (name) => {
  beforeAll(() => backend.use(name));

  describe("what a scope releases", () => {
    it("is every tensor made inside that does not leave", () => {
      let inner: Tensor = ones([1]);
      const out = scope(() => {
        inner = add(ones([2]), 1);
        return mul(inner, 3);
      });
      expect(out.toArray()).toEqual([6, 6]);
      expectError(() => inner.data, DisposedError, released);
    });

    it("is nothing that was made outside", () => {
      const x = ones([2]);
      scope(() => add(x, 1));
      scope(() => reshape(x, [2, 1]));
      expect(x.toArray()).toEqual([1, 1]);
    });

    it("is released also when the function throws", () => {
      let inner: Tensor = ones([1]);
      expect(() =>
        scope(() => {
          inner = add(ones([2]), 1);
          throw new RangeError("on purpose");
        }),
      ).toThrow(RangeError);
      expectError(() => inner.data, DisposedError, released);
      expect(add(ones([1]), 1).scopeDepth).toBe(0);
    });
  });

  describe("what survives", () => {
    it("is what the function returns: alone, in lists, objects and maps, however nested", () => {
      const { list, map, bare } = scope(() => ({
        list: [ones([1]), [add(ones([1]), 1)]] as [Tensor, [Tensor]],
        map: new Map([["three", { inside: add(ones([1]), 2) }]]),
        bare: Object.assign(Object.create(null) as object, { four: add(ones([1]), 3) }),
      }));
      expect([list[0], list[1][0], map.get("three")?.inside as Tensor, bare.four].map((x) => x.item())).toEqual([
        1, 2, 3, 4,
      ]);
    });

    it("may be returned in an object that contains itself", () => {
      const ring = scope(() => {
        const made: { x: Tensor; self?: object } = { x: ones([1]) };
        made.self = made;
        return made;
      });
      expect(ring.x.item()).toBe(1);
    });

    it("is a value of any other kind, as it is", () => {
      const marker = { date: new Date(0), text: "x", bytes: new Uint8Array(2), nothing: null, missing: undefined };
      expect(scope(() => marker)).toBe(marker);
      expect(scope(() => undefined)).toBeUndefined();
    });

    it("is the gradients of outer leaves, whose values stay after later scopes", () => {
      const w = tensor([1, 2], { requiresGrad: true });
      scope(() => sum(mul(w, 3)).backward());
      expect(w.grad?.toArray()).toEqual([3, 3]);
      scope(() => sum(mul(w, tensor([10, 20]))).backward());
      expect(w.grad?.toArray()).toEqual([13, 23]);
      scope(() => add(ones([2]), 5));
      expect(w.grad?.toArray()).toEqual([13, 23]);
    });

    it("is the gradient of a leaf that leaves, and of none that stays", () => {
      let gone: Tensor = ones([1]);
      const kept = scope(() => {
        const [a, b] = [ones([2], { requiresGrad: true }), ones([2], { requiresGrad: true })];
        sum(mul(mul(a, b), 4)).backward();
        gone = b.grad as Tensor;
        return a;
      });
      expect(kept.grad?.toArray()).toEqual([4, 4]);
      expect(kept.requiresGrad).toBe(true);
      expectError(() => gone.data, DisposedError, released);
    });

    it("is detached from the graph, which is gone", () => {
      const w = ones([2], { requiresGrad: true });
      const y = scope(() => mul(w, 2));
      expect(y.requiresGrad).toBe(false);
      expectError(() => y.backward(ones([2])), ConfigError, /^backward: tensor \[2\] has no graph/);
    });

    it("is a view with the numbers it shares", () => {
      const row = scope(() => slice(add(zeros([4, 3]), 7), { start: 1, end: 2 }));
      scope(() => [add(zeros([4, 3]), 1), add(zeros([4, 3]), 2), add(zeros([4, 3]), 3)].length);
      expect(row.toArray()).toEqual([[7, 7, 7]]);
    });
    it("is views that share numbers, which they still share when these were copied out, once", () => {
      const made = scope(() => {
        const whole = add(zeros([4, 3]), 7);
        return { whole, flat: reshape(whole, [12]), row: slice(whole, { start: 2, end: 3 }), other: ones([2]) };
      });
      made.whole.data[6] = 1;
      expect(made.flat.data[6]).toBe(1);
      expect(made.row.toArray()).toEqual([[1, 7, 7]]);
      expect(made.row.data.buffer).toBe(made.whole.data.buffer);
      expect(made.other.data.buffer).not.toBe(made.whole.data.buffer);
      const parts = scope(() => {
        const whole = add(zeros([100, 3]), 7);
        return [slice(whole, { start: 50, end: 52 }), slice(whole, { start: 51, end: 53 }), slice(whole, { end: 0 })];
      });
      parts[0].data[3] = 2;
      expect(parts[1].toArray()).toEqual([
        [2, 7, 7],
        [7, 7, 7],
      ]);
      expect(parts[1].data.buffer.byteLength).toBe(4 * 9); // what nobody asked for is not copied
      expect(parts[2].toArray()).toEqual([]);
    });

    it("is a view of what was made outside, in the same place", () => {
      const outside = ones([2, 2]);
      const view = scope(() => {
        const inner = ones([4]);
        return scope(() => [reshape(outside, [4]), reshape(inner, [2, 2])] as const).map((x) => x);
      });
      expect(view[0].data).toBe(outside.data);
      expect(view[1].toArray()).toEqual([
        [1, 1],
        [1, 1],
      ]);
    });
  });

  describe("nested scopes", () => {
    it("hand what leaves the inner one to the outer one", () => {
      let middle: Tensor = ones([1]);
      const out = scope(() => {
        middle = scope(() => add(ones([2]), 1));
        expect(middle.toArray()).toEqual([2, 2]);
        const more = scope(() => [add(ones([2]), 7), add(ones([2]), 8)]);
        expect(middle.toArray()).toEqual([2, 2]);
        return mul(more[0], middle);
      });
      expect(out.toArray()).toEqual([16, 16]);
      expect(out.scopeDepth).toBe(0);
      expectError(() => middle.data, DisposedError, released);
    });

    it("keep gradients of leaves of either scope", () => {
      const outer = ones([2], { requiresGrad: true });
      const sums = scope(() => {
        const inner = ones([2], { requiresGrad: true });
        scope(() => sum(mul(mul(outer, inner), 5)).backward());
        scope(() => sum(mul(mul(outer, inner), 2)).backward());
        return [...(inner.grad as Tensor).data];
      });
      expect(sums).toEqual([7, 7]);
      expect(outer.grad?.toArray()).toEqual([7, 7]);
    });
  });

  describe("recycling", () => {
    const placesOf = (): string[] => {
      const used: string[] = [];
      scope(() => {
        for (const size of [3, 5, 3]) {
          const x = zeros([size]);
          used.push(placeOf(x.data), placeOf(add(x, 1).data));
        }
      });
      return used;
    };

    it("lends the same arrays to a second run", () => {
      const first = new Set(placesOf());
      expect(first.size).toBe(6);
      expect(placesOf().every((place) => first.has(place))).toBe(true);
    });

    it("never lends an array that escaped, that a view of an escaped one shares, or that holds a gradient", () => {
      const w = ones([64], { requiresGrad: true });
      const escaped = scope(() => {
        const y = mul(w, 2);
        sum(y).backward();
        return [y, slice(add(zeros([64]), 3), { start: 8, end: 16 }), reshape(add(zeros([64]), 4), [8, 8])];
      });
      const owned = [...escaped, w.grad as Tensor].map(({ data }) => data.buffer);
      for (const buffer of owned) expect(buffer.byteLength).toBeLessThanOrEqual(4 * 64);
      for (let run = 0; run < 3; run++) {
        scope(() => {
          for (let i = 0; i < 10; i++) expect(owned).not.toContain(add(zeros([64]), -1).data.buffer);
        });
      }
      expect(escaped.map(({ data }) => data[0])).toEqual([2, 3, 4]);
      expect(w.grad?.data.every((value) => value === 2)).toBe(true);
    });

    it("of a nested scope lends its arrays to the next one at once, but not while the outer scope still uses them", () => {
      scope(() => {
        const held = scope(() => add(zeros([32]), 1));
        const once = scope(() => placeOf(full([32], 2).data));
        scope(() => {
          const places = [3, 4, 5].map((value) => placeOf(full([32], value).data));
          expect(places).toContain(once);
          expect(places).not.toContain(placeOf(held.data));
        });
        expect(held.data.every((value) => value === 1)).toBe(true);
      });
    });

    it("never lends one array twice at a time, not even one that nested scopes had in turn", () => {
      scope(() => {
        for (let run = 0; run < 3; run++) scope(() => void full([17], run));
      });
      scope(() => {
        const arrays = Array.from({ length: 4 }, (_, i) => full([17], i).data);
        expect(new Set(arrays).size).toBe(4);
      });
    });

    it("does not happen outside a scope", () => {
      const arrays = new Set(Array.from({ length: 5 }, () => add(zeros([3]), 1).data));
      expect(arrays.size).toBe(5);
    });
  });

  describe("a promise", () => {
    it("in a scope or in noGrad is an error, and the scope is closed", () => {
      expectError(
        () => scope(async () => 1),
        ConfigError,
        "scope: fn must be synchronous, got a promise; await before scope or after it, not inside",
      );
      expectError(
        () => noGrad(async () => 1),
        ConfigError,
        "noGrad: fn must be synchronous, got a promise; await before noGrad or after it, not inside",
      );
      expect(ones([1]).scopeDepth).toBe(0);
    });
  });

  describe("what is no function", () => {
    it.each([
      ["scope", scope],
      ["noGrad", noGrad],
    ])("is an error in %s, and the scope is closed", (name, run) => {
      expectError(() => run(null as never), ConfigError, `${name}: fn must be a function, got null`);
      expect(ones([1]).scopeDepth).toBe(0);
      expect(mul(ones([1], { requiresGrad: true }), 2).requiresGrad).toBe(true);
    });
  });

  describe("a result that no memory holds", () => {
    const wide = (): Tensor => add(zeros([100_000, 1]), zeros([1, 100_000]));

    it("is a ShapeError, inside a scope and outside", () => {
      const message =
        "allocate: 10000000000 numbers do not fit into memory; the largest tensor has 2147483647 where there is room";
      expectError(wide, ShapeError, message);
      expectError(() => scope(wide), ShapeError, message);
      expectError(() => matmul(zeros([100_000, 1]), zeros([1, 100_000])), ShapeError, message);
    });
  });

  describe("values", () => {
    it("are the same inside and outside, to the last bit", () => {
      const outside = trainSmall((fn) => fn());
      expect(outside[9]).toBeLessThan(outside[0]);
      expect(trainSmall(scope)).toEqual(outside);
      expect(trainSmall((fn) => scope(() => scope(fn)))).toEqual(outside);
    });
  });

  it("change of backend does not change which memory takes arrays back", () => {
    const other = name === "loops" ? "wasm" : "loops";
    const kept = scope(() => {
      const before = add(ones([5]), 1);
      backend.use(other);
      const inner = scope(() => add(before, add(ones([5]), 1)));
      const after = add(before, inner);
      backend.use(name);
      return [before, after];
    });
    scope(() => add(zeros([5]), 9));
    expect(kept.map((x) => x.toArray())).toEqual([Array(5).fill(2), Array(5).fill(6)]);
  });
});
