/**
 * Weights stored as 16-bit floats: binary16, or BF16, the upper half of a binary32. Binary16 has five bits of exponent, binary32
 * eight; so the bits are moved to their places, and a product by a power of two puts the exponent right.
 */
import { f32x4, i16x8, i32, i32x4, v128 } from "./assembler.ts";
import type { I32, Local, V128 } from "./assembler.ts";
import type { FunctionBody } from "./function-body.ts";
import { acrossLanes, bytes, element } from "./kernel.ts";
import type { Assembly, Call } from "./kernel.ts";

/** A constant in all four lanes. */
export const word = (f: FunctionBody, value: number): V128 => f.constant(i32x4.const(value));

/** Where sign, exponent and fraction of a binary16 stand once they are in the places of those of a binary32. */
const PLACED = 0x8fffe000 | 0;
/** The greatest finite one, there. */
const GREATEST = 0x0f7fffff;
/** The exponent of infinity as a binary32. */
const INFINITE = 0x7f800000;
/** Twice the bits of the greatest finite binary16, in both halves of a lane. */
const DOUBLED_FINITE = 0xf7fef7fe | 0;

/**
 * Four binary16 from the lower halves of four lanes, moved to where binary32 has sign, exponent and fraction: the
 * number · 2^-112, because exponents count from 15 in one and from 127 in the other. Subnormal numbers come out right too, infinity
 * does not. The product by 2^13 extends the sign as a shift to and fro would, in one instruction.
 */
const placeLow = (f: FunctionBody, v: V128): V128 => v128.and(i32x4.dot_i16x8_s(v, word(f, 1 << 13)), word(f, PLACED));
/** The same from the upper halves. */
const placeHigh = (f: FunctionBody, v: V128): V128 => v128.and(i32x4.shr_s(v, 3), word(f, PLACED));

/** Placed numbers with infinities and NaN as such. */
function withInfinity(f: FunctionBody, placed: V128): V128 {
  const v = f.let(placed);
  const magnitude = v128.and(v, word(f, 0x7fffffff));
  const isInfinite = i32x4.gt_s(magnitude, word(f, GREATEST));
  return v128.or(v, v128.and(isInfinite, word(f, INFINITE)));
}

/** Placed numbers at their true size. */
const atRightSize = (f: FunctionBody, placed: V128): V128 => f32x4.mul(placed, f.constant(f32x4.const(2 ** 112)));

/** Four binary16 from the lower halves of four lanes, exactly, whatever they are. */
export const half = (f: FunctionBody, v: V128): V128 => atRightSize(f, withInfinity(f, placeLow(f, v)));
/** The same of finite ones, in half as many instructions. */
export const finiteHalf = (f: FunctionBody, v: V128): V128 => atRightSize(f, placeLow(f, v));

/** Four BF16 from the lower halves of four lanes. */
const upperHalf = (_: FunctionBody, v: V128): V128 => i32x4.shl(v, 16);

/** One 16-bit integer in the lowest lane, zeros in the others. */
const loadOne = (f: FunctionBody, address: I32): V128 => v128.load16_lane(address, word(f, 0), 0);

/** Runs `body` while there are `size` items left; each item takes every pointer so many bytes further. */
export function eachRound(
  f: FunctionBody,
  left: Local<"i32">,
  size: number,
  pointers: readonly (readonly [pointer: Local<"i32">, itemBytes: number])[],
  body: () => void,
): void {
  f.while(i32.ge_u(left, size), () => {
    body();
    for (const [pointer, itemBytes] of pointers) f.increase(pointer, itemBytes * size);
    f.increase(left, -size);
  });
}

/** Whether any of 32 binary16 is infinite or NaN. Doubled, the bits have lost their sign: the greatest tells. */
function hasInfinity(f: FunctionBody, address: I32): I32 {
  const finite = word(f, DOUBLED_FINITE);
  let greatest = finite;
  for (let i = 0; i < 4; i++) {
    const eight = f.let(v128.load(address, 16 * i));
    greatest = i16x8.max_u(greatest, i16x8.add(eight, eight));
  }
  return v128.any_true(v128.xor(greatest, finite));
}

