/**
 * Seeded random numbers. Nothing in heed draws from a global generator: whoever needs chance holds a `Random`, so the
 * same seed gives the same weights, batches and samples in every runtime.
 */
import { ConfigError } from "./errors.ts";

/** The whole state of a generator, for checkpoints. */
export type RandomState = readonly [number, number, number, number];

/**
 * A seeded generator (sfc32, from Chris Doty-Humphrey's PractRand): 128 bits of state, period at least 2^32.
 *
 * ```ts
 * const random = new Random(7);
 * random.uniform(); // the same number for everyone who asks seed 7
 * ```
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter: number;

  /** @param seed any safe integer, or a state from `state()` */
  constructor(seed: number | RandomState) {
    if (typeof seed !== "number") {
      if (!Array.isArray(seed) || seed.length !== 4 || !seed.every(Number.isInteger)) {
        throw new ConfigError(`Random: needs a seed or a state of four integers, got ${String(seed)}`, { seed });
      }
      [this.#a, this.#b, this.#c, this.#counter] = seed as RandomState;
      return;
    }
    if (!Number.isSafeInteger(seed))
      throw new ConfigError(`Random: seed must be a safe integer, got ${String(seed)}`, { seed });
    this.#a = seed | 0;
    this.#b = Math.floor(seed / 2 ** 32) | 0;
    this.#c = 0;
    this.#counter = 1;
    // Twelve rounds spread the seed over the state, as PractRand's seeding does.
    for (let round = 0; round < 12; round++) this.uint32();
  }

  /** A whole number from 0 to 2^32 - 1, each equally likely. */
  uint32(): number {
    const result = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) | 0;
    return result >>> 0;
  }

  /** A number in [0, 1) with 32 random bits. */
  uniform(): number {
    return this.uint32() / 2 ** 32;
  }

  /** A whole number in [0, n), each equally likely. */
  integer(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > 2 ** 32)
      throw new ConfigError(`Random.integer: n must be an integer from 1 to 2^32, got ${n}`, { n });
    // Draws above the largest multiple of n would favour small results; draw again.
    const limit = 2 ** 32 - (2 ** 32 % n);
    let draw = this.uint32();
    while (draw >= limit) draw = this.uint32();
    return draw % n;
  }

  /**
   * A standard normal number, by the ratio of uniforms (Kinderman & Monahan 1977) with the bounds of J. L. Leva, "A fast
   * normal random number generator", ACM TOMS 18 (1992), which decide all but one draw in a hundred without a logarithm.
   */
  normal(): number {
    for (;;) {
      const u = 1 - this.uniform(); // (0, 1]
      const v = 1.7156 * (this.uniform() - 0.5);
      const x = u - 0.449871;
      const y = Math.abs(v) + 0.386595;
      const q = x * x + y * (0.196 * y - 0.25472 * x);
      if (q < 0.27597 || (q <= 0.27846 && v * v <= -4 * u * u * logarithm(u))) return v / u;
    }
  }

  /** An index drawn with probability proportional to its weight. Weights are >= 0 and at least one is positive. */
  categorical(weights: ArrayLike<number>): number {
    let total = 0;
    for (let i = 0; i < weights.length; i++) total += weights[i];
    if (!(total > 0) || total === Infinity)
      throw new ConfigError(`Random.categorical: weights must have a positive finite sum, got ${total}`, { total });
    let left = this.uniform() * total;
    let last = 0;
    for (let i = 0; i < weights.length; i++) {
      if (weights[i] <= 0) continue;
      left -= weights[i];
      if (left < 0) return i;
      last = i;
    }
    return last; // rounding may leave a crumb; it belongs to the last index that can be drawn
  }

  /** Shuffles in place (Fisher-Yates) and returns the same array. */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      [items[i], items[j]] = [items[j], items[i]];
    }
    return items;
  }

  /** The state now; `new Random(state)` continues from here. */
  state(): RandomState {
    return [this.#a, this.#b, this.#c, this.#counter];
  }
}

/**
 * ln u for u in (0, 1], from exactly rounded operations alone, since engines' own logarithms differ in their last bits:
 * u = m / 2^k with m in [1/2, 1], and ln m = 2 artanh((m - 1) / (m + 1)) as a series whose argument is at most 1/3.
 */
function logarithm(u: number): number {
  let m = u;
  let k = 0;
  for (; m < 0.5; m *= 2) k++;
  const t = (m - 1) / (m + 1);
  let sum = 0;
  for (let n = 33; n >= 1; n -= 2) sum = sum * t * t + 1 / n;
  return 2 * t * sum - k * 0.6931471805599453;
}
