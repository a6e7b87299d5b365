/**
 * The elementary functions on four 32-bit lanes: the methods of ../math.ts, in code that other kernels take into theirs. `x`
 * is computed once; lanes never mix, so it may as well stand in lane 0 alone.
 *
 * Every constant that multiplies a count of periods is split in two, the first part so short that the product is exact
 * (Cody and Waite, Software Manual for the Elementary Functions, 1980). No relaxed instruction is used: the bits are the same
 * everywhere. Errors are in units in the last place (ulp), 0.5 being perfect rounding; the tests assert every bound.
 */
import { f32x4, f64x2, i32, i32x4, v128 } from "./assembler.ts";
import type { Local, V128 } from "./assembler.ts";
import type { FunctionBody } from "./function-body.ts";

const { abs, add, div, eq, gt, lt, mul, pmax, pmin, sub } = f32x4;
const { shuffle } = i32x4;

const LOG2_E = 1.4426950408889634;
// ln 2 in two parts, the first of 15 bits: its product with an n below 2^9 is exact.
const LN_2_HIGH = 0.693145751953125;
const LN_2_LOW = 1.4286068203094172e-6;
/** Adding 1.5 · 2^23 rounds a float below 2^22 to the nearest integer, which then stands in the low bits. */
const ROUND = 12582912;

/** Makes constants: the number in every lane. */
export function constants(f: FunctionBody): (value: number) => V128 {
  return (value) => f.constant(f32x4.const(value));
}

/** c0 + c1 x + c2 x² + …, even and odd powers apart, so that they need not wait for each other. */
export function polynomial(f: FunctionBody, x: V128, square: V128, coefficients: readonly number[]): V128 {
  const every = (parity: number): V128 =>
    coefficients
      .filter((_, power) => power % 2 === parity)
      .map(constants(f))
      .reduceRight((sum, coefficient) => add(mul(sum, square), coefficient));
  return add(every(0), mul(every(1), x));
}

/** 2^n, from n + 127 in the low bits. */
const power = (exponent: V128): V128 => i32x4.shl(exponent, 23);

/**
 * Reduces x = n ln 2 + r with |r| <= ln 2 / 2; e^r = 1 + r + r² Q(r) with Q of degree 4.
 *
 * @returns n + `offset` in the low 9 bits of `count`, and e^r - 1
 */
function reduce(f: FunctionBody, x: Local<"v128">, offset: number): { count: Local<"v128">; expm1: V128 } {
  const c = constants(f);
  const count = f.let(add(mul(x, c(LOG2_E)), c(ROUND + offset)));
  const n = f.let(sub(count, c(ROUND + offset)));
  const r = f.let(sub(sub(x, mul(n, c(LN_2_HIGH))), mul(n, c(LN_2_LOW))));
  const square = f.let(mul(r, r));
  const q = polynomial(
    f,
    r,
    square,
    [0.5, 0.16666576266288757, 0.04166637361049652, 0.008363183587789536, 0.001394112128764391],
  );
  return { count, expm1: add(r, mul(square, q)) };
}

/**
 * e^x, error at most 1.1 ulp.
 *
 * 2^n is applied in two halves, because n reaches -150 where the result is subnormal. With 254 added to n, each half comes
 * with the 127 that the exponent field wants.
 */
export function exp(f: FunctionBody, x: V128): V128 {
  const c = constants(f);
  // Beyond these bounds the result is 0 or Infinity anyway, and the halves would leave the exponent field. NaN passes.
  const { count, expm1 } = reduce(f, f.let(pmin(pmax(x, c(-104)), c(89))), 254);
  const half = f.let(i32x4.shr_u(count, 1));
  return mul(mul(add(c(1), expm1), power(half)), power(i32x4.sub(count, half)));
}

/**
 * 2^x in fewer steps, for logistic functions: relative error at most 2e-7 where x lies between -126.5 and 127.5, below 0 and above
 * Infinity. x = n + r with |r| <= ½; 2^r is a polynomial of degree 5.
 */
export function exp2(f: FunctionBody, x: V128): V128 {
  const c = constants(f);
  // 2^-127 and 2^128 come out as 0 and Infinity: their exponent fields are 0 and all ones. NaN passes.
  const given = f.let(pmin(pmax(x, c(-127)), c(128)));
  const count = f.let(add(given, c(ROUND + 127)));
  const r = f.let(sub(given, sub(count, c(ROUND + 127))));
  const value = polynomial(
    f,
    r,
    f.let(mul(r, r)),
    [1.000000072, 0.6931469669, 0.2402211951, 0.05550713394, 0.009675552747, 0.001327646052],
  );
  return mul(value, power(count));
}

/**
 * ln x, error at most 1 ulp; -Infinity at 0, NaN below.
 *
 * x = 2^e · (1 + g) with 1 + g from √½ to √2. With s = g / (2 + g), ln (1 + g) = 2s + s R, R = s² P(s²), P of degree 2. Because
 * 2s = g - g²/2 + s g²/2 this is g - (g²/2 - s (g²/2 + R)), in which the rounding of the quotient hardly counts.
 */
