/**
 * Weights stored as 16-bit floats: binary16, or BF16, the upper half of a binary32. Binary16 has five bits of exponent, binary32
 * eight; so the bits are moved to their places, and a product by a power of two puts the exponent right.
 */
import { f32x4, i16x8, i32, i32x4, v128 } from "./assembler.ts";
import type { I32, Local, V128 } from "./assembler.ts";
import type { FunctionBody } from "./function-body.ts";
import { acrossLanes, bytes, element } from "./kernel.ts";
import type { Assembly, Call } from "./kernel.ts";

/** Constants of 16-bit floats: what the sign, exponent and fraction of one are once they stand where a 32-bit float has them. */
const PLACED = 0x8fffe000 | 0;
/** The greatest finite one, there. */
const GREATEST = 0x0f7fffff;
/** The exponent of infinity. */
const INFINITE = 0x7f800000;

/**
 * Four binary16 from the lower halves of four lanes, moved to where binary32 has sign, exponent and fraction: the
 * number · 2^-112, because exponents count from 15 in one and from 127 in the other. Subnormal numbers come out right too, infinity
 * does not. The product by 2^13 extends the sign as a shift to and fro would, in one instruction.
 */
const placeLow = (f: FunctionBody, v: V128): V128 =>
  v128.and(i32x4.dot_i16x8_s(v, f.constant(i32x4.const(1 << 13))), f.constant(i32x4.const(PLACED)));
/** The same from the upper halves. */
const placeHigh = (f: FunctionBody, v: V128): V128 =>
  v128.and(i32x4.shr_s(v, 3), f.constant(i32x4.const(PLACED)));

/** Placed numbers with infinities and NaN as such. */
function withInfinity(f: FunctionBody, placed: V128): V128 {
  const v = f.let(placed);
  const magnitude = v128.and(v, f.constant(i32x4.const(0x7fffffff)));
  const isInfinite = i32x4.gt_s(magnitude, f.constant(i32x4.const(GREATEST)));
  return v128.or(v, v128.and(isInfinite, f.constant(i32x4.const(INFINITE))));
}

/** Four binary16 from the lower halves of four lanes, exactly. */
export function half(f: FunctionBody, v: V128): V128 {
  return f32x4.mul(withInfinity(f, placeLow(f, v)), f.constant(f32x4.const(2 ** 112)));
}

/** One 16-bit integer in the lowest lane, zeros in the others. */
const loadOne = (f: FunctionBody, address: I32): V128 => v128.load16_lane(address, f.constant(i32x4.const(0)), 0);

/** out = 16-bit floats: binary16, or the upper halves of binary32. */
export function widenFloats(assembly: Assembly, isHalf: boolean): Call {
  return assembly.function(
    "widen" + (isHalf ? "F16" : "BF16"),
    { outputs: 1, inputs: 1, sizes: 1 },
    (f, out, stored, cols, begin, end) => {
      const convert = (v: V128): V128 => (isHalf ? half(f, v) : i32x4.shl(v, 16));
      const first = f.let(i32.mul(begin, cols));
      const left = f.let(i32.sub(i32.mul(end, cols), first));
      const to = f.let(element(out, first));
      const from = f.let(i32.add(stored, i32.shl(first, 1)));
      const run = (width: number, body: () => void): void =>
        f.while(i32.ge_u(left, width), () => {
          body();
          f.increase(from, 2 * width);
          f.increase(to, 4 * width);
          f.increase(left, -width);
        });
      run(16, () => {
        for (let i = 0; i < 4; i++) f.do(v128.store(to, convert(v128.load16x4_s(from, 8 * i)), 16 * i));
      });
      run(1, () => f.do(v128.store32_lane(to, convert(loadOne(f, from)), 0)));
    },
  );
}

const number = new Float32Array(1);
const word = new Int32Array(number.buffer);

/** 2 ** exponent as a 32-bit float. */
function powerOfTwo(exponent: number): number {
  word[0] = (exponent + 127) << 23;
  return number[0];
}

/**
 * A row of x for `floatProduct`: of eight numbers first those at even places, then those at odd ones, since a vector of 16-bit
 * floats is taken apart in this way; then what the sum has to be multiplied by. Placed binary16 are so small that products with small x would
 * lose bits: x is multiplied by a power of two that makes its greatest number about 2^113.
 */
