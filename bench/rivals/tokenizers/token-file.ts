/** Ids on their way between processes, and how many of them differ. */
import { readFileSync } from "node:fs";
import type { TokenList } from "./codecs.ts";

/** Lists of ids as 32-bit numbers: the length of each, then the ids. */
export function packTokens(lists: readonly TokenList[]): Uint32Array {
  const packed = new Uint32Array(lists.reduce((sum, { length }) => sum + 1 + length, 0));
  let at = 0;
  for (const tokens of lists) {
    packed[at] = tokens.length;
    packed.set(tokens, at + 1);
    at += 1 + tokens.length;
  }
  return packed;
}

/** Lists of ids from a file that `packTokens` filled. */
export function readTokens(path: string): Uint32Array[] {
  const bytes = readFileSync(path);
  const packed = new Uint32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  const lists: Uint32Array[] = [];
  for (let at = 0; at < packed.length; at += 1 + packed[at]) lists.push(packed.subarray(at + 1, at + 1 + packed[at]));
  return lists;
}

/** How many ids must follow a difference before two lists count as in step again. */
const IN_STEP = 8;

/** Ids further apart than this are not looked for. */
const FARTHEST = 512;

function isSameRun(a: TokenList, i: number, b: TokenList, j: number): boolean {
  for (let k = 0; k < IN_STEP; k++) {
    if (a[i + k] !== b[j + k]) return false; // beyond both ends, undefined is undefined
    if (i + k >= a.length) return true;
  }
  return true;
}

/** The nearest places from which both lists go on alike. */
function nextStep(a: TokenList, i: number, b: TokenList, j: number): [number, number] {
  for (let apart = 1; apart <= FARTHEST; apart++) {
    for (let ahead = 0; ahead <= apart; ahead++)
      if (isSameRun(a, i + ahead, b, j + apart - ahead)) return [i + ahead, j + apart - ahead];
  }
  return [a.length, b.length];
}

/** How many ids of either list, whichever is more, have no counterpart in the other. */
export function countDifferences(a: TokenList, b: TokenList): number {
  let [i, j, count] = [0, 0, 0];
  while (i < a.length || j < b.length) {
    if (a[i] === b[j]) {
      i++;
      j++;
      continue;
    }
    const [nextI, nextJ] = nextStep(a, i, b, j);
    count += Math.max(Math.min(nextI, a.length) - i, Math.min(nextJ, b.length) - j);
    [i, j] = [nextI, nextJ];
  }
  return count;
}

/** What differs between two files of the same texts. */
export interface TokenDifference {
  tokens: number;
  /** Ids that differ. */
  differing: number;
  /** Texts in which one does. */
  texts: number;
}

/** Compares two files. */
export function compareTokenFiles(expected: string, actual: string): TokenDifference {
  const [ours, theirs] = [readTokens(expected), readTokens(actual)];
  const result: TokenDifference = { tokens: 0, differing: 0, texts: 0 };
  for (const [i, tokens] of ours.entries()) {
    const differing = countDifferences(tokens, theirs[i] ?? []);
    result.tokens += tokens.length;
    result.differing += differing;
    if (differing > 0) result.texts++;
  }
  return result;
}
