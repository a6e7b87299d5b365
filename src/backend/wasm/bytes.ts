/** What everything that is assembled ends as: bytes, put together without copying, and integers as bytes. */

/** Bytes, in lists within lists: putting code together copies nothing, and `flatten` makes one array at the end. */
export type Bytes = readonly (number | Uint8Array | Bytes)[];

// Where `flatten` writes: it takes a good part of the start-up, so it goes through the lists only once.
let buffer = new Uint8Array(1 << 16);

/** All bytes, in order. */
export function flatten(bytes: Bytes): Uint8Array<ArrayBuffer> {
  const end = write(bytes, 0); // may put a larger buffer in the place of this one
  return buffer.slice(0, end);
}

/** Writes from `place` on; gives back the place behind. */
function write(bytes: Bytes, place: number): number {
  for (let i = 0; i < bytes.length; i++) {
    const part = bytes[i];
    if (typeof part === "number") {
      if (place === buffer.length) grow(1);
      buffer[place++] = part;
    } else if (part instanceof Uint8Array) {
      if (place + part.length > buffer.length) grow(part.length);
      buffer.set(part, place);
      place += part.length;
    } else place = write(part, place);
  }
  return place;
}

function grow(bytes: number): void {
  const larger = new Uint8Array(2 * buffer.length + bytes);
  larger.set(buffer);
  buffer = larger;
}

/** An unsigned integer in the variable-length encoding LEB128 (section 5.2.2). */
export function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...unsigned(Math.floor(value / 128))];
}

/** A signed 32-bit integer in LEB128. */
export function signed(value: number): number[] {
  return value >= -64 && value < 64 ? [value & 127] : [(value & 127) + 128, ...signed(value >> 7)];
}
