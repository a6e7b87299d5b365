/** Numbers of files in any type that heed reads, as 32-bit floats: GGML's blocks, and the plain ones that other files have. */
import { FormatError, describeValue } from "../errors.ts";
import { DEQUANTIZED, dequantize } from "./quantized/blocks.ts";

/** One number at an offset of a view. */
type Reader = (view: DataView, at: number) => number;

/** The plain types that no block has, by their bytes. */
const PLAIN: Readonly<Record<string, readonly [bytes: number, read: Reader]>> = {
  BOOL: [1, (view, at) => (view.getUint8(at) === 0 ? 0 : 1)],
  U8: [1, (view, at) => view.getUint8(at)],
  I8: [1, (view, at) => view.getInt8(at)],
  U16: [2, (view, at) => view.getUint16(at, true)],
  I16: [2, (view, at) => view.getInt16(at, true)],
  U32: [4, (view, at) => view.getUint32(at, true)],
  I32: [4, (view, at) => view.getInt32(at, true)],
  U64: [8, (view, at) => view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true)],
  I64: [8, (view, at) => view.getInt32(at + 4, true) * 2 ** 32 + view.getUint32(at, true)],
  F64: [8, (view, at) => view.getFloat64(at, true)],
};

/** Throws a FormatError unless `readNumbers` knows a type. @param where file and tensor, for the message */
export function checkNumberType(dtype: string, where: string): void {
  if (DEQUANTIZED.includes(dtype) || Object.hasOwn(PLAIN, dtype)) return;
  throw new FormatError(
    `${where}: the type ${describeValue(dtype)} is not supported; supported: ${[...DEQUANTIZED, ...Object.keys(PLAIN)].join(", ")}`,
    { dtype },
  );
}

/**
 * Numbers as 32-bit floats. Only F64 is rounded.
 *
 * @param dtype such as "BF16", "I64" or "Q4_K"
 * @param out filled; as many numbers as the bytes hold
 * @param where file and tensor, for messages
 * @throws FormatError for a type that is not supported, or an integer that has no exact 32-bit float
 */
export function readNumbers(dtype: string, bytes: Uint8Array, out: Float32Array, where: string): void {
  checkNumberType(dtype, where);
  if (DEQUANTIZED.includes(dtype)) return dequantize(dtype, bytes, out);
  const [itemBytes, read] = PLAIN[dtype];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0; i < out.length; i++) {
    const value = read(view, i * itemBytes);
    out[i] = value;
    if (dtype !== "F64" && (out[i] !== value || !Number.isSafeInteger(value))) {
      throw new FormatError(`${where}: the ${dtype} number at index ${i}, about ${value}, has no exact 32-bit float`, {
        index: i,
        value,
      });
    }
  }
}
