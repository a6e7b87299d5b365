/**
 * Weights in blocks of 32 small integers with a common scale (Q8_0, Q4_0). They are multiplied in whole numbers: the numbers of x
 * are rounded to 16 bits, each by at most 2^-16 of the greatest of its block of 32 (a greatest below 2^-111, whose scale has lost bits, apart).
 * The sums of a block are exact, since
 * 32 · 32767 · 128 < 2^27, and so the same on every processor. An x that is not finite makes its results NaN.
 */
import { f32x4, i16x8, i32, i32x4, v128 } from "./assembler.ts";
import type { I32, Local, V128 } from "./assembler.ts";
import type { FunctionBody } from "./function-body.ts";
import { acrossLanes, element } from "./kernel.ts";
import type { Assembly, Call } from "./kernel.ts";
import { eachProduct, eachRound, finiteHalf, half, word } from "./stored-floats.ts";

/** Numbers of a block. */
const BLOCK = 32;
/** Bytes of a block: a scale and the numbers. */
const blockBytes = (bits: number): number => 2 + (BLOCK * bits) / 8;

/** out = blocks as 32-bit floats. */
export function widenBlocks(assembly: Assembly, bits: number): Call {
  return assembly.function(`widenQ${bits}`, { outputs: 1, inputs: 1, sizes: 1 }, (f, out, stored, cols, begin, end) => {
    const first = f.let(i32.mul(begin, cols));
    const to = f.let(element(out, first));
    const stop = f.let(element(out, i32.mul(end, cols)));
    const from = f.let(i32.add(stored, i32.mul(i32.shr_u(first, 5), blockBytes(bits))));
    const [scale, eight] = [f.local("v128"), f.local("v128")];
    const put = (i: number, numbers: V128): void => {
      f.set(eight, numbers);
      const value = (four: V128): V128 => f32x4.mul(f32x4.convert_i32x4_s(four), scale);
      f.do(v128.store(to, value(i32x4.extend_low_i16x8_s(eight)), 32 * i));
      f.do(v128.store(to, value(i32x4.extend_high_i16x8_s(eight)), 32 * i + 16));
    };
    f.while(i32.lt_u(to, stop), () => {
      f.set(scale, half(f, v128.load16_splat(from)));
      if (bits === 8) for (let i = 0; i < 4; i++) put(i, v128.load8x8_s(from, 2 + 8 * i));
      else
        for (let i = 0; i < 2; i++) {
          const pairs = f.let(v128.load8x8_u(from, 2 + 8 * i));
          const centred = (v: V128): V128 => i16x8.sub(v, word(f, 0x00080008));
          put(i, centred(v128.and(pairs, word(f, 0x000f000f))));
          put(2 + i, centred(i16x8.shr_u(pairs, 4)));
        }
      f.increase(from, blockBytes(bits));
      f.increase(to, 4 * BLOCK);
    });
  });
}

/**
 * A row of x for `blockProduct`: the scale of each block, 8 times its sum with the other sign, and then all numbers as 16-bit
 * integers. For 4 bits they stand in the order in which four halves of bytes are taken from a 16-bit lane: those at even places of the first
 * half of the block, of the second half, and those at odd places alike.
 */
export function packBlocks(packed: Float32Array, x: Float32Array, bits: number): void {
  const count = x.length / BLOCK;
  const sums = new Int32Array(packed.buffer, packed.byteOffset, 2 * count);
  const integers = new Int16Array(packed.buffer, packed.byteOffset + 8 * count, x.length);
  for (let block = 0; block < count; block++) {
    const start = block * BLOCK;
    let greatest = 0;
    for (let i = start; i < start + BLOCK; i++) greatest = Math.max(greatest, Math.abs(x[i]));
    packed[block] = greatest / 32767;
    const factor = greatest > 0 ? 32767 / greatest : 0;
    let sum = 0;
    for (let i = 0; i < BLOCK; i++) {
      const from = bits === 8 ? i : ((i & 7) << 1) | ((i & 8) << 1) | (i >> 4);
      const rounded = ((x[start + from] * factor + 32768.5) | 0) - 32768;
      integers[start + i] = rounded;
      sum += rounded;
    }
    sums[count + block] = -8 * sum;
  }
}

