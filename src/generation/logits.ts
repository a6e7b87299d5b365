/**
 * Pure functions on one row of scores. Each changes the row it is given; a token is forbidden by the score -Infinity.
 * The order in which `processScores` and `chooseBySampling` apply them is Hugging Face's.
 */
import { exp } from "../backend/math.ts";
import type { ResolvedCommon } from "./options.ts";

/** A row of logits or log-probabilities, one for each token of the vocabulary. */
export type Scores = Float32Array;

/** Pushes down tokens that have occurred: positive scores are divided by `penalty`, negative ones multiplied (Keskar et al. 2019, CTRL, §4.1). */
export function penalizeRepetition(scores: Scores, tokens: readonly number[], penalty: number): void {
  for (const token of new Set(tokens))
    scores[token] = scores[token] < 0 ? scores[token] * penalty : scores[token] / penalty;
}

/** Forbids every token that would complete a run of `size` tokens that has occurred (Paulus et al. 2017, §2.5). */
export function forbidRepeatedNgrams(scores: Scores, tokens: readonly number[], size: number): void {
  const suffix = tokens.length - (size - 1);
  if (suffix < 0) return;
  for (let start = 0; start + size <= tokens.length; start++) {
    let same = true;
    for (let i = 0; i < size - 1 && same; i++) same = tokens[start + i] === tokens[suffix + i];
    if (same) scores[tokens[start + size - 1]] = -Infinity;
  }
}

/** Adds a number to the scores of some tokens. */
export function addBias(scores: Scores, bias: Readonly<Record<number, number>>): void {
  for (const [token, value] of Object.entries(bias)) scores[Number(token)] += value;
}

/** Forbids tokens. */
export function forbid(scores: Scores, tokens: readonly number[]): void {
  for (const token of tokens) scores[token] = -Infinity;
}

/**
 * What the options ask of every strategy, in this order: repetition penalty, n-gram limit, bias, no early end.
 *
 * @param tokens prompt and written tokens
 * @param written how many of them were written
 */
export function processScores(
  scores: Scores,
  tokens: readonly number[],
  written: number,
  options: ResolvedCommon,
): void {
  if (options.repetitionPenalty !== 1) penalizeRepetition(scores, tokens, options.repetitionPenalty);
  if (options.noRepeatNgram > 0) forbidRepeatedNgrams(scores, tokens, options.noRepeatNgram);
  addBias(scores, options.logitBias);
  if (written < options.minNewTokens) forbid(scores, options.eosIds);
}

/** Divides every score by `temperature`. */
export function applyTemperature(scores: Scores, temperature: number): void {
  for (let i = 0; i < scores.length; i++) scores[i] /= temperature;
}

/** Keeps the `k` greatest scores and whatever equals the least of them (Fan et al. 2018); forbids the rest. */
export function keepTopK(scores: Scores, k: number): void {
  if (k >= scores.length) return;
  const threshold = Float32Array.from(scores).sort()[scores.length - k];
  for (let i = 0; i < scores.length; i++) if (scores[i] < threshold) scores[i] = -Infinity;
}

/** Keeps the fewest likeliest tokens whose probabilities reach `p` (nucleus sampling, Holtzman et al. 2019, §3.1); forbids the rest. */
export function keepTopP(scores: Scores, p: number): void {
  if (p >= 1) return;
  const probs = toProbabilities(scores);
  const kept = new Set(nucleus(scores, probs, p));
  for (let token = 0; token < scores.length; token++) if (!kept.has(token)) scores[token] = -Infinity;
}

/** The fewest likeliest tokens that reach `p`. Sorting a whole vocabulary costs milliseconds, and few tokens usually do. */
function nucleus(scores: Scores, probs: Float64Array, p: number): number[] {
  for (let count = 64; ; count *= 8) {
    const order = likeliest(scores, Math.min(count, scores.length));
    let reached = 0;
    const end = order.findIndex((token) => (reached += probs[token]) >= p);
    if (end !== -1) return order.slice(0, end + 1);
    if (order.length === scores.length) return order;
  }
}

/** softmax of a row, in double precision; all 0 where everything is forbidden. */
export function toProbabilities(scores: Scores): Float64Array {
  const greatest = scores[argmax(scores)];
  const probs = new Float64Array(scores.length);
  if (greatest === -Infinity) return probs;
  let total = 0;
  for (let i = 0; i < scores.length; i++) {
    probs[i] = exp(scores[i] - greatest);
    total += probs[i];
  }
  for (let i = 0; i < probs.length; i++) probs[i] /= total;
  return probs;
}

/** The token with the greatest score, the first of equals. */
export function argmax(scores: Scores): number {
  let best = 0;
  for (let i = 1; i < scores.length; i++) if (scores[i] > scores[best]) best = i;
  return best;
}

/** The `count` tokens with the greatest scores, greatest first; equals in the order of their ids. */
export function likeliest(scores: Scores, count: number): number[] {
  if (count * 8 >= scores.length) {
    const order = Array.from(scores, (_, token) => token);
    order.sort((a, b) => (scores[b] === scores[a] ? a - b : scores[b] - scores[a]));
    return order.slice(0, count);
  }
  const best: number[] = [];
  for (let token = 0; token < scores.length; token++) {
    if (best.length === count && scores[token] <= scores[best[count - 1]]) continue;
    let at = best.length;
    while (at > 0 && scores[best[at - 1]] < scores[token]) at--;
    best.splice(at, 0, token);
    if (best.length > count) best.pop();
  }
  return best;
}
