/** Scores of the next token, as rows that may be changed. */
import { kernels } from "../backend/current.ts";
import { noGrad } from "../autograd/graph.ts";
import type { LanguageModel } from "../language-model.ts";
import type { KVCache } from "../nn/kv-cache.ts";
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

/** Scores at every place of a text: row i says what may follow token i. Costs memory for tokens.length · vocabSize numbers. */
export function forwardAll(lm: LanguageModel, tokens: readonly number[]): ScoredRow[] {
  const { vocabSize } = lm.model.config;
  const logits = noGrad(() => scope(() => lm.model.forward(tokens).data.slice())); // [seq, vocabSize]
  return toRows(logits, vocabSize);
}

function toRows(logits: Float32Array, vocabSize: number): ScoredRow[] {
  const rows = logits.length / vocabSize;
  const logprobs = new Float32Array(logits.length);
  kernels().logSoftmax(logprobs, logits, rows, vocabSize, 0, rows);
  return Array.from({ length: rows }, (_, row) => ({
    logits: logits.subarray(row * vocabSize, (row + 1) * vocabSize),
    logprobs: logprobs.subarray(row * vocabSize, (row + 1) * vocabSize),
  }));
}
