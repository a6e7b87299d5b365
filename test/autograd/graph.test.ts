/** The graph and the walk through it. */
import { describe, expect, it } from "vitest";
import { ConfigError, ShapeError } from "../../src/errors.ts";
import { isRecorded, noGrad, record } from "../../src/autograd/graph.ts";
import { add, mul } from "../../src/ops/arithmetic.ts";
import { reshape } from "../../src/ops/layout.ts";
import { tanh } from "../../src/ops/pointwise.ts";
import { sum } from "../../src/ops/reduce.ts";
import { ones, tensor, zeros } from "../../src/tensor/create.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { expectError } from "../expect-error.ts";

const leaf = (...values: number[]): Tensor => tensor(values, { requiresGrad: true });

describe("backward", () => {
  it("goes through a chain of 100,000 operations", () => {
    const x = leaf(1);
    let y: Tensor = x;
    for (let i = 0; i < 100_000; i++) y = add(y, 1);
    y.backward();
    expect(y.item()).toBe(100_001);
    expect(x.grad?.item()).toBe(1);
  });

  it("adds up the uses of one tensor: x + x, x · x", () => {
    const x = leaf(3);
    add(x, x).backward();
    expect(x.grad?.item()).toBe(2);
    x.grad = null;
    mul(x, x).backward();
    expect((x.grad as unknown as Tensor).item()).toBe(6);
  });

  it("runs each operation of a shared part once, however many paths lead through it", () => {
    const x = leaf(2);
    let runs = 0;
    let y = record("counted", x.data.slice(), x.shape, [x], (gradOut) => {
      runs++;
      return [gradOut];
    });
    for (let level = 0; level < 40; level++) y = add(y, y); // 2^40 paths
    y.backward();
    expect(runs).toBe(1);
    expect(x.grad?.item()).toBe(2 ** 40);
  });

  it("runs an operation only when all its gradient has arrived", () => {
    const x = leaf(1);
    const a = mul(x, 2);
    const b = mul(a, 3); // a is reached directly and through b
    add(mul(b, a), a).backward(); // 3 a² + a with a = 2x
    expect(x.grad?.item()).toBe(2 * (6 * 2 + 1));
  });

  it("adds the gradients of several calls to the leaves, and can walk the same graph again", () => {
    const x = leaf(1, 2);
    const y = sum(mul(x, x));
    y.backward();
    expect(x.grad?.toArray()).toEqual([2, 4]);
    y.backward();
    expect(x.grad?.toArray()).toEqual([4, 8]);
    sum(x).backward();
    expect(x.grad?.toArray()).toEqual([5, 9]);
  });

  it("starts from gradOut, which it leaves as it was", () => {
    const x = leaf(1, 2);
    const gradOut = tensor([10, 100]);
    mul(x, 3).backward(gradOut);
    expect(x.grad?.toArray()).toEqual([30, 300]);
    expect(gradOut.toArray()).toEqual([10, 100]);
  });

  it("keeps gradients for leaves only", () => {
    const x = leaf(1);
    const y = mul(x, 2);
    mul(y, 3).backward();
    expect(y.grad).toBeNull();
    expect(x.grad?.item()).toBe(6);
  });

  it("gives nothing to inputs whose rule returns null", () => {
    const [a, b] = [leaf(1), leaf(2)];
    record("first", a.data.slice(), a.shape, [a, b], (gradOut) => [gradOut, null]).backward();
    expect(a.grad?.item()).toBe(1);
    expect(b.grad).toBeNull();
  });

  it("needs gradOut for more than one number, of the same shape", () => {
    const y = mul(leaf(1, 2), 2);
    expectError(
      () => y.backward(),
      ShapeError,
      "backward: needs gradOut for a tensor of shape [2]; only a single number has a default",
    );
    expectError(() => y.backward(ones([2, 1])), ShapeError, "backward: gradOut is [2, 1], the tensor is [2]");
    reshape(mul(leaf(1), 2), [1, 1]).backward();
  });
});

describe("gradients of leaves", () => {
  it("share memory with nothing else: not with each other, gradOut, or the value", () => {
    const [a, b] = [leaf(1, 2), leaf(3, 4)];
    const gradOut = ones([2]);
    add(a, reshape(b, [2])).backward(gradOut);
    const [gradA, gradB] = [a.grad as Tensor, b.grad as Tensor];
    gradA.data[0] = 99;
    expect(gradB.toArray()).toEqual([1, 1]);
    expect(gradOut.toArray()).toEqual([1, 1]);
    expect(a.toArray()).toEqual([1, 2]);
    gradOut.data[1] = -5;
    expect(gradA.toArray()).toEqual([99, 1]);
  });

  it("are new arrays when they grow, so a gradient once read stays what it was", () => {
    const x = leaf(1);
    mul(x, 2).backward();
    const first = x.grad as Tensor;
    mul(x, 3).backward();
    expect([first.item(), (x.grad as Tensor).item()]).toEqual([2, 5]);
  });
});

describe("noGrad", () => {
  it("records nothing inside and goes on recording afterwards, also after an error", () => {
    const x = leaf(1);
    const inside = noGrad(() => mul(x, 2));
    expect([inside.requiresGrad, inside.node, inside.item()]).toEqual([false, null, 2]);
    expect(noGrad(() => isRecorded([x]))).toBe(false);
    expect(() =>
      noGrad(() => {
        throw new RangeError("on purpose");
      }),
    ).toThrow(RangeError);
    expect(mul(x, 2).requiresGrad).toBe(true);
  });

  it("nests", () => {
    const x = leaf(1);
    noGrad(() => {
      noGrad(() => mul(x, 2));
      expect(mul(x, 2).requiresGrad).toBe(false);
    });
  });

  it("inside a computation cuts the gradient there", () => {
    const x = leaf(3);
    mul(
      x,
      noGrad(() => mul(x, x)),
    ).backward(); // x² counts as a constant
    expect(x.grad?.item()).toBe(9);
  });
});

describe("record", () => {
  it("leaves no graph where no input wants a gradient", () => {
    const out = tanh(zeros([2]));
    expect([out.requiresGrad, out.node]).toEqual([false, null]);
  });

  it("tells the rule which inputs want one", () => {
    const seen: (readonly boolean[])[] = [];
    const [a, b] = [leaf(1), ones([1])];
    record("watch", a.data.slice(), a.shape, [a, b], (gradOut, needs) => {
      seen.push(needs);
      return [gradOut, gradOut];
    }).backward();
    expect(seen).toEqual([[true, false]]);
    expect(b.grad).toBeNull();
  });

  it("is refused nothing: an operation of one's own takes part like any other", () => {
    const x = leaf(2);
    const cube = record(
      "cube",
      x.data.map((value) => value ** 3),
      x.shape,
      [x],
      (gradOut) => [gradOut.map((g, i) => g * 3 * x.data[i] ** 2)],
    );
    mul(cube, 10).backward();
    expect(x.grad?.item()).toBe(120);
    expectError(() => x.backward(), ConfigError, /it is a leaf/);
  });
});
