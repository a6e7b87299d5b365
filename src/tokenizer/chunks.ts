/**
 * Cutting a text that arrives in chunks, so that the tokens of the parts are the tokens of the whole. A place is safe if the
 * split into pieces is sure to cut there whatever comes next: at a space that follows something else than white
 * space, in all known split rules. No added token may lie across it, and none may still become longer and reach it.
 */
import { TokenizerError } from "../errors.ts";
import type { Segment } from "./special.ts";

/** Holds back the end of a text until it is certain how it is split. */
export class ChunkCutter {
  readonly #cuts: boolean;
  readonly #lookahead: number;
  readonly #segments: (text: string) => readonly Pick<Segment, "start" | "text" | "token">[];
  #held: string[] = [];
  #length = 0;
  #tryAt = 0; // length from which it is worth looking; doubled after a failure, so that the work stays linear

  /**
   * @param cuts whether there are safe places at all; if not, the whole text is held back
   * @param lookahead how far behind a place an added token that starts before it may end
   * @param segments finds the added tokens of a text
   */
  constructor(
    cuts: boolean,
    lookahead: number,
    segments: (text: string) => readonly Pick<Segment, "start" | "text" | "token">[],
  ) {
    this.#cuts = cuts;
    this.#lookahead = lookahead;
    this.#segments = segments;
  }

  /** Takes a chunk and returns what is certain now, often "". */
  push(chunk: string): string {
    if (typeof chunk !== "string")
      throw new TokenizerError(`encodeChunks: a chunk must be a string, got ${typeof chunk}`);
    this.#held.push(chunk);
    this.#length += chunk.length;
    if (!this.#cuts || this.#length < this.#tryAt) return "";
    const text = this.rest();
    const cut = this.#safePlace(text);
    this.#held = [text.slice(cut)];
    this.#length = text.length - cut;
    this.#tryAt = cut > 0 ? 0 : 2 * text.length;
    return text.slice(0, cut);
  }

  /** What is held back. */
  rest(): string {
    const text = this.#held.join("");
    this.#held = [];
    this.#length = 0;
    return text;
  }

  /** The last safe place of a text, or 0. */
  #safePlace(text: string): number {
    let at = text.length - this.#lookahead;
    while (at > 0 && (text[at] !== " " || /[\s\u0085]/.test(text[at - 1]))) at--;
    if (at <= 0) return 0;
    const across = this.#segments(text).some(
      ({ token, start, text: part }) => token >= 0 && start < at && at < start + part.length,
    );
    return across ? 0 : at;
  }
}

/** What `encode` gives for every chunk and, called without one, at the end; empty lists are left out. */
export function* eachChunk(chunks: Iterable<string>, encode: (chunk?: string) => number[]): Generator<number[]> {
  for (const chunk of chunks) {
    const tokens = encode(chunk);
    if (tokens.length > 0) yield tokens;
  }
  const tokens = encode();
  if (tokens.length > 0) yield tokens;
}

/** The same for chunks that come over time. */
export async function* eachChunkAsync(
  chunks: AsyncIterable<string>,
  encode: (chunk?: string) => number[],
): AsyncGenerator<number[]> {
  for await (const chunk of chunks) {
    const tokens = encode(chunk);
    if (tokens.length > 0) yield tokens;
  }
  const tokens = encode();
  if (tokens.length > 0) yield tokens;
}
