/** Whether two sides did the same, and how much faster one of them was. */
import { summarize } from "../statistics.ts";
import type { Check } from "./adapter.ts";
import { compareTokenFiles } from "./tokenizers/token-file.ts";

/** How far a list is from another, as a share of the greatest magnitude of the first. */
export function relativeDifference(expected: readonly number[], actual: readonly number[]): number {
  if (expected.length !== actual.length) return Infinity;
  let [greatest, difference] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    greatest = Math.max(greatest, Math.abs(expected[i]));
    const apart = Math.abs(expected[i] - actual[i]);
    if (Number.isNaN(apart)) return NaN;
    difference = Math.max(difference, apart);
  }
  return difference === 0 ? 0 : difference / greatest;
}

/** A row without its mean: logits and log-probabilities then say the same. */
function centred(row: readonly number[]): number[] {
  const mean = row.reduce((sum, value) => sum + value, 0) / row.length;
  return row.map((value) => value - mean);
}

/** What a comparison found. */
export interface Comparison {
  /** The greatest relative difference of numbers. */
  difference: number;
  /** What is wrong, if something is. */
  problem?: string;
  /** What differs though it may, or how much was the same. */
  remark?: string;
}

/** Compares what a side computed with what was expected; what one of them leaves out is not compared. */
export function compareChecks(expected: Check, actual: Check, tolerance: number): Comparison {
  if (expected.tokenFile !== undefined && actual.tokenFile !== undefined)
    return compareTokens(expected.tokenFile, actual.tokenFile, tolerance);
  if (expected.textHashes !== undefined && actual.textHashes !== undefined)
    return compareTexts(expected.textHashes, actual.textHashes, tolerance);
  let difference = 0;
  const compare = (a: readonly number[] | undefined, b: readonly number[] | undefined): void => {
    if (a !== undefined && b !== undefined) difference = Math.max(difference, relativeDifference(a, b));
  };
  compare(expected.values, actual.values);
  compare(expected.row && centred(expected.row), actual.row && centred(actual.row));
  if (!(difference <= tolerance))
    return {
      difference,
      problem: `numbers differ by ${difference.toExponential(1)} of the greatest; ${tolerance} is allowed`,
    };
  const apart =
    expected.tokens?.findIndex((token, i) => actual.tokens !== undefined && token !== actual.tokens[i]) ?? -1;
  if (apart >= 0)
    return {
      difference,
      problem: `token ${apart + 1} differs: ${actual.tokens?.[apart]} instead of ${expected.tokens?.[apart]}`,
    };
  return { difference };
}

/** Whether few enough texts differ. */
function compareTexts(expected: readonly string[], actual: readonly string[], tolerance: number): Comparison {
  const differing = expected.filter((hash, i) => hash !== actual[i]).length;
  const difference = differing / expected.length;
  const problem = `${differing} of ${expected.length} texts differ`;
  return { difference, ...(differing > 0 && { remark: problem }), ...(!(difference <= tolerance) && { problem }) };
}

/** Whether few enough ids differ. */
function compareTokens(expected: string, actual: string, tolerance: number): Comparison {
  const { tokens, differing, texts } = compareTokenFiles(expected, actual);
  const difference = differing / tokens;
  const problem = `${differing} of ${tokens} tokens differ, in ${texts} texts`;
  if (!(difference <= tolerance)) return { difference, problem };
  return { difference, remark: differing === 0 ? `${tokens} tokens, the same` : problem };
}

/** How many times faster something is: from the medians, and round by round. */
export interface Ratio {
  /** Median time of the other over our median time; above 1, ours is faster. */
  ratio: number;
  /** Quartiles of the ratios of single rounds. */
  q1: number;
  q3: number;
}

/** Compares times of the same rounds; where one has fewer, the spread is that of the rounds of both. */
export function compareTimes(ours: readonly number[], theirs: readonly number[]): Ratio {
  const rounds = ours.slice(0, theirs.length).map((time, i) => theirs[i] / time);
  const { q1, q3 } = summarize(rounds);
  return { ratio: summarize(theirs).median / summarize(ours).median, q1, q3 };
}
