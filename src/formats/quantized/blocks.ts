/**
 * Numbers in GGML's types: 32-bit and 16-bit floats, and blocks of small integers with common scales. What a block looks
 * like is told in `simple.ts` (32 numbers, one scale) and `k-quants.ts` (256 numbers, scales in two steps).
 */
import { ConfigError, FormatError, describeValue } from "../../errors.ts";
import { GGML_TYPES } from "../gguf-header.ts";
import { f16Values, narrowBF16, narrowF16, widenBF16, widenF16 } from "../half.ts";
import { decodeQ2_K, decodeQ3_K, decodeQ4_K, decodeQ5_K, decodeQ6_K } from "./k-quants.ts";
import { encodeQ4_0, encodeQ8_0 } from "./quantizers.ts";
import { decodeIQ4_NL, decodeQ4_0, decodeQ4_1, decodeQ5_0, decodeQ5_1, decodeQ8_0 } from "./simple.ts";
import type { Decoder } from "./simple.ts";

/** A type that `quantize` writes. */
export type QuantizedType = "F32" | "F16" | "BF16" | "Q8_0" | "Q4_0";

function bytesOf(x: Float32Array): Uint8Array {
  return new Uint8Array(x.buffer, x.byteOffset, x.byteLength);
}

const DECODERS: Readonly<Record<string, Decoder>> = {
  F32: (bytes, out) => bytesOf(out).set(bytes),
  F16: widenF16,
  BF16: widenBF16,
  Q8_0: decodeQ8_0,
  Q4_0: decodeQ4_0,
  Q4_1: decodeQ4_1,
  Q5_0: decodeQ5_0,
  Q5_1: decodeQ5_1,
  Q2_K: decodeQ2_K,
  Q3_K: decodeQ3_K,
  Q4_K: decodeQ4_K,
  Q5_K: decodeQ5_K,
  Q6_K: decodeQ6_K,
  IQ4_NL: decodeIQ4_NL,
};

type Encoder = (x: Float32Array, out: Uint8Array) => void;

const ENCODERS: Readonly<Record<QuantizedType, Encoder>> = {
  F32: (x, out) => out.set(bytesOf(x)),
  F16: narrowF16,
  BF16: narrowBF16,
  Q8_0: encodeQ8_0,
  Q4_0: encodeQ4_0,
};

/** Names of the types that `dequantize` reads. */
export const DEQUANTIZED: readonly string[] = /* @__PURE__ */ Object.keys(DECODERS);

/**
 * Decodes blocks, bit for bit as GGML does.
 *
 * ```ts
 * const row = new Float32Array(4096);
 * dequantize("Q4_K", bytes, row); // 4096 / 256 blocks of 144 bytes
 * ```
 *
 * @param type GGML's name, one of `DEQUANTIZED`
 * @param bytes the blocks, one after the other, at any address
 * @param out a whole number of blocks, all of it is written
 * @throws FormatError if the type is not known, or if there are more or fewer bytes than `out` needs
 */
export function dequantize(type: string, bytes: Uint8Array, out: Float32Array): void {
  const problem = problemWith(type, DECODERS, bytes.length, out.length);
  if (problem !== undefined) throw new FormatError(`dequantize: ${problem}`, { type });
  DECODERS[type](bytes, out, f16Values());
}

/**
 * Encodes numbers, byte for byte as GGML's reference quantisers do.
 *
 * 16-bit floats are rounded to the nearest, ties to even; NaN and Infinity are kept. A block of Q8_0 or Q4_0 has one scale,
 * taken from its greatest magnitude: other numbers of the block are then right to half a step of 1/127 of that (Q8_0), or
 * mostly to half a step of 1/8 (Q4_0).
 *
 * @param type the type to write
 * @param x a whole number of blocks
 * @param out the blocks, at any address; all of it is written
 * @throws ConfigError if the type is none of these, or if `out` has more or fewer bytes than `x` needs
 */
export function quantize(type: QuantizedType, x: Float32Array, out: Uint8Array): void {
  const problem = problemWith(type, ENCODERS, out.length, x.length);
  if (problem !== undefined) throw new ConfigError(`quantize: ${problem}`, { type });
  ENCODERS[type](x, out);
}

/** Why a type is none of those in a table, or why so many bytes do not hold so many numbers. */
function problemWith(type: string, table: object, bytes: number, numbers: number): string | undefined {
  if (!Object.hasOwn(table, type))
    return `type must be one of ${Object.keys(table).join(", ")}, got ${describeValue(type)}`;
  for (const block of GGML_TYPES.values()) {
    if (block.name !== type) continue;
    if (numbers % block.items !== 0)
      return `${numbers} numbers are no whole number of ${type} blocks of ${block.items}`;
    const needed = (numbers / block.items) * block.bytes;
    if (bytes !== needed) return `${numbers} numbers as ${type} are ${needed} bytes, got ${bytes}`;
  }
  return undefined;
}
