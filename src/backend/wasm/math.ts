/**
 * The elementary functions on four 32-bit lanes: the methods of ../math.ts, from which the polynomials come, in code that
 * other kernels take into theirs. `x` is read more than once and becomes a local variable; lanes never mix, so one
 * value may stand in all of them, or in lane 0 alone.
 *
 * Every constant that multiplies a count of periods is split in two, the first part so short that the product is exact
 * (Cody and Waite, Software Manual for the Elementary Functions, 1980). No relaxed instruction is used: the bits are the same
 * everywhere. Errors are in units in the last place (ulp), 0.5 being perfect rounding; the tests assert every bound.
 */
import { f32x4, f64x2, i32, i32x4, v128 } from "./assembler.ts";
import type { FunctionBody, Local, V128 } from "./assembler.ts";

const LOG2_E = 1.4426950408889634;
// ln 2 in two parts; the first has 15 bits, so its product with an n below 2^9 is exact.
const LN_2_HIGH = 0.693145751953125;
const LN_2_LOW = 1.4286068203094172e-6;
/** Adding 1.5 · 2^23 rounds a float below 2^22 to the nearest integer, which then stands in the low bits. */
const ROUND = 12582912;

const all = f32x4.const;

/** c0 + x (c1 + x (c2 + …)). */
function polynomial(x: V128, ...coefficients: number[]): V128 {
  return coefficients.reduceRight((sum: V128 | null, c) => (sum === null ? all(c) : f32x4.add(f32x4.mul(sum, x), all(c))), null) as V128;
}

/** The reduction x = n ln 2 + r, |r| <= ln 2 / 2. */
interface Reduced {
  /** n + offset in its low bits; above them what ROUND has there, which ends in ten zeros. */
  count: Local<"v128">;
  /** e^r - 1 */
  expm1: V128;
}

/** Reduces x; `offset` is added to n in `count`. e^r = 1 + r + r² Q(r), Q of degree 4. */
function reduce(f: FunctionBody, x: Local<"v128">, offset: number): Reduced {
  const count = f.let(f32x4.add(f32x4.mul(x, all(LOG2_E)), all(ROUND + offset)));
  const n = f.let(f32x4.sub(count, all(ROUND + offset)));
  const r = f.let(f32x4.sub(f32x4.sub(x, f32x4.mul(n, all(LN_2_HIGH))), f32x4.mul(n, all(LN_2_LOW))));
  const q = polynomial(r, 0.5, 0.16666576266288757, 0.04166637361049652, 0.008363183587789536, 0.001394112128764391);
  return { count, expm1: f32x4.add(r, f32x4.mul(f32x4.mul(r, r), q)) };
}

/** a bounded to [low, high]; NaN passes. */
function bounded(a: V128, low: number, high: number): V128 {
  return f32x4.pmin(f32x4.pmax(a, all(low)), all(high));
}

/**
 * e^x, error at most 1.1 ulp.
 *
 * 2^n is applied in two halves h and n - h, because n reaches -150 where the result is subnormal. With 254 added to n, both
 * halves come with the 127 that the exponent field wants.
 */
export function exp(f: FunctionBody, x: V128): V128 {
  // Beyond these bounds the result is 0 or Infinity anyway.
  const { count, expm1 } = reduce(f, f.let(bounded(x, -104, 89)), 254);
  const value = f.let(f32x4.add(all(1), expm1));
  const half = f.let(i32x4.shr_u(count, i32.const(1)));
  const power = (exponent: V128): V128 => i32x4.shl(exponent, i32.const(23));
  return f32x4.mul(f32x4.mul(value, power(half)), power(i32x4.sub(count, half)));
}

/**
 * ln x, error at most 1.1 ulp; -Infinity at 0, NaN below.
 *
 * x = 2^e · (1 + g) with 1 + g from √½ to √2. With s = g / (2 + g), ln (1 + g) = 2s + s R, R = s² P(s²). Because 2s = g - g²/2 + s g²/2
 * this is g - (g²/2 - s (g²/2 + R)), where the rounding of the quotient hardly counts.
 */
export function log(f: FunctionBody, x: V128): V128 {
  const given = f.let(x);
  // Subnormals have no exponent field to read: lift them by 2^32 first.
  const tiny = f.let(f32x4.lt(given, all(1.1754943508222875e-38)));
  const bits = f.let(v128.bitselect(f32x4.mul(given, all(4294967296)), given, tiny));
  // 0x3f3504f3 is √½.
  const exponent = f.let(i32x4.shr_s(i32x4.sub(bits, i32x4.const(0x3f3504f3)), i32.const(23)));
  const g = f.let(f32x4.sub(i32x4.sub(bits, i32x4.shl(exponent, i32.const(23))), all(1)));
  const e = f.let(f32x4.convert_i32x4_s(i32x4.sub(exponent, v128.and(tiny, i32x4.const(32)))));
  const s = f.let(f32x4.div(g, f32x4.add(g, all(2))));
  const z = f.let(f32x4.mul(s, s));
  const r = f32x4.mul(z, polynomial(z, 0.6666668653488159, 0.3998871445655823, 0.2958225607872009));
  const h = f.let(f32x4.mul(f32x4.mul(g, g), all(0.5)));
  const small = f32x4.add(f32x4.mul(s, f32x4.add(h, r)), f32x4.mul(e, all(LN_2_LOW)));
  const value = f32x4.add(f32x4.mul(e, all(LN_2_HIGH)), f32x4.sub(g, f32x4.sub(h, small)));
  // Infinity and NaN stay, all bits set are NaN, and finite numbers plus -Infinity are -Infinity.
  const known = v128.bitselect(value, given, f32x4.lt(given, all(Infinity)));
  const below = f32x4.lt(given, all(0));
  return f32x4.add(v128.or(known, below), v128.and(f32x4.eq(given, all(0)), all(-Infinity)));
}

