/** Scores of the next token, as rows that may be changed. */
import { kernels } from "../backend/current.ts";
import { noGrad } from "../autograd/graph.ts";
import { DivergedError } from "../errors.ts";
import type { LanguageModel } from "../language-model.ts";
import type { KVCache } from "../nn/kv-cache.ts";
import { logSoftmax } from "../ops/softmax.ts";
import { scope } from "../tensor/scope.ts";
import type { Scores } from "./logits.ts";

/** The model's scores of one place: raw, and as log-probabilities in nats. */
export interface ScoredRow {
  logits: Scores;
  logprobs: Scores;
}

/** Reads `tokens` behind those of the cache and scores what may come next. */
export function forwardRow(lm: LanguageModel, tokens: readonly number[], kvCache: KVCache): ScoredRow {
  return forwardRows(lm, [tokens], kvCache)[0];
}

/** The same for several sequences side by side. */
export function forwardRows(
  lm: LanguageModel,
  sequences: readonly (readonly number[])[],
  kvCache: KVCache,
): ScoredRow[] {
  const { vocabSize } = lm.model.config;
  const logits = scope(() => lm.model.forward(sequences, { kvCache, lastOnly: true }).data.slice()); // [batch, vocabSize]
  return toRows(logits, vocabSize);
}

/** The log-probability of each token but the first, given those before it. */
export function scoreTokens(lm: LanguageModel, tokens: readonly number[]): number[] {
  const { vocabSize } = lm.model.config;
  return noGrad(() =>
    scope(() => {
      const logits = lm.model.forward(tokens.slice(0, -1)); // [1, seq, vocabSize]
      const logprobs = logSoftmax(logits).data;
      checkScores(logprobs, vocabSize);
      return tokens.slice(1).map((token, row) => logprobs[row * vocabSize + token]);
    }),
  );
}

function toRows(logits: Float32Array, vocabSize: number): ScoredRow[] {
  const rows = logits.length / vocabSize;
  const logprobs = new Float32Array(logits.length);
  kernels().logSoftmax(logprobs, logits, rows, vocabSize, 0, rows);
  checkScores(logprobs, vocabSize);
  return Array.from({ length: rows }, (_, row) => ({
    logits: logits.subarray(row * vocabSize, (row + 1) * vocabSize),
    logprobs: logprobs.subarray(row * vocabSize, (row + 1) * vocabSize),
  }));
}

/** One NaN among the logits makes its whole row of log-probabilities NaN; whatever was chosen from it would mean nothing. */
function checkScores(logprobs: Float32Array, vocabSize: number): void {
  for (let at = 0; at < logprobs.length; at += vocabSize) {
    if (!Number.isNaN(logprobs[at])) continue;
    throw new DivergedError(
      "the model's scores are not numbers (NaN): its weights are damaged, or its training diverged; load or train it again",
    );
  }
}