/** out = 16-bit floats: binary16, or the upper halves of binary32. */
export function widenFloats(assembly: Assembly, isHalf: boolean): Call {
  return assembly.function(
    "widen" + (isHalf ? "F16" : "BF16"),
    { outputs: 1, inputs: 1, sizes: 1 },
    (f, out, stored, cols, begin, end) => {
      const first = f.let(i32.mul(begin, cols));
      const left = f.let(i32.sub(i32.mul(end, cols), first));
      const to = f.let(element(out, first));
      const from = f.let(i32.add(stored, i32.shl(first, 1)));
      const pointers = [
        [from, 2],
        [to, 4],
      ] as const;
      const [exact, round] = isHalf ? [half, 32] : [upperHalf, 16];
      const convert = (each: typeof half): void => {
        for (let i = 0; i < round / 4; i++) f.do(v128.store(to, each(f, v128.load16x4_s(from, 8 * i)), 16 * i));
      };
      const [fast, slow] = [(): void => convert(finiteHalf), (): void => convert(exact)];
      eachRound(f, left, round, pointers, isHalf ? () => f.if(hasInfinity(f, from), slow, fast) : slow);
      eachRound(f, left, 1, pointers, () => f.do(v128.store32_lane(to, exact(f, loadOne(f, from)), 0)));
    },
  );
}

/**
 * A row of x for `floatProduct`: of eight numbers first those at even places, then those at odd ones, since a vector of 16-bit
 * floats is taken apart in this way; behind the row, what sums have to be multiplied by. Placed binary16 are so small that
 * products with small x would lose bits: x is multiplied by a power of two that makes its greatest number about 2^113.
 */
export function packFloats(packed: Float32Array, x: Float32Array, isHalf: boolean): void {
  const k = x.length;
  let factor = 1;
  packed[k] = 1;
  if (isHalf) {
    let greatest = 0;
    for (let i = 0; i < k; i++) greatest = Math.max(greatest, Math.abs(x[i]));
    const words = new Int32Array(packed.buffer, packed.byteOffset, k + 1);
    packed[k] = greatest;
    const exponent = Math.min(127, 240 - (words[k] >> 23));
    words[k] = (127 + exponent) << 23; // 2 ** exponent
    factor = packed[k];
    words[k] = (127 + 112 - exponent) << 23;
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

/**
 * Products with rows of 16-bit floats, binary16 being finite, in one stream as those of `fewRowsKernel` in matmul.ts. A round of the
 * loop takes two vectors of weights: some engines begin it with all its loads, and of more there are not registers enough.
 */
export function floatProduct(assembly: Assembly, isHalf: boolean): Call {
  const { madd } = assembly.arithmetic;
  return assembly.function(
    "linear" + (isHalf ? "F16" : "BF16"),
    { outputs: 1, inputs: 2, sizes: 3 },
    (f, out, x, weight, m, k, n, begin, end) => {
      const sums = Array.from({ length: 4 }, () => f.local("v128"));
      const eight = f.local("v128");
      const [from, at, left] = [f.local("i32"), f.local("i32"), f.local("i32")];
      const pointers = [
        [from, 2],
        [at, 4],
      ] as const;
      const low = (): V128 => (isHalf ? placeLow(f, eight) : upperHalf(f, eight));
      const high = (): V128 => (isHalf ? placeHigh(f, eight) : v128.and(eight, word(f, -65536)));
      const add = (i: number, weights: V128, xs: V128): void => f.set(sums[i], madd(weights, xs, sums[i]));
      eachProduct(f, [out, x, weight, m, n, begin, end], bytes(i32.add(k, 1)), i32.shl(k, 1), (row, packed) => {
        f.set(from, row);
        f.set(at, packed);
        f.set(left, k);
        for (const sum of sums) f.set(sum, f32x4.const(0));
        for (const count of [2, 1])
          eachRound(f, left, 8 * count, pointers, () => {
            for (let i = 0; i < count; i++) {
              f.set(eight, v128.load(from, 16 * i));
              add(2 * i, low(), v128.load(at, 32 * i));
              add(2 * i + 1, high(), v128.load(at, 32 * i + 16));
            }
          });
        eachRound(f, left, 1, pointers, () => {
          f.set(eight, loadOne(f, from));
          add(0, low(), v128.load32_zero(at));
        });
        const all = f32x4.add(f32x4.add(sums[0], sums[1]), f32x4.add(sums[2], sums[3]));
        return f32x4.mul(acrossLanes(f, all, f32x4.add), v128.load32_splat(i32.add(packed, bytes(k))));
      });
    },
  );
}
