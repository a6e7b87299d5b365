/** Seeded data for the kernel tests. */
import { Random } from "../../../src/random.ts";

/** `count` floats in [-1, 1). */
export function randomFloats(count: number, seed: number): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length: count }, () => 2 * random.uniform() - 1);
}

/** `count` integers in [0, limit). */
export function randomIntegers(count: number, limit: number, seed: number): Int32Array {
  const random = new Random(seed);
  return Int32Array.from({ length: count }, () => random.integer(limit));
}

/** The greatest |a - b|, relative to max(1e-3, max |b|): the tolerance measure of all tests. NaN and infinities must be the same. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let difference = 0;
  let size = 1e-3;
  for (let i = 0; i < b.length; i++) {
    if (Number.isFinite(a[i]) && Number.isFinite(b[i])) {
      difference = Math.max(difference, Math.abs(a[i] - b[i]));
      size = Math.max(size, Math.abs(b[i]));
    } else if (!Object.is(a[i], b[i])) difference = Infinity;
  }
  return difference / size;
}
