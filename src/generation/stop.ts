/** From tokens to the text a reader sees: nothing broken, and nothing of a stop text. */
import type { Tokenizer, StreamDecoder } from "../tokenizer/tokenizer.ts";

/** Watches a stream of text for the first of several stop texts. */
export class StopMatcher {
  readonly #stops: readonly string[];
  #held = "";

  /** @param stops non-empty texts */
  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  /** Whether text is held back because a stop text may be beginning. */
  get pending(): boolean {
    return this.#held !== "";
  }

  /** Takes more text; gives what certainly comes before any stop text, and whether one has come. */
  push(text: string): { text: string; stopped: boolean } {
    const all = this.#held + text;
    const found = this.#stops.map((stop) => all.indexOf(stop)).filter((at) => at !== -1);
    if (found.length > 0) {
      this.#held = "";
      return { text: all.slice(0, Math.min(...found)), stopped: true };
    }
    const keep = Math.max(0, ...this.#stops.map((stop) => overlap(all, stop)));
    this.#held = all.slice(all.length - keep);
    return { text: all.slice(0, all.length - keep), stopped: false };
  }

  /** What was held back, when no more text comes. */
  flush(): string {
    const text = this.#held;
    this.#held = "";
    return text;
  }
}

/** Length of the longest end of `text` that is a beginning of `stop`, but not all of it. */
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--) {
    if (text.endsWith(stop.slice(0, length))) return length;
  }
  return 0;
}

/** Writes tokens as text, after a prompt: tokens at its border read as they do in the whole text. */
export class TextWriter {
  readonly #tokenizer: Tokenizer | undefined;
  readonly #decoder: StreamDecoder | undefined;
  readonly #matcher: StopMatcher;

  /** @param tokenizer without one, all text is "" */
  constructor(tokenizer: Tokenizer | undefined, prompt: readonly number[], stops: readonly string[]) {
    this.#tokenizer = tokenizer;
    this.#decoder = tokenizer?.decoder({ skipSpecial: true });
    this.#matcher = new StopMatcher(stops);
    for (const token of prompt) this.#decode(token);
  }

  /** Whether the last tokens' text is not certain yet. */
  get pending(): boolean {
    return this.#matcher.pending || (this.#decoder?.pending ?? false);
  }

  /** Takes a token; gives the text that has become certain, and whether a stop text has come. */
  push(token: number): { text: string; stopped: boolean } {
    return this.#matcher.push(this.#decode(token));
  }

  /** The rest of the text, when no more tokens come. */
  flush(): string {
    const { text, stopped } = this.#matcher.push(this.#decoder?.flush() ?? "");
    return stopped ? text : text + this.#matcher.flush();
  }

  /** A model's vocabulary may be larger than its tokenizer's, to a round number: what is beyond has no text. */
  #decode(token: number): string {
    return this.#tokenizer?.idToToken(token) === undefined ? "" : (this.#decoder?.push(token) ?? "");
  }
}
