/** Random matrices in the forms of tensor/stored.ts. */
import type { Random } from "../src/random.ts";
import { STORED_FORMS, StoredMatrix, storedRowBytes } from "../src/tensor/stored.ts";
import type { StoredType } from "../src/tensor/stored.ts";

/** All forms. */
export const TYPES = Object.keys(STORED_FORMS) as StoredType[];

/** A matrix whose numbers are of the order of 1, with subnormals and zeros among those of 16 bits. */
export function randomStored(type: StoredType, rows: number, cols: number, random: Random): StoredMatrix {
  const bytes = new Uint8Array(rows * storedRowBytes(type, cols));
  const view = new DataView(bytes.buffer);
  const { blockBytes } = STORED_FORMS[type];
  for (let i = 0; i < bytes.length; i++) bytes[i] = random.uint32() & 255;
  for (let at = 0; at < bytes.length; at += blockBytes) {
    const exponent = type === "bf16" ? 118 + Math.floor(random.uniform() * 10) : Math.floor(random.uniform() * 16);
    const fraction = random.uint32() & (type === "bf16" ? 0x7f : 0x3ff);
    const sign = random.uniform() < 0.5 ? 0x8000 : 0;
    // The scale of a block is small, so that its products are of the order of 1 too.
    const shift = type === "bf16" ? 7 : 10;
    const scaled = blockBytes > 2 ? Math.min(exponent, 8) : exponent;
    view.setUint16(at, sign | (scaled << shift) | fraction, true);
  }
  return new StoredMatrix(type, [rows, cols], bytes);
}
