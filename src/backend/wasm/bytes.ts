/**
 * What everything that is assembled ends as: bytes. While code is put together, each byte is a character of a string: engines
 * join strings without copying them, which makes the start-up shorter than lists of numbers do.
 */

/** The bytes of a string, at the end of it all. */
export function toArray(bytes: string): Uint8Array<ArrayBuffer> {
  const array = new Uint8Array(bytes.length);
  for (let i = 0; i < array.length; i++) array[i] = bytes.charCodeAt(i);
  return array;
}

/** One byte. */
const byte = String.fromCharCode;

/** An unsigned integer in the variable-length encoding LEB128 (section 5.2.2). */
export function unsigned(value: number): string {
  return value < 128 ? byte(value) : byte((value % 128) + 128) + unsigned(Math.floor(value / 128));
}

/** A signed 32-bit integer in LEB128. */
export function signed(value: number): string {
  return value >= -64 && value < 64 ? byte(value & 127) : byte((value & 127) + 128) + signed(value >> 7);
}

/** Numbers as they stand in memory, little-endian. */
export function raw(numbers: Float32Array | Float64Array | Int32Array): string {
  const bytes = new Uint8Array(numbers.buffer);
  let all = "";
  for (let i = 0; i < bytes.length; i++) all += byte(bytes[i]);
  return all;
}