export function log(f: FunctionBody, x: V128): V128 {
  const c = constants(f);
  const given = f.let(x);
  // Subnormals have no exponent field to read: lift them by 2^32 first.
  const tiny = f.let(lt(given, c(1.1754943508222875e-38)));
  const bits = f.let(v128.bitselect(mul(given, c(4294967296)), given, tiny));
  // The integer is √½: every 1 + g is at least that.
  const exponent = f.let(i32x4.shr_s(i32x4.sub(bits, f.constant(i32x4.const(0x3f3504f3))), 23));
  const e = f.let(f32x4.convert_i32x4_s(i32x4.sub(exponent, v128.and(tiny, f.constant(i32x4.const(32))))));
  const g = f.let(sub(i32x4.sub(bits, power(exponent)), c(1)));
  const s = f.let(div(g, add(g, c(2))));
  const z = f.let(mul(s, s));
  const h = f.let(mul(mul(g, g), c(0.5)));
  const r = mul(z, polynomial(f, z, mul(z, z), [0.6666668653488159, 0.3998871445655823, 0.2958225607872009]));
  const small = add(mul(s, add(h, r)), mul(e, c(LN_2_LOW)));
  const value = add(mul(e, c(LN_2_HIGH)), sub(g, sub(h, small)));
  // Infinity and NaN stay; all bits set are NaN; what is finite and -Infinity make -Infinity.
  const known = v128.bitselect(value, given, lt(given, c(Infinity)));
  return add(v128.or(known, lt(given, c(0))), v128.and(eq(given, c(0)), c(-Infinity)));
}

/**
 * tanh x, error at most 2.5 ulp; odd to the last bit.
 *
 * With t = e^2|x| - 1, tanh |x| = t / (t + 2); t comes from the reduction of `exp` without ever adding the 1 to a small r, so
 * nothing cancels near 0, and the error of a large t cancels in the quotient. Beyond |x| = 10 the result is ±1.
 */
export function tanh(f: FunctionBody, x: V128): V128 {
  const c = constants(f);
  const given = f.let(x);
  const { count, expm1 } = reduce(f, f.let(pmin(abs(add(given, given)), c(20))), 127);
  const scale = f.let(power(count));
  const t = f.let(add(mul(expm1, scale), sub(scale, c(1))));
  return v128.or(div(t, add(t, c(2))), v128.and(given, c(-0)));
}

const TWO_PI = 6.283185307179586;
const TWO_OVER_PI = 0.6366197723675814;
// π/2 in two parts, the first of 33 bits: its product with an n below 2^20 is exact.
const HALF_PI_HIGH = 1.5707963267341256;
const HALF_PI_LOW = 6.077100506506192e-11;
/** As ROUND, for doubles. */
const ROUND_DOUBLE = 6755399441055744;

/**
 * sin (shift 0) or cos (shift 1): x = n π/2 + r with |r| <= π/4, in double precision, two lanes at a time. Quadrant n + shift
 * chooses between ±sin r = ±(r + r³ S(r²)) and ±cos r = ±(1 - r²/2 + r⁴ C(r²)), in single precision, S and C of degree 2.
 */
function circular(f: FunctionBody, x: V128, shift: number): V128 {
  const c = constants(f);
  const d = (value: number): V128 => f.constant(f64x2.const(value));
  const given = f.let(x);
  const angles = [given, shuffle(given, given, 2, 3, 2, 3)].map((pair) => f.let(f64x2.promote_low_f32x4(pair)));
  // Past 10^6 the product with n would round; the remainder by the double next to 2π is then in error by |x| · 4e-17.
  f.if(v128.any_true(gt(abs(given), c(1e6))), () => {
    for (const angle of angles) f.set(angle, remainder(f, angle));
  });
  const counts = angles.map((angle) => f.let(f64x2.add(f64x2.mul(angle, d(TWO_OVER_PI)), d(ROUND_DOUBLE))));
  const rests = angles.map((angle, i) => {
    const n = f.let(f64x2.sub(counts[i], d(ROUND_DOUBLE)));
    const high = f64x2.sub(angle, f64x2.mul(n, d(HALF_PI_HIGH)));
    return f32x4.demote_f64x2_zero(f64x2.sub(high, f64x2.mul(n, d(HALF_PI_LOW))));
  });
  const r = f.let(shuffle(rests[0], rests[1], 0, 1, 4, 5));
  const quadrant = f.let(i32x4.add(shuffle(counts[0], counts[1], 0, 2, 4, 6), f.constant(i32x4.const(shift))));
  const z = f.let(mul(r, r));
  const square = f.let(mul(z, z));
  const s = polynomial(f, z, square, [-0.166666641831398, 0.008332748897373676, -0.0001958795910468325]);
  const k = polynomial(f, z, square, [0.0416666641831398, -0.001388830365613103, 2.454798959661275e-5]);
  const sine = add(r, mul(mul(r, z), s));
  const cosine = add(sub(c(1), mul(z, c(0.5))), mul(square, k));
  const odd = i32x4.shr_s(i32x4.shl(quadrant, 31), 31);
  return v128.xor(v128.bitselect(cosine, sine, odd), v128.and(i32x4.shl(quadrant, 30), c(-0)));
}

/** The remainder of x by TWO_PI where |x| is larger, exactly: TWO_PI · 2^i is taken away where it can be, for i from 126 down to 0. */
function remainder(f: FunctionBody, x: V128): V128 {
  const size = f.let(f64x2.abs(x));
  const part = f.let(f64x2.const(TWO_PI * 2 ** 126));
  const rounds = f.let(i32.const(127));
  f.while(rounds, () => {
    f.set(size, f64x2.sub(size, v128.andnot(part, f64x2.gt(part, size))));
    f.set(part, f64x2.mul(part, f64x2.const(0.5)));
    f.increase(rounds, -1);
  });
  return v128.or(size, v128.and(x, f64x2.const(-0)));
}

/** sin x, error at most 1.7 ulp for |x| up to 10^6; beyond, an absolute error of |x| · 4e-17 comes on top. NaN at ±Infinity. */
export function sin(f: FunctionBody, x: V128): V128 {
  return circular(f, x, 0);
}

/** cos x, error as `sin`. */
export function cos(f: FunctionBody, x: V128): V128 {
  return circular(f, x, 1);
}
