/**
 * Random blocks of GGML's types: bits from a seed, and scales such that the numbers are spread around zero with the deviation asked
 * for. No quantiser is needed to have every pattern of bits in the comparison. Layouts: ggml-common.h of ggml.
 */
import { Random } from "heed";

/** How the blocks of a type are made. */
interface BlockForm {
  /** ggml's number of the type. */
  readonly id: number;
  /** Numbers of a block, and its bytes. */
  readonly items: number;
  readonly bytes: number;
  /** Where the scale lies, 16 bits. */
  readonly scaleAt: number;
  /** Deviation of the numbers when the scale is 1. */
  readonly deviation: number;
  /** Where the second 16 bits lie, which are added or subtracted, and how many times the scale centres the numbers. */
  readonly offset?: { readonly at: number; readonly scales: number };
}

/** Scales are 16-bit floats; the rest of a block may be any bits. Deviations and centres are those of uniform bits. */
const FORMS: Readonly<Record<string, BlockForm>> = {
  Q4_0: { id: 2, items: 32, bytes: 18, scaleAt: 0, deviation: 4.6 },
  Q4_1: { id: 3, items: 32, bytes: 20, scaleAt: 0, deviation: 4.6, offset: { at: 2, scales: -7.5 } },
  Q5_0: { id: 6, items: 32, bytes: 22, scaleAt: 0, deviation: 9.2 },
  Q5_1: { id: 7, items: 32, bytes: 24, scaleAt: 0, deviation: 9.2, offset: { at: 2, scales: -15.5 } },
  Q8_0: { id: 8, items: 32, bytes: 34, scaleAt: 0, deviation: 74 },
  Q2_K: { id: 10, items: 256, bytes: 84, scaleAt: 80, deviation: 14, offset: { at: 82, scales: 1.5 } },
  Q3_K: { id: 11, items: 256, bytes: 110, scaleAt: 108, deviation: 43 },
  Q4_K: { id: 12, items: 256, bytes: 144, scaleAt: 0, deviation: 258, offset: { at: 2, scales: 7.5 } },
  Q5_K: { id: 13, items: 256, bytes: 176, scaleAt: 0, deviation: 527, offset: { at: 2, scales: 15.5 } },
  Q6_K: { id: 14, items: 256, bytes: 210, scaleAt: 208, deviation: 1370 },
  IQ4_NL: { id: 20, items: 32, bytes: 18, scaleAt: 0, deviation: 66 },
};

/** Numbers of 16 bits. */
const FLOATS: Readonly<Record<string, number>> = { F16: 1, BF16: 30 };

/** All types that can be made. */
export const BLOCK_TYPES: readonly string[] = [...Object.keys(FORMS), ...Object.keys(FLOATS)];

/** ggml's number of a type. */
export function typeNumber(type: string): number {
  return FORMS[type]?.id ?? FLOATS[type];
}

/** The bytes of so many numbers, some whole blocks. */
export function randomBlocks(type: string, count: number, deviation: number, random: Random): Uint8Array {
  const form = FORMS[type];
  if (form === undefined) return randomFloats(type, count, deviation, random);
  const { items, bytes, scaleAt, offset } = form;
  const out = new Uint8Array((count / items) * bytes);
  const view = new DataView(out.buffer);
  for (let i = 0; i < out.length; i++) out[i] = random.integer(256);
  for (let at = 0; at < out.length; at += bytes) {
    const scale = ((0.75 + 0.5 * random.uniform()) * deviation) / form.deviation;
    view.setUint16(at + scaleAt, toF16(scale), true);
    if (offset !== undefined) view.setUint16(at + offset.at, toF16(scale * offset.scales), true);
  }
  return out;
}

function randomFloats(type: string, count: number, deviation: number, random: Random): Uint8Array {
  const view = new DataView(new ArrayBuffer(2 * count));
  for (let i = 0; i < count; i++) {
    const value = deviation * random.normal();
    view.setUint16(2 * i, type === "F16" ? toF16(value) : toBF16(value), true);
  }
  return new Uint8Array(view.buffer);
}

const word = new DataView(new ArrayBuffer(4));

function toBF16(value: number): number {
  word.setFloat32(0, value);
  return word.getUint16(0); // cut off: any number of 16 bits will do
}

/** A 16-bit float near a value; below 2^-14 with fewer bits, and 0 at the end. */
function toF16(value: number): number {
  const sign = value < 0 ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size < 2 ** -14) return sign | Math.round(size * 2 ** 24);
  const exponent = Math.floor(Math.log2(size));
  return sign | (((exponent + 15) << 10) + Math.round((size / 2 ** exponent - 1) * 1024));
}
