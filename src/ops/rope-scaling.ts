/**
 * Frequencies of rotary positions, and the ways of stretching them to contexts longer than a model was trained on. Element
 * pair i of a head turns by position · frequency(i); slower turning makes distant positions look nearer.
 */
import { log } from "../backend/math.ts";
import { ConfigError, checkInteger, checkNumber, checkOptions, describeValue } from "../errors.ts";

/**
 * How the frequencies of a model's rotary positions are changed.
 *
 * - `linear`: all divided by `factor` (Chen et al. 2023, "position interpolation").
 * - `dynamic`: the base grows with the text once it is longer than `originalContextLength` (NTK-aware scaling, by bloc97).
 * - `llama3`: slow ones divided by `factor`, fast ones kept, a ramp between (Llama 3.1).
 * - `yarn`: likewise, with the ramp told by turns per context, and queries and keys made a little longer (Peng et al. 2023, §3.4).
 * - `factors`: each divided by a factor of its own, as GGUF files write any of these; `attentionFactor` as in yarn.
 */
export type RopeScaling =
  | { readonly type: "linear"; readonly factor: number }
  | { readonly type: "dynamic"; readonly factor: number; readonly originalContextLength: number }
  | {
      readonly type: "llama3";
      readonly factor: number;
      readonly originalContextLength: number;
      /** Turns per original context at or below which a frequency is divided. */
      readonly lowFreqFactor: number;
      /** Turns per original context at or above which a frequency is kept. */
      readonly highFreqFactor: number;
    }
  | {
      readonly type: "yarn";
      readonly factor: number;
      readonly originalContextLength: number;
      /** Turns per original context at or above which a frequency is kept. Default 32. */
      readonly betaFast?: number;
      /** Turns per original context at or below which a frequency is divided. Default 1. */
      readonly betaSlow?: number;
      /** Factor on cos and sin. Default 0.1 · ln(factor) + 1. */
      readonly attentionFactor?: number;
    }
  | { readonly type: "factors"; readonly factors: readonly number[]; readonly attentionFactor?: number };

/** Frequencies [rotaryDim / 2] in radians per position, and the factor on cos and sin. */
export interface RotaryFrequencies {
  readonly frequencies: readonly number[];
  readonly attentionFactor: number;
}

/** Fields of each kind that must be there, and those that may be left out. */
const FIELDS: Readonly<Record<RopeScaling["type"], { needed: readonly string[]; optional: readonly string[] }>> = {
  linear: { needed: ["factor"], optional: [] },
  dynamic: { needed: ["factor", "originalContextLength"], optional: [] },
  llama3: { needed: ["factor", "originalContextLength", "lowFreqFactor", "highFreqFactor"], optional: [] },
  yarn: { needed: ["factor", "originalContextLength"], optional: ["betaFast", "betaSlow", "attentionFactor"] },
  factors: { needed: ["factors"], optional: ["attentionFactor"] },
};

/**
 * Checks a scaling that somebody has written by hand or in a file.
 *
 * @param rotaryDim how many elements of a head turn
 * @throws ConfigError naming the field that is unknown, missing or out of range
 */
export function checkRopeScaling(operation: string, scaling: RopeScaling, rotaryDim: number): void {
  const fields = Object.hasOwn(FIELDS, scaling?.type) ? FIELDS[scaling.type] : undefined;
  if (fields === undefined) {
    const known = Object.keys(FIELDS).join(", ");
    throw new ConfigError(
      `${operation}: ropeScaling must have one of the types ${known}, got ${describeValue(scaling?.type)}`,
    );
  }
  checkOptions(`${operation} ropeScaling`, scaling, ["type", ...fields.needed, ...fields.optional]);
  const values = scaling as unknown as Readonly<Record<string, number | undefined>>;
  for (const name of [...fields.needed, ...fields.optional]) {
    const value = values[name];
    if (name === "factors" || (value === undefined && fields.optional.includes(name))) continue;
    const where = `ropeScaling.${name}`;
    if (name === "originalContextLength") checkInteger(operation, where, value as number, 1);
    else checkNumber(operation, where, value as number, name === "factor" ? 1 : Number.MIN_VALUE);
  }
  if (scaling.type === "llama3" && scaling.lowFreqFactor >= scaling.highFreqFactor)
    throw new ConfigError(`${operation}: ropeScaling.lowFreqFactor must be below highFreqFactor`);
  if (scaling.type !== "factors") return;
  const { factors } = scaling;
  if (!Array.isArray(factors) || factors.length !== rotaryDim / 2)
    throw new ConfigError(`${operation}: ropeScaling.factors must be ${rotaryDim / 2} numbers, one for each pair`);
  for (const factor of factors) checkNumber(operation, "ropeScaling.factors", factor as number, Number.MIN_VALUE);
}

