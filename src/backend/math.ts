/**
 * The elementary functions of every backend, written out: an engine's own `Math.exp` may differ from the next engine's in
 * the last bits, and results are promised to be the same in every runtime.
 *
 * All take a number as a float32 would hold it and return a float32 value: overflow is Infinity, underflow is gradual. Each is a
 * range reduction and a polynomial, without tables, so that one float32x4 routine can follow the same steps. (Here the
 * steps run in double precision, which JavaScript gives for free; the float32 routine needs its constants split in two.)
 * The coefficients are minimax fits (Remez exchange) of the function named, over the reduced range named.
 *
 * Errors are in units in the last place (ulp) of float32, 0.5 being perfect rounding; the tests assert every bound.
 */

/** Adding and subtracting 1.5 · 2^52 rounds a double below 2^51 to the nearest integer (half to even): two additions, no call. */
const ROUND = 6755399441055744;
const LOG2_E = 1.4426950408889634;
const LN_2 = 0.6931471805599453;

// A float32 is read as the int32 with the same bits, and back, through a shared 4-byte cell. Its exponent field is
// (bits >> 23) - 127, so writing (n + 127) << 23 makes 2^n for n from -126 to 127.
const float = new Float32Array(2);
const bits = new Int32Array(float.buffer);

/**
 * e^x, error at most 0.7 ulp.
 *
 * x = n ln 2 + r with |r| <= ln 2 / 2, so e^x = 2^n · e^r (Cody and Waite, Software Manual for the Elementary Functions, 1980);
 * e^r = 1 + r + r² Q(r) with Q of degree 4, relative error 1.1e-8. 2^n is applied in two halves, because n reaches -149
 * where the result is subnormal. 4.2 ns in a loop (2-core AMD EPYC, Node 20; `Math.exp`: 10 ns; 5.7 ns when a bundler
 * has turned the constants above into variables); with a branch around the second half 5.5 ns, with one double-precision
 * factor 8.4 ns.
 */
export function exp(x: number): number {
  // Beyond these bounds the result is 0 or Infinity anyway, and the halves would leave the exponent field. NaN passes.
  const bounded = x > 130 ? 130 : x < -150 ? -150 : x;
  const n = bounded * LOG2_E + ROUND - ROUND;
  const r = bounded - n * LN_2;
  const q =
    0.5 + r * (0.16666576266288757 + r * (0.04166637361049652 + r * (0.008363183587789536 + r * 0.001394112128764391)));
  const half = n >> 1;
  bits[0] = (half + 127) << 23;
  bits[1] = ((n | 0) - half + 127) << 23;
  return Math.fround((1 + r + r * r * q) * float[0] * float[1]);
}

/**
 * ln x, error at most 0.6 ulp; -Infinity at 0, NaN below.
 *
 * x = 2^e · m with m from √½ to √2, so ln x = e ln 2 + ln m; with s = (m - 1) / (m + 1), ln m = 2s + s³ P(s²)
 * (the series of 2 artanh s), P of degree 2, relative error 2.6e-9.
 */
export function log(x: number): number {
  if (x < 1.1754943508222875e-38) {
    // Subnormals have no exponent field to read: lift them by 2^32 first. Zero and negative numbers end here too.
    return x > 0 ? Math.fround(log(x * 4294967296) - 32 * LN_2) : x === 0 ? -Infinity : NaN;
  }
  float[0] = x;
  if (!(float[0] < Infinity)) return x; // Infinity and NaN
  const exponent = (bits[0] - 0x3f3504f3) >> 23; // 0x3f3504f3 is √½: every m below is at least that
  bits[0] -= exponent << 23;
  const m = float[0];
  const s = (m - 1) / (m + 1);
  const z = s * s;
  return Math.fround(
    exponent * LN_2 + (2 * s + s * z * (0.6666668653488159 + z * (0.3998871445655823 + z * 0.2958225607872009))),
  );
}

/**
 * tanh x, error at most 0.9 ulp.
 *
 * With t = e^(2x) - 1, tanh x = t / (t + 2); t comes from the reduction of `exp` without ever adding the 1 to a small r, so
 * nothing cancels near 0. Beyond |x| = 10 the result is ±1.
 */
