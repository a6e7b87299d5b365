/**
 * Bytes as printable characters. A byte-level vocabulary is a JSON object of strings, and most byte strings are no
 * valid text; so GPT-2 (Radford et al. 2019, §2.2) writes each byte as one printable character: bytes that Latin-1
 * prints stand for themselves, the other 68 take the code points from 256 on ("Ġ" is the space, "Ċ" the line feed).
 */

/** The character that stands for each byte, indexed by byte. */
export const byteSymbols: readonly string[] = /* @__PURE__ */ Array.from({ length: 256 }, (_, byte) => {
  if (isPrintable(byte)) return String.fromCharCode(byte);
  let before = 0; // how many unprintable bytes are smaller than this one
  for (let other = 0; other < byte; other++) if (!isPrintable(other)) before++;
  return String.fromCharCode(256 + before);
});

function isPrintable(byte: number): boolean {
  return (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
}

/** The byte that each character stands for, indexed by code unit; other characters have none. */
let byteOfSymbol: Int16Array | undefined;

/** Writes the bytes that a byte-level spelling stands for into `to` at `at`; returns where they end, or -1 if a character stands for no byte. */
export function writeSymbols(symbols: string, to: Uint8Array, at: number): number {
  if (byteOfSymbol === undefined) {
    byteOfSymbol = new Int16Array(0x144).fill(-1);
    for (const [byte, symbol] of byteSymbols.entries()) byteOfSymbol[symbol.charCodeAt(0)] = byte;
  }
  for (let i = 0; i < symbols.length; i++) {
    const unit = symbols.charCodeAt(i);
    const byte = unit < 0x144 ? byteOfSymbol[unit] : -1;
    if (byte < 0) return -1;
    to[at++] = byte;
  }
  return at;
}

/** The bytes that a byte-level spelling stands for, or undefined if a character of it stands for no byte. */
export function symbolsToBytes(symbols: string): Uint8Array | undefined {
  const bytes = new Uint8Array(symbols.length);
  return writeSymbols(symbols, bytes, 0) < 0 ? undefined : bytes;
}

/**
 * Writes the UTF-8 of `text` from `start` to `end` into `to` at `at` (room for three bytes a unit is enough) and returns where
 * it ends. By hand, because `TextEncoder` wants a string of its own for every word. A lone surrogate becomes U+FFFD.
 */
export function writeUTF8(text: string, start: number, end: number, to: Uint8Array, at: number): number {
  for (let i = start; i < end; i++) {
    let code = text.charCodeAt(i);
    if (code < 0x80) {
      to[at++] = code;
      continue;
    }
    if (code < 0x800) to[at++] = 0xc0 | (code >> 6);
    else {
      if (code >= 0xd800 && code < 0xe000) {
        const low = code < 0xdc00 && i + 1 < end ? text.charCodeAt(i + 1) : 0;
        if (low >= 0xdc00 && low < 0xe000) {
          i++;
          code = 0x10000 + ((code - 0xd800) << 10) + low - 0xdc00;
          to[at++] = 0xf0 | (code >> 18);
        } else code = 0xfffd;
      }
      to[at++] = code < 0x10000 ? 0xe0 | (code >> 12) : 0x80 | ((code >> 12) & 63);
      to[at++] = 0x80 | ((code >> 6) & 63);
      to[at++] = 0x80 | (code & 63);
      continue;
    }
    to[at++] = 0x80 | (code & 63);
  }
  return at;
}
