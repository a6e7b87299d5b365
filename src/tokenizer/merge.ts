/**
 * Joining pairs of neighbours, lowest rank first and leftmost of equals, as `textbook.ts` defines it, without its O(n²):
 *
 * - Symbols are a linked list over arrays, so that joining two moves nothing.
 * - The ranks of the pairs are the leaves of a tree of minima with 32 children a node, so that finding the best pair and
 *   taking note of a new one costs O(log₃₂ n). The tree of a word has no inner node: it is one loop over a few numbers.
 *
 * A piece of a million letters takes some 0.3 s. All arrays are kept for the next piece, unless they are very large.
 */
import type { PairMap } from "./pair-map.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** Which pairs join, and in which order. */
export interface MergeRules {
  readonly vocabulary: Vocabulary;
  /** Pair of ids → rank. Left out, two tokens join if the vocabulary has a token for both together. */
  readonly pairs?: PairMap;
  /** Rank → the id that the pair becomes, if `pairs` is given. */
  readonly made?: Int32Array;
  /** Without `pairs`: id of the joined token → rank. Left out, the id itself is the rank. */
  readonly ranks?: ArrayLike<number>;
}

/** The rank of a pair that does not join. */
const NEVER = 0x7fffffff;
/** Children of a node, as a power of two. */
const SHIFT = 5;
/** Arrays for more symbols than this are given back after use. */
const KEPT = 1 << 16;
/** Pairs whose rank is remembered; a vocabulary's table is too large for the processor's caches, and asking it takes ten times as long. */
const MEMO = 1 << 14;

/** Merges one list of symbols after the other. */
export class Merger {
  readonly #rules: MergeRules;
  /** The symbols to merge, and then the tokens: the first at 0, each followed by the one at `next` of its place. */
  ids: Int32Array = new Int32Array(0);
  /** Place of the next token, which is also where the symbols of this one end. */
  next: Int32Array = new Int32Array(0);
  #previous: Int32Array = new Int32Array(0);
  #tree: Int32Array[] = []; // ranks of the pairs, minima of 32 of them, minima of 32 of these …
  readonly #memo: Int32Array = new Int32Array(4 * MEMO).fill(-1); // [left, right, rank] in steps of four

  /** Says which pairs join. */
  constructor(rules: MergeRules) {
    this.#rules = rules;
  }

  /** Makes room for `count` symbols in `ids`; their values are kept only if they had room already. */
  reserve(count: number): void {
    if (count <= this.ids.length && (count > KEPT || this.ids.length <= KEPT)) return;
    const capacity = Math.max(64, count + (count >> 2));
    this.ids = new Int32Array(capacity);
    this.next = new Int32Array(capacity);
    this.#previous = new Int32Array(capacity);
    this.#tree = [];
    for (let size = capacity; size > 1; size = (size >> SHIFT) + 1) {
      this.#tree.push(new Int32Array(size));
      if (size <= 1 << SHIFT) break;
    }
  }

  /** Merges the first `count` of `ids` as far as they go, or until `wanted` tokens are left. */
  merge(count: number, wanted: number = 1): void {
    const { ids, next } = this;
    const previous = this.#previous;
    const leaves = this.#tree[0];
    for (let i = 0; i < count; i++) {
      next[i] = i + 1;
      previous[i] = i - 1;
      leaves[i] = i + 1 < count ? this.#rank(ids[i], ids[i + 1]) : NEVER;
    }
    let top = 0;
    for (let size = count; size > 1 << SHIFT; size = this.#summarize(top++, size));
    for (let left = count; left > wanted; left--) {
      const at = this.#lowest(top, count);
      if (at < 0) return;
      const right = next[at];
      const after = next[right];
      ids[at] = this.#joined(leaves[at], ids[at], ids[right]);
      next[at] = after;
      this.#setRank(top, right, NEVER);
      if (after < count) previous[after] = at;
      this.#setRank(top, at, after < count ? this.#rank(ids[at], ids[after]) : NEVER);
      if (at > 0) this.#setRank(top, previous[at], this.#rank(ids[previous[at]], ids[at]));
    }
  }

  /** How early two tokens join; undefined if they never do. */
  rank(left: number, right: number): number | undefined {
    const rank = this.#rank(left, right);
    return rank === NEVER ? undefined : rank;
  }

  #rank(left: number, right: number): number {
    if (left < 0 || right < 0) return NEVER;
    const memo = this.#memo;
    const hash = Math.imul(left, 0x9e3779b1) + Math.imul(right, 0x85ebca6b);
    const at = 4 * ((hash ^ (hash >>> 15)) & (MEMO - 1));
    if (memo[at] === left && memo[at + 1] === right) return memo[at + 2];
    memo[at] = left;
    memo[at + 1] = right;
    return (memo[at + 2] = this.#search(left, right));
  }

  #search(left: number, right: number): number {
    const { pairs, vocabulary, ranks } = this.#rules;
    const rank = pairs ? pairs.get(left, right) : vocabulary.findPair(left, right);
    if (rank < 0) return NEVER;
    return ranks ? ranks[rank] : rank;
  }

  #joined(rank: number, left: number, right: number): number {
    const { made, vocabulary, ranks } = this.#rules;
    if (made) return made[rank];
    return ranks ? vocabulary.findPair(left, right) : rank;
  }

  /** Fills the level above `level`, whose `size` numbers are known; returns how many it has. */
  #summarize(level: number, size: number): number {
    const children = this.#tree[level];
    const parents = this.#tree[level + 1];
    const count = ((size - 1) >> SHIFT) + 1;
    children.fill(NEVER, size, Math.min(children.length, count << SHIFT));
    for (let parent = 0; parent < count; parent++) parents[parent] = minimum(children, parent << SHIFT);
    return count;
  }

  /** The place of the pair to be joined, or -1. */
  #lowest(top: number, count: number): number {
    const size = ((count - 1) >> (SHIFT * top)) + 1;
    let at = 0;
    let lowest = NEVER;
    const root = this.#tree[top];
    for (let i = 0; i < size; i++) {
      if (root[i] < lowest) {
        lowest = root[i];
        at = i;
      }
    }
    if (lowest === NEVER) return -1;
    for (let level = top - 1; level >= 0; level--) {
      const children = this.#tree[level];
      at <<= SHIFT;
      while (children[at] !== lowest) at++;
    }
    return at;
  }

  #setRank(top: number, place: number, rank: number): void {
    let at = place;
    let lowest = rank;
    for (let level = 0; ; level++) {
      const numbers = this.#tree[level];
      const before = numbers[at];
      if (before === lowest) return;
      numbers[at] = lowest;
      if (level === top) return;
      const parent = this.#tree[level + 1][at >> SHIFT];
      if (lowest > parent) {
        if (before > parent) return; // not the lowest before, nor now
        lowest = minimum(numbers, (at >> SHIFT) << SHIFT);
      }
      at >>= SHIFT;
    }
  }
}

/** The lowest of a node's children. */
function minimum(numbers: Int32Array, start: number): number {
  const end = Math.min(numbers.length, start + (1 << SHIFT));
  let lowest = NEVER;
  for (let i = start; i < end; i++) if (numbers[i] < lowest) lowest = numbers[i];
  return lowest;
}
