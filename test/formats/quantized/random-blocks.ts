/** Bytes that look random and are the same everywhere, so that results of another program for them can stand in a test. */

/** Bytes of a linear congruential generator (the upper 8 of its 32 bits), from seed 1. */
export function randomBytes(count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  let state = 1;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** FNV-1a, 32 bits, of the bytes of an array. */
export function fingerprint(array: Float32Array | Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
    hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
