/**
 * The words of a training text while their symbols are joined (Larsson & Moffat 2000, "Off-line dictionary-based
 * compression", §3). All distinct words lie one behind the other in one array, and each place in it is a link of a list:
 * that of all places where the same pair begins. So a merge goes to the places of its pair and nowhere else, however long the
 * words are, and the memory, 16 bytes for each byte of distinct words, is there from the start.
 */
import { Heap } from "./heap.ts";
import { PairMap } from "./pair-map.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** Stands before and behind every word. */
const BOUNDARY = -0x80000000;
/** Places to work on between two yields. */
const STEP = 1 << 14;

/** Distinct words as symbols, with the count and the whereabouts of every neighbouring pair. */
export class Corpus {
  /** Id of the left half of each pair. */
  readonly left: number[] = [];
  /** Id of the right half of each pair. */
  readonly right: number[] = [];
  readonly #pairs = new PairMap(); // pair of ids → its index in these lists
  readonly #counts: number[] = []; // of each pair, over all words
  readonly #first: number[] = []; // a place where the pair begins, which leads to all others; -1 if there is none
  readonly #queued: number[] = []; // the count with which the pair went into the queue; since then it may have fallen
  readonly #queue: Heap<number>;
  #fresh = 0; // pairs from this one on are not in the queue yet
  /** At the first place of a symbol its id; at the last one of a symbol longer than one byte minus its length; between them less than 0. */
  readonly #symbols: Int32Array;
  readonly #after: Int32Array; // the next place in the list of the pair that begins here, or -1
  readonly #before: Int32Array; // the previous one, or -1
  readonly #wordAt: Int32Array; // the word that a place is in
  readonly #lengths: number[] = []; // bytes of each symbol, by id
  readonly #frequencies: readonly number[]; // how often each word occurs in the text
  readonly #minFrequency: number;
  readonly #maxLength: number;

  /** Makes room for the words. Pairs that occur less often, or would make longer symbols (in bytes), are never the most frequent. */
  constructor(words: Vocabulary, frequencies: readonly number[], minFrequency: number, maxLength: number) {
    const capacity = words.end(words.size - 1) + words.size + 1;
    this.#symbols = new Int32Array(capacity).fill(BOUNDARY);
    this.#after = new Int32Array(capacity);
    this.#before = new Int32Array(capacity);
    this.#wordAt = new Int32Array(capacity);
    this.#frequencies = frequencies;
    this.#minFrequency = minFrequency;
    this.#maxLength = maxLength;
    const { left, right } = this;
    const queued = this.#queued;
    // Most frequent first, and of equals the lower pair of ids, as the Hugging Face trainer breaks ties.
    this.#queue = new Heap((a, b) => (queued[b] - queued[a] || left[a] - left[b] || right[a] - right[b]) < 0);
  }

  /**
   * Takes the words in; yields now and then.
   *
   * @param idOfByte the symbol of each byte; a byte without one is left out, and its neighbours become neighbours
   */
  *load(words: Vocabulary, idOfByte: readonly (number | undefined)[]): Generator<void> {
    const symbols = this.#symbols;
    let place = 0;
    for (let word = 0; word < words.size; word++, place++) {
      for (let i = words.start(word); i < words.end(word); i++) {
        const id = idOfByte[words.bytes[i]];
        if (id === undefined) continue;
        this.#lengths[id] = 1;
        symbols[++place] = id;
        this.#wordAt[place] = word;
      }
      if (word % STEP === 0) yield;
    }
    // Backwards, so that the lists lead forwards.
    for (; place > 0; place--) {
      this.#add(place - 1, place);
      if (place % STEP === 0) yield;
    }
    this.#enqueueFresh();
  }

