/** Making lists of tokens fit: cutting them to a context length, and filling a batch up to one length. */
import { ConfigError, checkInteger, checkOptions, describeValue } from "../errors.ts";

/** Options of `truncateTokens`. */
export interface TruncateOptions {
  /** The side that loses tokens. Default "right"; "left" keeps the end of a text. */
  side?: "left" | "right";
}

/** Options of `padTokens`. */
export interface PadOptions {
  /** The token to fill up with: the tokenizer's padding token if it has one, otherwise one that the model is told to ignore. */
  padId: number;
  /** The side that gets them. Default "right"; generation wants "left", so that the texts end together. */
  side?: "left" | "right";
  /** The length to reach. Default that of the longest list. */
  length?: number;
  /** Rounds the length up to a multiple of this. Default 1. */
  multipleOf?: number;
}

/**
 * At most `limit` of the tokens, as a new list.
 *
 * ```ts
 * truncateTokens([1, 2, 3, 4], 3, { side: "left" }); // [2, 3, 4]
 * ```
 *
 * @throws ConfigError for an unknown option, or a limit that is no count
 */
export function truncateTokens(tokens: readonly number[], limit: number, o?: TruncateOptions): number[] {
  checkOptions("truncateTokens", o, ["side"]);
  checkInteger("truncateTokens", "limit", limit, 0);
  const left = isLeft("truncateTokens", o?.side);
  return left ? tokens.slice(Math.max(0, tokens.length - limit)) : tokens.slice(0, limit);
}

/**
 * The lists of a batch filled up to the same length, as new lists.
 *
 * ```ts
 * padTokens([[1, 2, 3], [4]], { padId: 0 }); // [[1, 2, 3], [4, 0, 0]]
 * ```
 *
 * @throws ConfigError for an unknown or missing option, or a list that is longer than `length`
 */
export function padTokens(batch: readonly (readonly number[])[], o: PadOptions): number[][] {
  checkOptions("padTokens", o ?? {}, ["padId", "side", "length", "multipleOf"]);
  checkInteger("padTokens", "padId", o?.padId, 0);
  const left = isLeft("padTokens", o.side);
  const longest = batch.reduce((most, tokens) => Math.max(most, tokens.length), 0);
  const { length = longest, multipleOf = 1 } = o;
  checkInteger("padTokens", "length", length, 0, 2 ** 31);
  checkInteger("padTokens", "multipleOf", multipleOf, 1, 2 ** 31);
  if (longest > length)
    throw new ConfigError(`padTokens: a list has ${longest} tokens, more than the length ${length}`, {
      longest,
      length,
    });
  const total = Math.ceil(length / multipleOf) * multipleOf;
  return batch.map((tokens) => {
    const padding = new Array<number>(total - tokens.length).fill(o.padId);
    return left ? [...padding, ...tokens] : [...tokens, ...padding];
  });
}

function isLeft(operation: string, side: unknown): boolean {
  if (side === undefined || side === "right") return false;
  if (side === "left") return true;
  throw new ConfigError(`${operation}: side must be "left" or "right", got ${describeValue(side)}`, { side });
}