export function packFloats(packed: Float32Array, x: Float32Array, isHalf: boolean): void {
  const k = x.length;
  let factor = 1;
  packed[k] = 1;
  if (isHalf) {
    let greatest = 0;
    for (let i = 0; i < k; i++) greatest = Math.max(greatest, Math.abs(x[i]));
    number[0] = greatest;
    const exponent = Math.min(127, 240 - (word[0] >> 23));
    factor = powerOfTwo(exponent);
    packed[k] = powerOfTwo(112 - exponent);
  }
  const whole = k - (k % 8);
  for (let i = 0; i < whole; i += 8)
    for (let j = 0; j < 4; j++) {
      packed[i + j] = factor * x[i + 2 * j];
      packed[i + 4 + j] = factor * x[i + 2 * j + 1];
    }
  for (let i = whole; i < k; i++) packed[i] = factor * x[i];
}

/** For each row of the weights and each packed row of x: `dot` gives their product in the first lane. begin, end over rows of weights. */
export function eachProduct(
  f: FunctionBody,
  [out, x, weight, m, n, begin, end]: readonly Local<"i32">[],
  xBytes: I32,
  rowBytes: I32,
  dot: (row: Local<"i32">, packed: Local<"i32">) => V128,
): void {
  const row = f.let(i32.add(weight, i32.mul(begin, rowBytes)));
  const [to, packed] = [f.local("i32"), f.local("i32")];
  const [xStride, rowStride] = [f.let(xBytes), f.let(rowBytes)];
  f.for(begin, end, 1, (column) => {
    f.set(to, element(out, column));
    f.set(packed, x);
    f.for(0, m, 1, () => {
      f.do(v128.store32_lane(to, dot(row, packed), 0));
      f.increase(to, bytes(n));
      f.increase(packed, xStride);
    });
    f.increase(row, rowStride);
  });
}

/** Products with rows of 16-bit floats, in one stream as those of `fewRowsKernel` in matmul.ts. */
export function floatProduct(assembly: Assembly, isHalf: boolean): Call {
  const { madd } = assembly.arithmetic;
  return assembly.function(
    "linear" + (isHalf ? "F16" : "BF16"),
    { outputs: 1, inputs: 2, sizes: 3 },
    (f, out, x, weight, m, k, n, begin, end) => {
      const sums = Array.from({ length: 8 }, () => f.local("v128"));
      const [four, special] = [f.local("v128"), f.local("v128")];
      const [from, at, left] = [f.local("i32"), f.local("i32"), f.local("i32")];
      const low = (v: V128): V128 => (isHalf ? placeLow(f, v) : i32x4.shl(v, 16));
      const high = (v: V128): V128 => (isHalf ? placeHigh(f, v) : v128.and(v, f.constant(i32x4.const(-65536))));
      const run = (width: number, body: () => void): void =>
        f.while(i32.ge_u(left, width), () => {
          body();
          f.increase(from, 2 * width);
          f.increase(at, 4 * width);
          f.increase(left, -width);
        });
      const note = (): void => {
        // Adding one to the exponent carries into the place of the sign if it was that of infinity.
        const exponent = i16x8.add(v128.and(four, f.constant(i32x4.const(0x7fff7fff))), f.constant(i32x4.const(0x04000400)));
        if (isHalf) f.set(special, v128.or(special, exponent));
      };
      const dotRow = (row: I32, packed: I32, vectors: number, finish: (placed: V128) => V128): void => {
        f.set(from, row);
        f.set(at, packed);
        f.set(left, k);
        for (const sum of sums) f.set(sum, f32x4.const(0));
        const add = (i: number, place: (v: V128) => V128, xs: V128): void =>
          f.set(sums[i], madd(finish(place(four)), xs, sums[i]));
        for (const count of new Set([vectors, 1]))
          run(8 * count, () => {
            for (let i = 0; i < count; i++) {
              f.set(four, v128.load(from, 16 * i));
              note();
              add(2 * i, low, v128.load(at, 32 * i));
              add(2 * i + 1, high, v128.load(at, 32 * i + 16));
            }
          });
        run(1, () => {
          f.set(four, loadOne(f, from));
          note();
          add(0, low, v128.load32_zero(at));
        });
      };
      const sizes = [out, x, weight, m, n, begin, end];
      eachProduct(f, sizes, bytes(i32.add(k, 1)), i32.shl(k, 1), (row, packed) => {
        f.set(special, i32x4.const(0));
        dotRow(row, packed, 4, (placed) => placed);
        if (isHalf) {
          const found = v128.any_true(v128.and(special, f.constant(i32x4.const(0x80008000 | 0))));
          f.if(found, () => dotRow(row, packed, 1, (placed) => withInfinity(f, placed)));
        }
        const all = sums.reduce<V128>((a, b) => f32x4.add(a, b), f32x4.const(0));
        return f32x4.mul(acrossLanes(f, all, f32x4.add), v128.load32_splat(i32.add(packed, bytes(k))));
      });
    },
  );
}
