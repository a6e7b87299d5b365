/** Writing safetensors files: a JSON header, then the tensors, one part of the file each. */
import { ConfigError, ShapeError } from "../errors.ts";
import { formatShape, sizeOf } from "../tensor/shape.ts";
import type { TensorArray } from "./architectures/tensor-rules.ts";
import { bytesOf, joinParts, partOf } from "./parts.ts";
import type { FilePart } from "./parts.ts";
import { ITEM_BYTES } from "./safetensors-header.ts";
import type { DType } from "./safetensors-header.ts";

/** A tensor that is written as it lies: any type of number that the format has. */
export interface TensorBytes {
  /** Axis lengths, outermost first. */
  readonly shape: readonly number[];
  /** What the bytes stand for, such as "BF16". */
  readonly dtype: DType;
  /** The numbers, row-major and little-endian. */
  readonly bytes: Uint8Array;
}

/** A tensor to be written: 32-bit floats, or the bytes of another type. */
export type WritableTensor = Pick<TensorArray, "shape" | "data"> | TensorBytes;

/**
 * Writes tensors as a safetensors file, in the order given. Floats become F32, what has `bytes` is written as it is.
 *
 * ```ts
 * const bytes = writeSafetensors(new Map([["x", tensor([[1, 2], [3, 4]])]]));
 * const half = { shape: [2], dtype: "F16", bytes: Uint8Array.of(0, 0x3c, 0, 0xc0) } as const; // 1, -2
 * writeSafetensors(new Map([["half", half]]));
 * ```
 *
 * @param tensors by name; `data` or `bytes` is read once, one tensor after the other
 * @param metadata free texts for the header. Default `{ format: "pt" }`, which Hugging Face's loaders ask for
 * @throws ShapeError if a shape does not fit its numbers, ConfigError for the reserved name "__metadata__", an unknown
 *   dtype, or a file beyond what the runtime's arrays can hold
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, WritableTensor>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array {
  return joinParts("writeSafetensors", safetensorsParts("writeSafetensors", tensors, metadata));
}

/** The parts of such a file. Errors as above; those about numbers come when the part is asked for. */
export function safetensorsParts(
  operation: string,
  tensors: ReadonlyMap<string, WritableTensor>,
  metadata: Readonly<Record<string, string>> = { format: "pt" },
): FilePart[] {
  // The header is put together by hand: as the key of an object, "__proto__" would vanish and "0" would move to the front.
  const entries = [`"__metadata__":${JSON.stringify(metadata)}`];
  const parts: FilePart[] = [];
  let end = 0;
  for (const [name, tensor] of tensors) {
    if (name === "__metadata__")
      throw new ConfigError(`${operation}: "__metadata__" is reserved and cannot name a tensor`);
    const { shape } = tensor;
    const dtype = "bytes" in tensor ? tensor.dtype : "F32";
    if (!Object.hasOwn(ITEM_BYTES, dtype)) {
      const known = Object.keys(ITEM_BYTES).join(", ");
      throw new ConfigError(`${operation}: the dtype of "${name}" must be one of ${known}, got ${String(dtype)}`);
    }
    const begin = end;
    const size = ITEM_BYTES[dtype] * sizeOf(shape);
    end += size;
    entries.push(
      `${JSON.stringify(name)}:{"dtype":"${dtype}","shape":${JSON.stringify(shape)},"data_offsets":[${begin},${end}]}`,
    );
    parts.push({ size, bytes: () => checked(operation, name, tensor, size) });
  }
  const json = new TextEncoder().encode(`{${entries.join(",")}}`);
  const header = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(0x20, 8);
  new DataView(header.buffer).setBigUint64(0, BigInt(header.length - 8), true);
  header.set(json, 8);
  return [partOf(header), ...parts];
}

function checked(operation: string, name: string, tensor: WritableTensor, size: number): Uint8Array {
  const isFloats = !("bytes" in tensor);
  const values = isFloats ? tensor.data : tensor.bytes;
  if (values.byteLength === size) return bytesOf(values);
  const { shape } = tensor;
  const [needed, unit] = isFloats ? [size / 4, "numbers"] : [size, "bytes"];
  throw new ShapeError(`${operation}: "${name}" ${formatShape(shape)} needs ${needed} ${unit}, got ${values.length}`, {
    name,
    shape,
  });
}
