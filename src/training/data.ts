/** Batches of text: windows cut from a long list of tokens, and the same windows one token further on. */
import { ConfigError, checkInteger, checkNumber, describeValue } from "../errors.ts";
import { Transformer } from "../model/transformer.ts";
import type { Random } from "../random.ts";

/** Sequences and what follows each of their tokens. */
export interface Batch {
  /** [batchSize][seqLen] */
  inputs: number[][];
  /** [batchSize][seqLen]: targets[i][j] follows inputs[i][j]. */
  targets: number[][];
}

/**
 * Cuts `batchSize` windows of `seqLen` tokens at random places.
 *
 * @throws ConfigError if there are too few tokens for one window
 */
export function sampleBatch(tokens: ArrayLike<number>, batchSize: number, seqLen: number, random: Random): Batch {
  checkInteger("sampleBatch", "batchSize", batchSize, 1);
  checkLength("sampleBatch", tokens, seqLen);
  const starts = Array.from({ length: batchSize }, () => random.integer(tokens.length - seqLen));
  return batchAt(tokens, starts, seqLen);
}

/**
 * Cuts windows of `seqLen` tokens at given places.
 *
 * @throws ConfigError for a window, or the token after it, that is not within the tokens
 */
export function batchAt(tokens: ArrayLike<number>, starts: readonly number[], seqLen: number): Batch {
  checkLength("batchAt", tokens, seqLen);
  for (const start of starts) checkInteger("batchAt", "each start", start, 0, tokens.length - seqLen - 1);
  const cut = (from: number): number[] => Array.from({ length: seqLen }, (_, i) => tokens[from + i]);
  return { inputs: starts.map((start) => cut(start)), targets: starts.map((start) => cut(start + 1)) };
}

/**
 * Splits tokens into a part to learn from and the last `fraction` to be judged by.
 *
 * @param fraction from 0 to 1
 */
export function splitTokens(
  tokens: ArrayLike<number>,
  fraction: number,
): { train: Int32Array; validation: Int32Array } {
  checkList("splitTokens", tokens);
  checkNumber("splitTokens", "fraction", fraction, 0, 1);
  const all = Int32Array.from(tokens);
  const cut = Math.floor(all.length * (1 - fraction));
  return { train: all.subarray(0, cut), validation: all.subarray(cut) };
}

/**
 * Checks that tokens are enough for one window and that the model knows them all.
 *
 * @throws ConfigError that says what to change
 */
export function checkTokens(operation: string, tokens: ArrayLike<number>, seqLen: number, vocabSize: number): void {
  checkLength(operation, tokens, seqLen);
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i];
    if (Number.isInteger(token) && token >= 0 && token < vocabSize) continue;
    throw new ConfigError(
      `${operation}: token ${String(token)} at position ${i} is not in the model's vocabulary of ${vocabSize}; build the model with vocabSize: tokenizer.vocabSize`,
      { token, position: i, vocabSize },
    );
  }
}

/** Checks that tokens are enough for one window and the token after it. */
function checkLength(operation: string, tokens: ArrayLike<number>, seqLen: number): void {
  checkInteger(operation, "seqLen", seqLen, 1);
  checkList(operation, tokens);
  if (tokens.length > seqLen) return;
  throw new ConfigError(
    `${operation}: needs more than seqLen = ${seqLen} tokens, got ${tokens.length}; give more text or a smaller seqLen`,
    { tokens: tokens.length, seqLen },
  );
}

function checkList(operation: string, tokens: ArrayLike<number>): void {
  if (typeof tokens === "object" && tokens !== null && typeof tokens.length === "number") return;
  throw new ConfigError(
    `${operation}: tokens must be a list of ids, as tokenizer.encode gives it, got ${tokens === null ? "null" : typeof tokens}`,
  );
}

/** Throws a `ConfigError` unless `model` is one; a language model is taken apart by its owner. */
export function checkModel(operation: string, model: unknown): void {
  if (model instanceof Transformer) return;
  const hint =
    (model as { model?: unknown } | null | undefined)?.model instanceof Transformer ? "; pass its model" : "";
  throw new ConfigError(`${operation}: the first argument must be a Transformer, got ${describeValue(model)}${hint}`);
}