/** Bytes of scratch that `blockProduct` needs. */
export const BLOCK_SCRATCH = 64;

/**
 * Products with rows of blocks, four blocks at a time: their scales are converted together, and so are their sums. These go
 * through memory: some engines would begin with the loads of all four blocks, for which there are not registers enough.
 */
export function blockProduct(assembly: Assembly, bits: number): Call {
  const { madd } = assembly.arithmetic;
  const size = blockBytes(bits);
  return assembly.function(
    `linearQ${bits}`,
    { outputs: 1, inputs: 2, sizes: 3 },
    (f, out, x, weight, m, k, n, begin, end, scratch) => {
      const count = f.let(i32.shr_u(k, 5));
      const [sum, scales, own] = [f.local("v128"), f.local("v128"), f.local("v128")];
      const [from, scaleAt, sumAt, at, left] = Array.from({ length: 5 }, () => f.local("i32"));
      /** Four partial sums of the block at `from`, the i-th of those of a round. */
      const dot = (i: number): V128 => {
        const weights = partsOf(f, bits, from, own);
        const [a, b, c, d] = weights.map((part, j) => i32x4.dot_i16x8_s(part, v128.load(at, 64 * i + 16 * j)));
        return i32x4.add(i32x4.add(a, b), i32x4.add(c, d));
      };
      const pointers = [
        [at, 2 * BLOCK],
        [scaleAt, 4],
        [sumAt, 4],
      ] as const;
      const run = (blocks: number, load: typeof v128.load, body: () => V128): void =>
        eachRound(f, left, blocks, pointers, () => {
          const dots = body();
          const total = bits === 4 ? i32x4.add(dots, load(sumAt)) : dots;
          const factor = f32x4.mul(finiteHalf(f, scales), blocks === 4 ? load(scaleAt) : v128.load32_splat(scaleAt));
          f.set(sum, madd(f32x4.convert_i32x4_s(total), factor, sum));
        });
      eachProduct(f, [out, x, weight, m, n, begin, end], i32.mul(count, 72), i32.mul(count, size), (row, packed) => {
        f.set(from, row);
        f.set(scaleAt, packed);
        f.set(sumAt, element(packed, count));
        f.set(at, element(sumAt, count));
        f.set(left, count);
        f.set(sum, f32x4.const(0));
        run(4, v128.load, () => {
          f.set(scales, word(f, 0));
          for (let i = 0; i < 4; i++) {
            f.set(scales, v128.load16_lane(from, scales, 2 * i));
            f.do(v128.store(scratch, dot(i), 16 * i));
            f.increase(from, size);
          }
          return sumsOf(f, scratch);
        });
        run(1, v128.load32_zero, () => {
          f.set(scales, v128.load16_splat(from));
          f.set(own, dot(0));
          f.increase(from, size);
          return own;
        });
        return acrossLanes(f, sum, f32x4.add);
      });
    },
  );
}

/** The numbers of a block as four vectors of 16-bit integers, those of 4 bits 8 too great; `own` keeps what is loaded at once. */
function partsOf(f: FunctionBody, bits: number, from: I32, own: Local<"v128">): V128[] {
  if (bits === 8) return [2, 10, 18, 26].map((offset) => v128.load8x8_s(from, offset));
  f.set(own, v128.load(from, 2));
  const lowest = word(f, 0x000f000f);
  return [0, 4, 8, 12].map((by) => {
    const shifted = by === 0 ? own : i16x8.shr_u(own, by);
    return by === 12 ? shifted : v128.and(shifted, lowest);
  });
}

/** The sums of the lanes of four vectors in memory. */
function sumsOf(f: FunctionBody, address: I32): V128 {
  const [a, b, c, d] = [0, 16, 32, 48].map((offset) => f.let(v128.load(address, offset)));
  const pairs = (x: V128, y: V128): V128 =>
    f.let(i32x4.add(i32x4.shuffle(x, y, 0, 4, 1, 5), i32x4.shuffle(x, y, 2, 6, 3, 7)));
  const [p, q] = [pairs(a, b), pairs(c, d)];
  return i32x4.add(i32x4.shuffle(p, q, 0, 1, 4, 5), i32x4.shuffle(p, q, 2, 3, 6, 7));
}
