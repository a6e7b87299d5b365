/** The assembler: its encodings, its checks, and that the engine understands every instruction and does what the name says. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { atomic, f32, f32x4, f64, f64x2, i32, i32x4, select, v128 } from "../../../src/backend/wasm/assembler.ts";
import type { Code, F32, I32, V128, ValueType } from "../../../src/backend/wasm/assembler.ts";
import type { FunctionBody } from "../../../src/backend/wasm/function-body.ts";
import { hasRelaxedSimd } from "../../../src/backend/wasm/features.ts";
import { ModuleBuilder } from "../../../src/backend/wasm/module.ts";

/** Builds a module with one function "run" and gives its memory and the function. */
function assemble<const P extends readonly ValueType[]>(
  parameters: P,
  build: (f: FunctionBody, ...parameters: { [K in keyof P]: Code<P[K]> }) => void,
): { memory: ArrayBuffer; run: (...args: number[]) => void } {
  const module = new ModuleBuilder();
  module.define("run", parameters, build as never);
  const memory = new WebAssembly.Memory({ initial: 1 });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.encode(false)), { heed: { memory } });
  return { memory: memory.buffer, run: exports.run as (...args: number[]) => void };
}

/** The four floats that a vector expression of two vectors gives. */
function lanes(a: number[], b: number[], expression: (a: V128, b: V128) => V128): number[] {
  const { memory, run } = assemble([], (f) =>
    f.do(v128.store(i32.const(0), expression(v128.load(i32.const(16)), v128.load(i32.const(32))))),
  );
  const floats = new Float32Array(memory);
  floats.set(a, 4);
  floats.set(b, 8);
  run();
  return [...floats.subarray(0, 4)];
}

/** What an integer expression of two integers gives. */
function integer(a: number, b: number, expression: (a: I32, b: I32) => I32): number {
  const { memory, run } = assemble(["i32", "i32"], (f, x, y) => f.do(i32.store(i32.const(8), expression(x, y))));
  run(a, b);
  return new Int32Array(memory)[2];
}

describe("encodings", () => {
  it("writes signed constants that the engine reads back", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.integer(), fc.constantFrom(0, -1, 63, 64, -64, -65, 2 ** 31 - 1, -(2 ** 31))),
        (value) => {
          expect(integer(0, 0, () => i32.const(value))).toBe(value);
        },
      ),
    );
  });
});