/**
 * tanh x, odd to the last bit.
 *
 * With t = e^2|x| - 1, tanh |x| = t / (t + 2); t comes from the reduction of `exp` without ever adding the 1 to a small r, so
 * nothing cancels near 0, and errors of a large t cancel in the quotient. Beyond |x| = 10 the result is ±1.
 */
export function tanh(f: FunctionBody, x: V128): V128 {
  const given = f.let(x);
  const size = f32x4.abs(f32x4.add(given, given));
  const { count, expm1 } = reduce(f, f.let(f32x4.pmin(size, all(20))), 127);
  const scale = f.let(i32x4.shl(count, i32.const(23)));
  const t = f.let(f32x4.add(f32x4.mul(expm1, scale), f32x4.sub(scale, all(1))));
  return v128.or(f32x4.div(t, f32x4.add(t, all(2))), v128.and(given, all(-0)));
}

/** erf x */
export function erf(f: FunctionBody, x: V128): V128 {
  const a = f.let(bounded(x, -4, 4));
  const z = f.let(f32x4.mul(a, a));
  const p = polynomial(z, 1.12837913954, 0.193536314927, 0.0531002746289, 0.0038828742534, 0.000284540370465, 1.98666391376e-6);
  const r = polynomial(z, 1, 0.504849652588, 0.115346099182, 0.0152063321648, 0.0011854284918, 3.74175843871e-5);
  return f32x4.div(f32x4.mul(a, p), r);
}

const TWO_PI = 6.283185307179586;
const TWO_OVER_PI = 0.6366197723675814;
// pi/2 in two parts; the first has 33 bits.
const HALF_PI_HIGH = 1.5707963267341256;
const HALF_PI_LOW = 6.077100506506192e-11;
/** As ROUND, for doubles. */
const ROUND_DOUBLE = 6755399441055744;
const FAR = 1e6;

function circular(f: FunctionBody, x: V128, shift: number): V128 {
  const given = f.let(x);
  const far = f32x4.gt(f32x4.abs(given), all(FAR));
  const halves = [given, i32x4.shuffle(given, given, 2, 3, 2, 3)].map((pair) => f.let(f64x2.promote_low_f32x4(pair)));
  f.if(v128.any_true(far), () => {
    for (const half of halves) f.set(half, remainder(f, half));
  });
  const counts = halves.map((angle) => f.let(f64x2.add(f64x2.mul(angle, f64x2.const(TWO_OVER_PI)), f64x2.const(ROUND_DOUBLE))));
  const rest = halves.map((angle, i) => {
    const n = f.let(f64x2.sub(counts[i], f64x2.const(ROUND_DOUBLE)));
    const high = f64x2.sub(angle, f64x2.mul(n, f64x2.const(HALF_PI_HIGH)));
    return f32x4.demote_f64x2_zero(f64x2.sub(high, f64x2.mul(n, f64x2.const(HALF_PI_LOW))));
  });
  const r = f.let(i32x4.shuffle(rest[0], rest[1], 0, 1, 4, 5));
  let quadrant: V128 = i32x4.shuffle(counts[0], counts[1], 0, 2, 4, 6);
  if (shift) quadrant = i32x4.add(quadrant, i32x4.const(shift));
  const q = f.let(quadrant);
  const z = f.let(f32x4.mul(r, r));
  const sine = f32x4.add(r, f32x4.mul(f32x4.mul(r, z), polynomial(z, -0.166666641831398, 0.008332748897373676, -0.0001958795910468325)));
  const cosine = f32x4.add(f32x4.sub(all(1), f32x4.mul(z, all(0.5))), f32x4.mul(f32x4.mul(z, z), polynomial(z, 0.0416666641831398, -0.001388830365613103, 2.454798959661275e-5)));
  const odd = i32x4.shr_s(i32x4.shl(q, i32.const(31)), i32.const(31));
  const sign = v128.and(i32x4.shl(q, i32.const(30)), i32x4.const(-0x80000000));
  return v128.xor(v128.bitselect(cosine, sine, odd), sign);
}

/** The remainder by TWO_PI. */
function remainder(f: FunctionBody, x: Local<"v128">): V128 {
  const size = f.let(f64x2.abs(x));
  const part = f.let(f64x2.const(TWO_PI * 2 ** 126));
  const left = f.let(i32.const(127));
  f.while(left, () => {
    f.set(size, f64x2.sub(size, v128.andnot(part, f64x2.gt(part, size))));
    f.set(part, f64x2.mul(part, f64x2.const(0.5)));
    f.increase(left, -1);
  });
  return v128.or(size, v128.and(x, f64x2.const(-0)));
}

/** sin x */
export function sin(f: FunctionBody, x: V128): V128 {
  return circular(f, x, 0);
}

/** cos x */
export function cos(f: FunctionBody, x: V128): V128 {
  return circular(f, x, 1);
}
