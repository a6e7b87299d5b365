/** Cutting a text where a pattern matches it. */
import type { Automaton, Step } from "./automaton.ts";
import { compilePattern, parsePattern } from "./pattern.ts";

/**
 * Where the piece that starts at `start` (in UTF-16 units, below `limit`) ends, never beyond `limit`, which counts as the
 * end of the text; ~end (negative) if the stretch is left out of the pieces.
 */
export type PieceEnd = (text: string, start: number, limit: number) => number;

/** What becomes of the stretches that match: they go, or stand alone, or join the neighbour, or join one another. */
export const SPLIT_BEHAVIORS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"] as const;

/** One of the `SPLIT_BEHAVIORS`. */
export type SplitBehavior = (typeof SPLIT_BEHAVIORS)[number];

/** Patterns in use; tokenizers that cut alike share what has been worked out for them. */
const automata = /* @__PURE__ */ new Map<string, Automaton>();

function automatonOf(pattern: string): Automaton {
  let automaton = automata.get(pattern);
  if (automaton === undefined) {
    automaton = compilePattern(pattern);
    if (automata.size >= 16) automata.clear();
    automata.set(pattern, automaton);
  }
  return automaton;
}

/**
 * Cuts a text at the matches of a pattern, as the Rust library's `Split` does. With `invert` the stretches between the
 * matches count as the matches.
 *
 * ```ts
 * splitPieceEnd("\\s+", "Removed")("a b", 1, 3); // ~2: the space is left out
 * ```
 *
 * @throws TokenizerError for a pattern that heed does not support
 */
export function splitPieceEnd(
  pattern: string,
  behavior: SplitBehavior = "Isolated",
  invert: boolean = false,
): PieceEnd {
  const automaton = automatonOf(pattern);
  /** The end of the match at `start`; or ~ the end of the stretch from `start` on that no match starts in. */
  const stretch: PieceEnd = (text, start, limit) => {
    let end = automaton.matchEnd(text, start, limit);
    if (end >= 0) return end;
    end = start;
    do end += (text.codePointAt(end) as number) > 0xffff ? 2 : 1;
    while (end < limit && automaton.matchEnd(text, end, limit) < 0);
    return ~end;
  };
  if (behavior === "Isolated") {
    return (text, start, limit) => {
      const end = automaton.matchEnd(text, start, limit);
      return end < 0 ? ~stretch(text, start, limit) : end;
    };
  }
  return (text, start, limit) => {
    const first = stretch(text, start, limit);
    let end = first < 0 ? ~first : first;
    const matched = first < 0 === invert;
    if (behavior === "Removed") return matched ? ~end : end;
    const contiguous = behavior === "Contiguous";
    if (!contiguous && matched === (behavior === "MergedWithPrevious")) return end;
    while (end < limit) {
      const next = stretch(text, end, limit);
      const same = (next < 0 === invert) === matched;
      if (same !== contiguous) break;
      end = next < 0 ? ~next : next;
      if (!contiguous) break;
    }
    return end;
  };
}

/** A set of white space only, as `pattern.ts` writes it. */
const WHITE = /^\^\[(\\p\{White_Space\}|\\[nrtf]|\\u\{(20|9|a|d)\})+\]\$$/;

/**
 * Whether a pattern is sure to cut before a space that follows something else than white space, whatever stands around, so that
 * the parts of a text on both sides can be cut one without the other. False if that is not plain to see.
 */
export function cutsAtSpaces(pattern: string): boolean {
  if (!/\|\\s\+?$/.test(pattern)) return false; // this way a match starts at every space
  const { steps, sets } = parsePattern(pattern);
  /** Whether behind a step, a space goes on with the match, or differs from the end of the text. */
  const seesSpace = (place: number, seen: Set<number>): boolean => {
    const step: Step = steps[place];
    if ("match" in step || seen.has(place)) return false;
    seen.add(place);
    if ("set" in step) return sets[step.set].test(" ");
    if ("split" in step) return step.split.some((next) => seesSpace(next, seen));
    return (sets[step.ahead].test(" ") !== step.not) !== step.end || seesSpace(step.next, seen);
  };
  return steps.every(
    (step) => !("set" in step) || WHITE.test(sets[step.set].source) || !seesSpace(step.next, new Set()),
  );
}