describe("instructions", () => {
  const integers: [keyof typeof i32, (a: number, b: number) => number][] = [
    ["add", (a, b) => (a + b) | 0],
    ["sub", (a, b) => (a - b) | 0],
    ["mul", Math.imul],
    ["div_u", (a, b) => ((a >>> 0) / (b >>> 0)) | 0],
    ["rem_u", (a, b) => ((a >>> 0) % (b >>> 0)) | 0],
    ["and", (a, b) => a & b],
    ["or", (a, b) => a | b],
    ["xor", (a, b) => a ^ b],
    ["shl", (a, b) => a << b],
    ["shr_s", (a, b) => a >> b],
    ["shr_u", (a, b) => (a >>> b) | 0],
    ["eq", (a, b) => Number(a === b)],
    ["ne", (a, b) => Number(a !== b)],
    ["lt_s", (a, b) => Number(a < b)],
    ["gt_s", (a, b) => Number(a > b)],
    ["ge_s", (a, b) => Number(a >= b)],
    ["lt_u", (a, b) => Number(a >>> 0 < b >>> 0)],
    ["gt_u", (a, b) => Number(a >>> 0 > b >>> 0)],
    ["le_u", (a, b) => Number(a >>> 0 <= b >>> 0)],
    ["ge_u", (a, b) => Number(a >>> 0 >= b >>> 0)],
  ];
  it.each(integers)("i32.%s", (name, expected) => {
    const instruction = i32[name] as (a: I32, b: I32) => I32;
    for (const [a, b] of [
      [7, 3],
      [3, 7],
      [-5, 3],
      [5, -3],
      [2 ** 31 - 1, 1],
      [4, 4],
    ])
      // prettier-ignore
      expect(integer(a, b, instruction)).toBe(expected(a, b));
  });

  const vectors: [keyof typeof f32x4, (a: number, b: number) => number][] = [
    ["add", (a, b) => a + b],
    ["sub", (a, b) => a - b],
    ["mul", (a, b) => a * b],
    ["div", (a, b) => a / b],
    ["min", Math.min],
    ["max", Math.max],
    ["pmin", (a, b) => (b < a ? b : a)],
    ["pmax", (a, b) => (a < b ? b : a)],
  ];
  it.each(vectors)("f32x4.%s", (name, expected) => {
    const a = [1.5, -2, 0, Infinity];
    const b = [-0.25, 3, 4, 1];
    const instruction = f32x4[name] as (a: V128, b: V128) => V128;
    expect(lanes(a, b, instruction)).toEqual(a.map((x, i) => Math.fround(expected(x, b[i]))));
  });

  it("compares lanes to masks that bitselect takes", () => {
    const choose = (mask: (a: V128, b: V128) => V128) => lanes([1, 2, 3, NaN], [2, 2, 2, 2], (a, b) => v128.bitselect(a, f32x4.const(0), mask(a, b))); // prettier-ignore
    expect(choose(f32x4.lt)).toEqual([1, 0, 0, 0]);
    expect(choose(f32x4.le)).toEqual([1, 2, 0, 0]);
    expect(choose(f32x4.gt)).toEqual([0, 0, 3, 0]);
    expect(choose(f32x4.ge)).toEqual([0, 2, 3, 0]);
    expect(choose(f32x4.eq)).toEqual([0, 2, 0, 0]);
    expect(choose(f32x4.ne)).toEqual([1, 0, 3, NaN]);
  });

  it("moves lanes, converts and splats", () => {
    expect(lanes([1, 2, 3, 4], [5, 6, 7, 8], (a, b) => i32x4.shuffle(a, b, 3, 4, 0, 7))).toEqual([4, 5, 1, 8]);
    expect(lanes([2.5, -3.5, 1.4, -1.6], [], (a) => f32x4.nearest(a))).toEqual([2, -4, 1, -2]);
    expect(lanes([2.5, -3.5, 1e20, NaN], [], (a) => f32x4.convert_i32x4_s(i32x4.trunc_sat_f32x4_s(a)))).toEqual([2, -3, 2147483648, 0]); // prettier-ignore
    expect(lanes([1, 2, 3, 4], [], (a) => f32x4.splat(f32x4.extract_lane(a, 2)))).toEqual([3, 3, 3, 3]);
    expect(lanes([3, 5, 0, 0], [], (a) => f32x4.demote_f64x2_zero(f64x2.mul(f64x2.promote_low_f32x4(a), f64x2.const(0.5))))).toEqual([1.5, 2.5, 0, 0]); // prettier-ignore
    expect(lanes([9, 9, 9, 9], [], () => f32x4.convert_i32x4_s(i32x4.shr_s(i32x4.const(-8, 16), i32.const(2))))).toEqual([-2, 4, -2, 4]); // prettier-ignore
  });

  it("multiplies and adds at once where the engine can", (test) => {
    if (!hasRelaxedSimd()) return test.skip();
    expect(lanes([1, 2, 3, 4], [2, 2, 2, 2], (a, b) => f32x4.relaxed_madd(a, b, b))).toEqual([4, 6, 8, 10]);
    expect(lanes([1, 2, 3, 4], [2, 2, 2, 2], (a, b) => f32x4.relaxed_nmadd(a, b, b))).toEqual([0, -2, -4, -6]);
  });

  it("computes with scalars of both widths", () => {
    const { memory, run } = assemble(["i32"], (f, n) => {
      const x: F32 = f32.convert_i32_u(n);
      f.do(f32.store(i32.const(0), f32.sqrt(f32.add(x, f32.const(0.25)))));
      f.do(f64.store(i32.const(8), f64.div(f64.promote_f32(x), f64.const(3))));
      f.do(f32.store(i32.const(16), select(f32.gt(x, f32.const(1)), f32.neg(x), f32.const(7))));
    });
    run(2);
    expect(new Float32Array(memory)[0]).toBe(1.5);
    expect(new Float64Array(memory)[1]).toBe(2 / 3);
    expect(new Float32Array(memory)[4]).toBe(-2);
  });

  it("changes words atomically", () => {
    const { memory, run } = assemble([], (f) => {
      f.do(i32.store(i32.const(0), atomic.add(i32.const(8), i32.const(5))));
      f.do(i32.store(i32.const(4), atomic.cmpxchg(i32.const(8), i32.const(12), i32.const(1))));
      f.do(atomic.store(i32.const(12), atomic.load(i32.const(8))));
    });
    const words = new Int32Array(memory);
    words[2] = 7;
    run();
    expect([...words.subarray(0, 4)]).toEqual([7, 12, 1, 1]);
  });
});

