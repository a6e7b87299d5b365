/**
 * Runs a compiled pattern (see `pattern.ts`) over a text, with one table lookup for each character.
 *
 * The program is a nondeterministic machine whose branches are ordered, and the first branch that matches wins, as in
 * a backtracking engine. What such an engine would try one after the other is tried here at once: a state of the
 * automaton is the ordered list of the places in the program that are still alive (Thompson 1968, "Regular expression
 * search algorithm"; the order as in Cox 2009, "Regular expression matching: the virtual machine approach"). States
 * and transitions are made when a text first needs them. Characters that no set of the program tells apart share a symbol.
 */
import { TokenizerError } from "../errors.ts";

/** One step of a program. `next` is the index of the step that follows. */
export type Step =
  /** Reads one character of a set. */
  | { readonly set: number; readonly next: number }
  /** Goes on at each of these, the earlier ones preferred. */
  | { readonly split: readonly number[] }
  /** Goes on if the next character is in the set (`not`: is not), or at the end of the text if `end`. */
  | { readonly ahead: number; readonly not: boolean; readonly end: boolean; readonly next: number }
  | { readonly match: true };

/** A pattern as a machine: steps, the index of the first one, and the sets of characters that steps name. */
export interface Program {
  /** The pattern, for messages. */
  readonly source: string;
  readonly steps: readonly Step[];
  readonly first: number;
  /** At most 31; each matches a string of one character if the character is in the set. */
  readonly sets: readonly RegExp[];
}

/** Symbols per state (a power of two), and states before the tables start afresh. */
const SYMBOLS = 64;
const STATES = 1024;
/** The symbol behind the last character; 0 is a character not yet looked up. */
const END = 1;
/** States are kept as the offsets of their rows; this is the first one. */
const START = SYMBOLS;
/** How many characters an attempt reads before it leaves a mark. */
const STRIDE = 32;

/** A pattern ready to run. */
export class Automaton {
  readonly #program: Program;
  #symbols: Uint8Array = new Uint8Array(0); // code point → symbol
  readonly #members: number[] = [0, 0]; // symbol → the sets that it is in, one bit each
  /**
   * state + symbol → 2 × next state, or -2 if nothing stays alive; + 1 if a match ends before the symbol; 0 if not yet known.
   */
  #moves: Int32Array = new Int32Array(0);
  #places: (readonly number[])[] = []; // state / SYMBOLS → the steps alive, preferred ones first
  readonly #states = new Map<string, number>(); // such a list → state
  #generation = 0; // how often the states have been numbered afresh
  /** Marks (position and state) of attempts from which no match came, for one text. */
  readonly #hopeless = new Set<number>();
  #text = "";
  #limit = 0;

  constructor(program: Program) {
    this.#program = program;
  }

  /**
   * Where the match that starts exactly at `start` ends, or -1; the text counts as ending at `limit`. All calls for one
   * text together take time in proportion to its length, whatever the pattern.
   */
  matchEnd(text: string, start: number, limit: number): number {
    if (this.#generation === 0) this.#begin();
    const symbols = this.#symbols;
    const moves = this.#moves;
    let end = -1;
    let state = START;
    let at = start;
    for (const stop = Math.min(limit, start + STRIDE); at < stop; at++) {
      const move = moves[state + symbols[text.charCodeAt(at)]];
      if (move < 0) return (move & 1) !== 0 ? at : end;
      if (move === 0) break;
      if ((move & 1) !== 0) end = at;
      state = move >> 1;
    }
    return this.#continue(text, start, limit, at, state, end);
  }

  /** The same from `at` on, with everything that is rare: unknown characters and transitions, surrogates, long matches. */
  #continue(text: string, start: number, limit: number, at: number, state: number, end: number): number {
    const marks: number[] = [];
    const generation = this.#generation;
    while (state > 0) {
      const code = (at + 1 < limit ? text.codePointAt(at) : text.charCodeAt(at)) as number;
      const symbol = at >= limit ? END : this.#symbols[code] || this.#classify(code);
      const move = this.#moves[state + symbol] || this.#move(state, symbol);
      if ((move & 1) !== 0) end = at;
      state = at < limit ? move >> 1 : -1;
      const next = at + (code > 0xffff ? 2 : 1);
      if ((at ^ next) >= STRIDE && next - Math.max(start, end) >= STRIDE && state > 0) {
        const mark = next * STATES + state / SYMBOLS;
        if (this.#isHopeless(text, limit, mark)) break;
        marks.push(mark);
      }
      at = next;
    }
    if (generation === this.#generation)
      for (const mark of marks) if (mark >= (end + 1) * STATES) this.#hopeless.add(mark);
    return end;
  }

  /** Whether an earlier attempt went on from this mark in vain. Without marks, a*b would take n² steps to fail on n a's. */
  #isHopeless(text: string, limit: number, mark: number): boolean {
    if (this.#text !== text || this.#limit !== limit) {
      this.#hopeless.clear();
      this.#text = text;
      this.#limit = limit;
    }
    return this.#hopeless.has(mark);
  }

  /** Looks a code point up in every set. */
  #classify(code: number): number {
    const { sets, source } = this.#program;
    const character = String.fromCodePoint(code);
    const membership = sets.reduce((bits, set, i) => bits | (Number(set.test(character)) << i), 0);
    let symbol = this.#members.indexOf(membership, END + 1);
    if (symbol < 0) symbol = this.#members.push(membership) - 1;
    if (symbol >= SYMBOLS) {
      throw new TokenizerError(`pre_tokenizer: the pattern ${source} tells apart too many kinds of characters`);
    }
    if ((code & 0xfffff800) !== 0xd800) this.#symbols[code] = symbol; // a lone surrogate must not stand for pairs
    return symbol;
  }

  /** Works out a transition. */
  #move(state: number, symbol: number): number {
    const { steps } = this.#program;
    const isIn = (set: number): boolean => ((this.#members[symbol] >> set) & 1) !== 0;
    const seen = new Set<number>();
    const next = new Set<number>();
    /** Follows the branches from a step up to the next character; says whether one arrived at a match, which ends the search. */
    const matches = (place: number): boolean => {
      if (seen.has(place)) return false;
      seen.add(place);
      const step = steps[place];
      if ("match" in step) return true;
      if ("split" in step) return step.split.some(matches);
      if ("ahead" in step) return (symbol === END ? step.end : isIn(step.ahead) !== step.not) && matches(step.next);
      if (symbol !== END && isIn(step.set)) next.add(step.next);
      return false;
    };
    const accept = Number(this.#places[state / SYMBOLS].some(matches));
    const full = this.#places.length >= STATES;
    if (full) this.#reset();
    const move = (next.size === 0 ? -2 : 2 * this.#stateOf([...next])) + accept;
    if (!full) this.#moves[state + symbol] = move;
    return move;
  }

  #stateOf(places: readonly number[]): number {
    const key = places.join();
    let state = this.#states.get(key);
    if (state === undefined) {
      state = (this.#places.push(places) - 1) * SYMBOLS;
      this.#states.set(key, state);
    }
    return state;
  }

  /** Makes the tables, more than a megabyte: a file may list patterns that no text ever meets. */
  #begin(): void {
    this.#symbols = new Uint8Array(0x110000);
    this.#moves = new Int32Array(SYMBOLS * STATES);
    this.#reset();
  }

  #reset(): void {
    this.#moves.fill(0);
    this.#states.clear();
    this.#hopeless.clear();
    this.#generation++;
    this.#places = [[]]; // row 0 stays empty, since 0 in a table means unknown
    this.#stateOf([this.#program.first]); // START
  }
}