  /** The most frequent pair, taken out of the queue, to which it comes back only if it grows; -1 if there is none. */
  mostFrequent(): number {
    for (let pair = this.#queue.pop(); pair !== undefined; pair = this.#queue.pop()) {
      if (this.#counts[pair] === this.#queued[pair]) return pair;
      this.#enqueue(pair); // merges have eaten into it since it was queued
    }
    return -1;
  }

  /** Joins the pair into `id` wherever it occurs and brings the counts of its neighbours up to date; yields now and then. */
  *merge(pair: number, id: number): Generator<void> {
    const left = this.left[pair];
    const right = this.right[pair];
    const symbols = this.#symbols;
    const leftLength = this.#lengths[left];
    const length = (this.#lengths[id] = leftLength + this.#lengths[right]);
    let steps = 0;
    for (let first = this.#first[pair]; first >= 0; first = this.#first[pair]) {
      // "aaa" is "aa" and "a": of pairs that overlap, the leftmost comes first.
      if (left === right) for (let at = first; symbols[at] === left; at = this.#previous(at)) first = at;
      for (; symbols[first] === left && symbols[first + leftLength] === right; first += length) {
        this.#join(first, first + leftLength, first + length, id);
        if (++steps % STEP === 0) yield;
      }
    }
    this.#enqueueFresh();
  }

  /** Joins the symbols that begin at `place` and `middle`; `end` is behind them. */
  #join(place: number, middle: number, end: number, id: number): void {
    const symbols = this.#symbols;
    const previous = this.#previous(place);
    this.#remove(previous, place);
    this.#remove(place, middle);
    this.#remove(middle, end);
    symbols[middle] = -1; // where it is the last place too, the next line counts
    symbols[end - 1] = place - end;
    symbols[place] = id;
    this.#add(previous, place);
    this.#add(place, end);
  }

  /** Where the symbol before the one at `place` begins; the boundary if there is none. */
  #previous(place: number): number {
    const last = this.#symbols[place - 1];
    return last >= 0 || last === BOUNDARY ? place - 1 : place + last;
  }

  /** Counts and lists the pair of the symbols that begin at two places, if there are two and they may be joined. */
  #add(place: number, next: number): void {
    const left = this.#symbols[place];
    const right = this.#symbols[next];
    if (left < 0 || right < 0 || this.#lengths[left] + this.#lengths[right] > this.#maxLength) return;
    let pair = this.#pairs.get(left, right);
    if (pair < this.#fresh) {
      // New; or known, but a queue cannot move what is in it: a pair that grows becomes a new one, and the old one dies.
      const known = pair;
      pair = this.left.push(left) - 1;
      this.right.push(right);
      this.#counts.push(known < 0 ? 0 : this.#counts[known]);
      this.#first.push(known < 0 ? -1 : this.#first[known]);
      if (known >= 0) this.#counts[known] = 0;
      this.#pairs.set(left, right, pair);
    }
    const after = this.#first[pair];
    this.#counts[pair] += this.#frequencies[this.#wordAt[place]];
    this.#first[pair] = place;
    this.#before[place] = -1;
    this.#after[place] = after;
    if (after >= 0) this.#before[after] = place;
  }

  /** Undoes `#add`. */
  #remove(place: number, next: number): void {
    const left = this.#symbols[place];
    const right = this.#symbols[next];
    const pair = left < 0 || right < 0 ? -1 : this.#pairs.get(left, right);
    if (pair < 0) return; // not two, or too long
    const before = this.#before[place];
    const after = this.#after[place];
    this.#counts[pair] -= this.#frequencies[this.#wordAt[place]];
    if (before < 0) this.#first[pair] = after;
    else this.#after[before] = after;
    if (after >= 0) this.#before[after] = before;
  }

  #enqueueFresh(): void {
    for (; this.#fresh < this.left.length; this.#fresh++) this.#enqueue(this.#fresh);
  }

  #enqueue(pair: number): void {
    this.#queued[pair] = this.#counts[pair];
    if (this.#counts[pair] >= this.#minFrequency) this.#queue.push(pair);
  }
}
