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

/**
 * `count` numbers in a stored form (0 F16, 1 BF16, 2 Q8_0, 3 Q4_0). Single numbers are at most 1, about every tenth of those of
 * F16 being subnormal; scales are between 2^-6 and 2^-5, of either sign.
 */
export function randomStored(form: number, count: number, seed: number): Uint8Array {
  const random = new Random(seed);
  const block = [2, 2, 34, 18][form];
  const bytes = new Uint8Array((form < 2 ? count : count / 32) * block).map(() => random.integer(256));
  for (let i = 1; i < bytes.length; i += block) {
    const sign = random.integer(2) << 7;
    if (form === 0) bytes[i] = sign | (random.integer(10) === 0 ? random.integer(4) : 32 + random.integer(24));
    else bytes[i] = sign | (form === 1 ? 60 + random.integer(3) : 36 + random.integer(4));
  }
  return bytes;
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
