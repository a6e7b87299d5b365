/**
 * Bytes to text as they come. A character may be spread over several tokens, so bytes that could still become one are
 * held back.
 */
import type { StreamDecoder } from "./tokenizer.ts";

/** Reads UTF-8; ill-formed bytes become U+FFFD and U+FEFF is kept, since it is text like any other. */
export const utf8: TextDecoder = /* @__PURE__ */ new TextDecoder("utf-8", { ignoreBOM: true });

/** Drops `text` from the start of a string up to `count` times; says also how many of these are left to drop. */
export function stripStart(from: string, text: string, count: number): { rest: string; left: number } {
  let at = 0;
  let left = count;
  while (left > 0 && from.startsWith(text, at)) {
    at += text.length;
    left--;
  }
  return { rest: from.slice(at), left: at < from.length ? 0 : left };
}

/** Number of bytes at the end that begin a character and do not finish it. */
function unfinished(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back];
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue; // inside a character; its first byte lies further back
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return length > back ? back : 0;
  }
  return 0;
}

/** The decoder of a stream of tokens. */
export class ByteStreamDecoder implements StreamDecoder {
  readonly #bytesOf: (token: number, index: number, first: boolean) => Uint8Array | undefined;
  readonly #strip: { readonly text: string; readonly count: number };
  #held: Uint8Array = new Uint8Array(0);
  #toStrip: number;
  #index = 0;
  #first = true;

  /**
   * `bytesOf` gives the bytes of a token, or undefined for one that is left out, and throws for an unknown id; `first` says whether
   * none has been written yet. `strip` is what the text loses at its start.
   */
  constructor(
    bytesOf: (token: number, index: number, first: boolean) => Uint8Array | undefined,
    strip: { readonly text: string; readonly count: number },
  ) {
    this.#bytesOf = bytesOf;
    this.#strip = strip;
    this.#toStrip = strip.count;
  }

  get pending(): boolean {
    return this.#held.length > 0;
  }

  push(token: number): string {
    const added = this.#bytesOf(token, this.#index, this.#first);
    this.#index++;
    if (added === undefined) return "";
    this.#first = false;
    const bytes = new Uint8Array(this.#held.length + added.length);
    bytes.set(this.#held);
    bytes.set(added, this.#held.length);
    // A character's first byte always starts a new one, so cutting before it changes nothing in how the rest is read.
    const ready = bytes.length - unfinished(bytes);
    this.#held = bytes.slice(ready);
    return this.#emit(bytes.subarray(0, ready));
  }

  flush(): string {
    const text = this.#emit(this.#held);
    this.#held = new Uint8Array(0);
    this.#toStrip = this.#strip.count;
    this.#index = 0;
    this.#first = true;
    return text;
  }

  #emit(bytes: Uint8Array): string {
    const text = utf8.decode(bytes);
    if (this.#toStrip === 0) return text;
    const { rest, left } = stripStart(text, this.#strip.text, this.#toStrip);
    this.#toStrip = left;
    return rest;
  }
}
