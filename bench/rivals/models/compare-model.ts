/** One model in heed and in llama.cpp: the scores after every token of a prompt, and the tokens that follow, always the likeliest. */
import { scope } from "heed";
import type { LanguageModel } from "heed";
import { LlamaSequence } from "../adapters/llama-sequence.ts";
import type { Llama } from "../adapters/llama-sequence.ts";
import { argmax } from "../adapter.ts";

/** What was computed from a prompt. */
export interface Computed {
  /** Scores after each token of the prompt. */
  rows: number[][];
  /** What follows it. */
  tokens: number[];
}

/** Two tokens whose scores are so near are as good as each other. */
const TIE = 1e-4;

/** llama.cpp's answer for a GGUF file. */
export async function computeInLlama(
  llama: Llama,
  path: string,
  prompt: readonly number[],
  newTokens: number,
): Promise<Computed> {
  const sequence = await LlamaSequence.open(llama, path, { threads: 1, contextSize: prompt.length + newTokens });
  try {
    const rows = await sequence.evaluateAll(prompt);
    const tokens = [argmax(rows[rows.length - 1])];
    while (tokens.length < newTokens) {
      const { token } = await sequence.evaluate(tokens.slice(-1));
      tokens.push(token as number);
    }
    return { rows, tokens };
  } finally {
    await sequence.close();
  }
}

/** heed's scores after each token. */
export function rowsInHeed({ model }: LanguageModel, tokens: readonly number[]): number[][] {
  const { vocabSize } = model.config;
  return scope(() => {
    const { data } = model.forward(tokens);
    return tokens.map((_, i) => [...data.subarray(i * vocabSize, (i + 1) * vocabSize)]);
  });
}

/** The greatest difference as a share of the greatest magnitude, over a matrix. */
export function matrixDifference(
  expected: readonly (readonly number[])[],
  actual: readonly (readonly number[])[],
): number {
  let [greatest, difference] = [1e-3, 0];
  expected.forEach((row, i) =>
    row.forEach((value, j) => {
      const apart = Math.abs(value - actual[i][j]);
      greatest = Math.max(greatest, Math.abs(value));
      difference = Number.isNaN(apart) ? NaN : Math.max(difference, apart);
    }),
  );
  return difference / greatest;
}

/** How far heed agrees with tokens that somebody else has written. */
export interface Agreement {
  /** Tokens that heed chooses too, one after the other, each after those before it. */
  equal: number;
  /** Tokens that are not heed's first choice, but as good within `TIE`. */
  ties: number;
  /** How much lower the worst of them scores in heed than heed's own choice. */
  worstGap: number;
  total: number;
}

/** Whether heed writes the same tokens, with its cache, a token at a time. */
export function compareGreedy(
  { model }: LanguageModel,
  prompt: readonly number[],
  tokens: readonly number[],
): Agreement {
  const kvCache = model.newCache();
  const agreement: Agreement = { equal: 0, ties: 0, worstGap: 0, total: tokens.length };
  let read: readonly number[] = prompt;
  for (const token of tokens) {
    const gap = scope(() => {
      const { data } = model.forward(read, { kvCache, lastOnly: true });
      return data[argmax(data)] - data[token];
    });
    agreement.worstGap = Math.max(agreement.worstGap, gap);
    if (gap === 0) agreement.equal++;
    else if (gap < TIE) agreement.ties++;
    read = [token];
  }
  return agreement;
}

/** In words. */
export function describeAgreement({ equal, ties, worstGap, total }: Agreement): string {
  if (equal === total) return `${total} equal`;
  const rest = ties > 0 ? `, ${ties} as good within ${TIE}` : "";
  return `${equal} of ${total} equal${rest}${equal + ties < total ? `, ${worstGap.toPrecision(2)} apart` : ""}`;
}

/** Whether every token is heed's own, or as good. */
export function agrees({ equal, ties, total }: Agreement): boolean {
  return equal + ties === total;
}