/**
 * The frequencies theta^(-2i / rotaryDim) for i in [0, rotaryDim / 2), scaled if asked for.
 *
 * They are powers of one root, found by Newton's method in double precision with exactly rounded operations, so every
 * runtime gets the same ones.
 *
 * @param length of the text, which only "dynamic" scaling looks at
 */
export function rotaryFrequencies(
  rotaryDim: number,
  theta: number,
  scaling: RopeScaling | null = null,
  length: number = 0,
): RotaryFrequencies {
  if (scaling?.type === "dynamic") return unscaled(rotaryDim, dynamicTheta(rotaryDim, theta, scaling, length));
  const { frequencies } = unscaled(rotaryDim, theta);
  switch (scaling?.type) {
    case undefined:
      return { frequencies, attentionFactor: 1 };
    case "linear":
      return { frequencies: frequencies.map((frequency) => frequency / scaling.factor), attentionFactor: 1 };
    case "factors":
      return {
        frequencies: frequencies.map((frequency, i) => frequency / scaling.factors[i]),
        attentionFactor: scaling.attentionFactor ?? 1,
      };
    case "llama3": {
      const { factor, originalContextLength, lowFreqFactor, highFreqFactor } = scaling;
      const kept = (frequency: number): number => {
        const turns = (originalContextLength * frequency) / (2 * Math.PI);
        return between(0, (turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor), 1);
      };
      return { frequencies: blend(frequencies, factor, kept), attentionFactor: 1 };
    }
    case "yarn": {
      const { factor, originalContextLength, betaFast = 32, betaSlow = 1 } = scaling;
      /** The pair that makes so many turns in the original context. */
      const pairOf = (turns: number): number =>
        (rotaryDim * log(originalContextLength / (turns * 2 * Math.PI))) / (2 * log(theta));
      const low = Math.max(0, Math.floor(pairOf(betaFast)));
      const high = Math.min(rotaryDim - 1, Math.ceil(pairOf(betaSlow)));
      const kept = (_: number, i: number): number => 1 - between(0, (i - low) / (high === low ? 0.001 : high - low), 1);
      return {
        frequencies: blend(frequencies, factor, kept),
        attentionFactor: scaling.attentionFactor ?? 0.1 * log(factor) + 1,
      };
    }
  }
}

/** Each frequency partly kept, the rest of it divided by `factor`. */
function blend(
  frequencies: readonly number[],
  factor: number,
  kept: (frequency: number, i: number) => number,
): readonly number[] {
  return frequencies.map((frequency, i) => {
    const share = kept(frequency, i);
    return share * frequency + ((1 - share) * frequency) / factor;
  });
}

function between(low: number, x: number, high: number): number {
  return Math.min(high, Math.max(low, x));
}

function unscaled(rotaryDim: number, theta: number): RotaryFrequencies {
  const ratio = nthRoot(1 / theta, rotaryDim / 2); // theta^(-2 / rotaryDim)
  const frequencies: number[] = [];
  for (let i = 0, frequency = 1; i < rotaryDim / 2; i++, frequency *= ratio) frequencies.push(frequency);
  return { frequencies, attentionFactor: 1 };
}

/** theta · stretch^(rotaryDim / (rotaryDim - 2)), where stretch grows from 1 with the text beyond the original context. */
function dynamicTheta(
  rotaryDim: number,
  theta: number,
  { factor, originalContextLength }: { factor: number; originalContextLength: number },
  length: number,
): number {
  if (length <= originalContextLength || rotaryDim <= 2) return theta;
  const stretch = (factor * length) / originalContextLength - (factor - 1);
  return (theta * stretch) / nthRoot(1 / stretch, (rotaryDim - 2) / 2);
}

/** The x in (0, 1] with xⁿ = a, for a in (0, 1]: Newton's method falls monotonically from 1. */
function nthRoot(a: number, n: number): number {
  let x = 1;
  for (;;) {
    let power = 1;
    for (let i = 1; i < n; i++) power *= x; // xⁿ⁻¹
    const next = x - (power * x - a) / (n * power);
    if (!(next < x)) return x;
    x = next;
  }
}