describe("control", () => {
  it("loops, branches and calls", () => {
    const module = new ModuleBuilder();
    const square = module.define("", ["i32", "i32"], (f, address, n) => f.do(i32.store(address, i32.mul(n, n))));
    module.define("run", ["i32"], (f, n) => {
      f.for(0, n, 1, (i) =>
        f.if(
          i32.and(i, i32.const(1)),
          () => f.do(square(i32.shl(i, i32.const(2)), i)),
          () => f.do(module.callIndirect(["i32", "i32"], [i32.shl(i, i32.const(2)), i32.const(9)], i32.const(0))),
        ),
      );
    });
    const memory = new WebAssembly.Memory({ initial: 1 });
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.encode(false)), { heed: { memory } });
    (exports.run as (n: number) => void)(6);
    expect([...new Int32Array(memory.buffer, 0, 7)]).toEqual([81, 1, 81, 9, 81, 25, 0]);
  });
});

describe("checks", () => {
  const wrong = (code: unknown): never => code as never;
  it("refuses operands of other types, when the code is put together", () => {
    expect(() => i32.add(i32.const(1), wrong(f32.const(1)))).toThrow("operand 1 must be i32, got f32");
    expect(() => v128.store(i32.const(0), wrong(f32.const(1)))).toThrow("operand 1 must be v128, got f32");
    expect(() => f32x4.splat(wrong(i32.const(1)))).toThrow("operand 0 must be f32, got i32");
    assemble([], (f) => {
      expect(() => f.set(f.local("i32"), wrong(f32.const(1)))).toThrow("operand 0 must be i32, got f32");
      expect(() => f.do(wrong(i32.const(1)))).toThrow("must leave nothing");
    });
  });

  it("takes a number for a constant of the operand's type, but not for a vector", () => {
    expect(integer(7, 0, (a) => i32.add(i32.mul(a, -3), 100))).toBe(79);
    expect(f32.add(1, 2).bytes).toBe(f32.add(f32.const(1), f32.const(2)).bytes);
    expect(f64.sub(1, 2).bytes).toBe(f64.sub(f64.const(1), f64.const(2)).bytes);
    expect(() => f32x4.add(f32x4.const(1), wrong(2))).toThrow();
  });

  it("refuses calls with other arguments", () => {
    const fn = new ModuleBuilder().define("fn", ["i32", "f32"], () => {});
    expect(() => fn(i32.const(1), wrong(i32.const(1)))).toThrow("operand 1 must be f32, got i32");
    expect(() => (fn as unknown as (value: I32) => void)(i32.const(1))).toThrow("takes 2 arguments, got 1");
  });
});
