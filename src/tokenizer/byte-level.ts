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

/** The bytes that a byte-level spelling stands for, or undefined if a character of it stands for no byte. */
export function symbolsToBytes(symbols: string): Uint8Array | undefined {
  const bytes = Array.from(symbols, (symbol) => byteSymbols.indexOf(symbol));
  return bytes.includes(-1) ? undefined : Uint8Array.from(bytes);
}
