/**
 * A list of tokens that grows. Pushing to an ordinary array and letting it grow takes as long as finding the tokens does (25 ns each,
 * most of it moving memory); this and one copy at the end take 5.
 */

/** V8 makes longer arrays of a given length as hash tables. */
const LONGEST_ARRAY = 2 ** 25;

/** Room for more tokens than this is given back. */
const KEPT = 2 ** 20;

/** Tokens under way from the model to the caller. */
export class TokenList {
  /** The tokens; only the first `length` count. */
  ids: Int32Array = new Int32Array(256);
  /** Number of tokens. */
  length = 0;

  /** Adds one token. */
  push(token: number): void {
    if (this.length === this.ids.length) {
      const grown = new Int32Array(2 * this.length);
      grown.set(this.ids);
      this.ids = grown;
    }
    this.ids[this.length++] = token;
  }

  /** Takes the tokens out, as an ordinary array. The memory is kept for the next ones, unless it is very large. */
  take(): number[] {
    const { ids, length } = this;
    const tokens = length < LONGEST_ARRAY ? new Array<number>(length) : [];
    for (let i = 0; i < length; i++) tokens[i] = ids[i];
    this.length = 0;
    if (ids.length > KEPT) this.ids = new Int32Array(256);
    return tokens;
  }
}
