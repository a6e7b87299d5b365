/**
 * Weights in blocks of 32 small integers with a common scale (Q8_0, Q4_0). They are multiplied in whole numbers: the numbers of x
 * are rounded to 16 bits, by half a unit of 1 / 32767 of the greatest of their block at most (2^-16). The sums of a block are exact, since
 * 32 · 32767 · 128 < 2^27, and the same on every processor.
 */
import { f32x4, i16x8, i32, i32x4, v128 } from "./assembler.ts";
import type { V128 } from "./assembler.ts";
import { acrossLanes, element } from "./kernel.ts";
import type { Assembly, Call } from "./kernel.ts";
import { eachProduct, half } from "./stored-floats.ts";

/** Numbers of a block. */
const BLOCK = 32;
/** Bytes of a block: a scale and the numbers. */
const blockBytes = (bits: number): number => 2 + (BLOCK * bits) / 8;

/** out = blocks as 32-bit floats. */
export function widenBlocks(assembly: Assembly, bits: number): Call {
  return assembly.function(
    `widenQ${bits}`,
    { outputs: 1, inputs: 1, sizes: 1 },
    (f, out, stored, cols, begin, end) => {
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
            const centred = (v: V128): V128 => i16x8.sub(v, f.constant(i32x4.const(0x00080008)));
            put(i, centred(v128.and(pairs, f.constant(i32x4.const(0x000f000f)))));
            put(2 + i, centred(i16x8.shr_u(pairs, 4)));
          }
        f.increase(from, blockBytes(bits));
        f.increase(to, 4 * BLOCK);
      });
    },
  );
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

/** Products with rows of blocks, four blocks at a time: their scales are converted together, and so are their sums. */
export function blockProduct(assembly: Assembly, bits: number): Call {
  const { madd } = assembly.arithmetic;
  const size = blockBytes(bits);
  return assembly.function(
    `linearQ${bits}`,
    { outputs: 1, inputs: 2, sizes: 3 },
    (f, out, x, weight, m, k, n, begin, end) => {
      const count = f.let(i32.shr_u(k, 5));
      const [sum, scales, own] = [f.local("v128"), f.local("v128"), f.local("v128")];
      const dots = Array.from({ length: 4 }, () => f.local("v128"));
      const [from, scaleAt, sumAt, at, left] = Array.from({ length: 5 }, () => f.local("i32"));
      const add = (a: V128, b: V128): V128 => i32x4.add(a, b);
      /** Four partial sums of block `i`. */
      const dot = (i: number): V128 => {
        const part = (j: number, v: V128): V128 => i32x4.dot_i16x8_s(v, v128.load(at, 64 * i + 16 * j));
        const start = 2 + size * i;
        if (bits === 8) {
          const eight = (j: number): V128 => part(j, v128.load8x8_s(from, start + 8 * j));
          return add(add(eight(0), eight(1)), add(eight(2), eight(3)));
        }
        f.set(own, v128.load(from, start));
        const low = (v: V128): V128 => v128.and(v, f.constant(i32x4.const(0x000f000f)));
        const shifted = (by: number): V128 => i16x8.shr_u(own, by);
        return add(
          add(part(0, low(own)), part(1, low(shifted(4)))),
          add(part(2, low(shifted(8))), part(3, shifted(12))),
        );
      };
      const run = (blocks: number, body: () => void): void =>
        f.while(i32.ge_u(left, blocks), () => {
          body();
          f.increase(from, size * blocks);
          f.increase(at, 2 * BLOCK * blocks);
          f.increase(scaleAt, 4 * blocks);
          if (bits === 4) f.increase(sumAt, 4 * blocks);
          f.increase(left, -blocks);
        });
      const finish = (total: V128, xScales: V128): void =>
        f.set(sum, madd(f32x4.convert_i32x4_s(total), f32x4.mul(half(f, scales), xScales), sum));
      const sizes = [out, x, weight, m, n, begin, end];
      eachProduct(f, sizes, i32.mul(count, 72), i32.mul(count, size), (row, packed) => {
        f.set(from, row);
        f.set(scaleAt, packed);
        f.set(sumAt, element(packed, count));
        f.set(at, i32.add(packed, i32.shl(count, 3)));
        f.set(left, count);
        f.set(sum, f32x4.const(0));
        run(4, () => {
          dots.forEach((each, i) => f.set(each, dot(i)));
          const zero = f.constant(i32x4.const(0));
          f.set(
            scales,
            [0, 1, 2, 3].reduce<V128>((v, i) => v128.load16_lane(from, v, 2 * i, size * i), zero),
          );
          const pairs = (a: V128, b: V128): V128 =>
            f.let(add(i32x4.shuffle(a, b, 0, 4, 1, 5), i32x4.shuffle(a, b, 2, 6, 3, 7)));
          const [p, q] = [pairs(dots[0], dots[1]), pairs(dots[2], dots[3])];
          const total = add(i32x4.shuffle(p, q, 0, 1, 4, 5), i32x4.shuffle(p, q, 2, 3, 6, 7));
          finish(bits === 4 ? add(total, v128.load(sumAt)) : total, v128.load(scaleAt));
        });
        run(1, () => {
          f.set(scales, v128.load16_splat(from));
          const total = dot(0);
          finish(bits === 4 ? add(total, v128.load32_zero(sumAt)) : total, v128.load32_splat(scaleAt));
        });
        return acrossLanes(f, sum, f32x4.add);
      });
    },
  );
}