export function tanh(x: number): number {
  const bounded = x > 10 ? 20 : x < -10 ? -20 : 2 * x;
  const n = bounded * LOG2_E + ROUND - ROUND;
  const r = bounded - n * LN_2;
  const q =
    0.5 + r * (0.16666576266288757 + r * (0.04166637361049652 + r * (0.008363183587789536 + r * 0.001394112128764391)));
  bits[0] = ((n | 0) + 127) << 23;
  const scale = float[0];
  const t = scale * (r + r * r * q) + (scale - 1);
  return Math.fround(t / (t + 2));
}

/**
 * Φ(x), the part of the normal distribution below x, error at most 1.6 ulp. (erf x is 2 Φ(√2 x) - 1, but Φ from erf would lose all
 * its digits where x is far below 0.)
 *
 * Φ(-|x|) = e^(-x²/2) P(|x|) / R(|x|) with P of degree 4 and R of degree 5, relative error 5.9e-9 (least squares reweighted
 * towards minimax, Lawson 1961); all coefficients are positive, so that nothing cancels. Beyond |x| = 14.5 the result is 0 or 1.
 */
export function normalCdf(x: number): number {
  const size = x < 0 ? -x : x;
  const z = size > 14.5 ? 14.5 : size;
  const p = 0.500000002953 + z * (0.43829456172 + z * (0.183234844361 + z * (0.0406331260769 + z * 0.0041162937612)));
  const r =
    1 + z * (1.67447410465 + z * (1.20250193439 + z * (0.469469854156 + z * (0.101858589884 + z * 0.0103178985823))));
  const tail = (exp(-0.5 * size * size) * p) / r;
  return Math.fround(x < 0 ? tail : 1 - tail);
}

const TWO_PI = 6.283185307179586;
const TWO_OVER_PI = 0.6366197723675814;
// π/2 in two parts; the first has 33 bits, so its product with an n below 2^20 is exact (Cody and Waite).
const HALF_PI_HIGH = 1.5707963267341256;
const HALF_PI_LOW = 6.077100506506192e-11;

/**
 * sin (shift 0) or cos (shift 1): x = n π/2 + r with |r| <= π/4, then quadrant n + shift chooses between
 * ±sin r = ±(r + r³ S(r²)), S of degree 2, relative error 1.3e-8, and ±cos r = ±(1 - r²/2 + r⁴ C(r²)), C of degree 2, relative error 8.1e-10.
 */
function circular(x: number, shift: number): number {
  // Past 10^6 the product above would round; the remainder by the double next to 2π is then in error by |x| · 4e-17.
  const angle = x > 1e6 || x < -1e6 ? x % TWO_PI : x;
  const n = angle * TWO_OVER_PI + ROUND - ROUND;
  const r = angle - n * HALF_PI_HIGH - n * HALF_PI_LOW;
  const z = r * r;
  const quadrant = (n | 0) + shift;
  const value =
    (quadrant & 1) === 0
      ? r + r * z * (-0.166666641831398 + z * (0.008332748897373676 - z * 0.0001958795910468325))
      : 1 - 0.5 * z + z * z * (0.0416666641831398 + z * (-0.001388830365613103 + z * 2.454798959661275e-5));
  return Math.fround((quadrant & 2) === 0 ? value : -value);
}

/** sin x, error at most 0.7 ulp for |x| up to 10^6; beyond, an absolute error of |x| · 4e-17 comes on top. NaN at ±Infinity. */
export function sin(x: number): number {
  return circular(x, 0);
}

/** cos x, error as `sin`. */
export function cos(x: number): number {
  return circular(x, 1);
}

/** base ^ exponent for a whole exponent >= 0, in double precision by repeated squaring: multiplications alone, so the same bits in every runtime. */
export function integerPower(base: number, exponent: number): number {
  let result = 1;
  for (let square = base, left = exponent; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result *= square;
    square *= square;
  }
  return result;
}
