/** Reading and writing safetensors files: named tensors behind a JSON header. */
import { ConfigError, FormatError, ShapeError, checkOptions } from "../errors.ts";
import { formatShape, sizeOf } from "../tensor/shape.ts";
import { widenBF16, widenF16 } from "./half.ts";
import { parseHeader } from "./safetensors-header.ts";
import type { DType, SafetensorsHeader, TensorPlace } from "./safetensors-header.ts";

/** Numbers and their shape; a `Tensor` is one. */
export interface NamedArray {
  /** Axis lengths, outermost first. */
  readonly shape: readonly number[];
  /** The numbers, row-major. */
  readonly data: Float32Array;
}

/** A tensor of a file. */
export interface SafetensorsTensor extends NamedArray {
  /** How the file holds the numbers, such as "F32" or "BF16". */
  readonly dtype: DType;
}

/** Options of `readSafetensors`. */
export interface ReadSafetensorsOptions {
  /** The file's name, for messages. Default "safetensors". */
  name?: string;
}

/**
 * The tensors of a file. Opening it checks the whole header; numbers are converted when a tensor is asked for, each time
 * anew, so that a large file is never held twice.
 */
export class SafetensorsFile {
  /** The file's name, for messages. */
  readonly name: string;
  /** Free texts that the writer left, such as `{ format: "pt" }`. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly #bytes: Uint8Array;
  readonly #places: SafetensorsHeader["tensors"];

  constructor(bytes: Uint8Array, name: string) {
    const { metadata, tensors } = parseHeader(bytes, bytes.length, name);
    this.name = name;
    this.metadata = metadata;
    this.#bytes = bytes;
    this.#places = tensors;
  }

  /** Names of all tensors, in the order of their data. */
  get names(): string[] {
    return [...this.#places.keys()];
  }

  /** Whether there is a tensor of this name. */
  has(name: string): boolean {
    return this.#places.has(name);
  }

  /** The shape of a tensor. Throws a FormatError if there is none of this name. */
  shape(name: string): readonly number[] {
    return this.#place(name).shape;
  }

  /**
   * A tensor as 32-bit floats. F16 and BF16 widen exactly, F64 is rounded. F32 numbers share the file's memory where they
   * lie aligned: copy them before you change them.
   *
   * @throws FormatError if there is no such tensor, or if an integer has no exact 32-bit float
   */
  tensor(name: string): SafetensorsTensor {
    const place = this.#place(name);
    const bytes = this.#bytes.subarray(place.begin, place.end);
    return {
      dtype: place.dtype,
      shape: place.shape,
      data: decode(place.dtype, bytes, `${this.name}: tensor "${name}"`),
    };
  }

  /** All tensors by name. Numbers are converted each time `data` is read. */
  tensors(): Map<string, SafetensorsTensor> {
    const load = (name: string): Float32Array => this.tensor(name).data;
    const lazily = (name: string, { dtype, shape }: TensorPlace): SafetensorsTensor => ({
      dtype,
      shape,
      get data() {
        return load(name);
      },
    });
    return new Map([...this.#places].map(([name, place]) => [name, lazily(name, place)]));
  }

  #place(name: string): TensorPlace {
    const place = this.#places.get(name);
    if (place === undefined)
      throw new FormatError(`${this.name}: there is no tensor "${name}" among its ${this.#places.size}`, {
        file: this.name,
        tensor: name,
      });
    return place;
  }
}

/**
 * Opens a safetensors file that is in memory.
 *
 * ```ts
 * const file = readSafetensors(bytes, { name: "model.safetensors" });
 * const { shape, data } = file.tensor("wte.weight");
 * ```
 *
 * @param bytes the whole file; it must stay unchanged while the result is in use
 * @throws FormatError saying what is wrong and where, for a file that is truncated, damaged or of another kind
 */
export function readSafetensors(bytes: Uint8Array, options?: ReadSafetensorsOptions): SafetensorsFile {
  checkOptions("readSafetensors", options, ["name"]);
  if (!(bytes instanceof Uint8Array))
    throw new ConfigError(`readSafetensors: bytes must be a Uint8Array, got ${typeof bytes}`);
  return new SafetensorsFile(bytes, options?.name ?? "safetensors");
}

/** One number at an offset of a view; the types that are neither F32 nor 16-bit floats. */
const READERS: Record<
  Exclude<DType, "F32" | "F16" | "BF16">,
  { bytes: number; read: (view: DataView, at: number) => number }
> = {
  BOOL: { bytes: 1, read: (view, at) => (view.getUint8(at) === 0 ? 0 : 1) },
  U8: { bytes: 1, read: (view, at) => view.getUint8(at) },
  I8: { bytes: 1, read: (view, at) => view.getInt8(at) },
  U16: { bytes: 2, read: (view, at) => view.getUint16(at, true) },
  I16: { bytes: 2, read: (view, at) => view.getInt16(at, true) },
  U32: { bytes: 4, read: (view, at) => view.getUint32(at, true) },
  I32: { bytes: 4, read: (view, at) => view.getInt32(at, true) },
  U64: { bytes: 8, read: (view, at) => view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true) },
  I64: { bytes: 8, read: (view, at) => view.getInt32(at + 4, true) * 2 ** 32 + view.getUint32(at, true) },
  F64: { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
};

function decode(dtype: DType, bytes: Uint8Array, where: string): Float32Array {
  if (dtype === "F16") return widenF16(bytes);
  if (dtype === "BF16") return widenBF16(bytes);
  if (dtype === "F32") {
    // All runtimes that heed knows are little-endian, as the file is. A Float32Array must begin at a multiple of 4.
    const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
    return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
  }
  const { bytes: itemBytes, read } = READERS[dtype];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out = new Float32Array(bytes.length / itemBytes);
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
  return out;
}

/**
 * Writes tensors as a safetensors file of F32 numbers, in the order given.
 *
 * ```ts
 * const bytes = writeSafetensors(new Map([["x", tensor([[1, 2], [3, 4]])]]));
 * ```
 *
 * @param tensors numbers by name; `data` is read once, one tensor after the other
 * @param metadata free texts for the header. Default `{ format: "pt" }`, which Hugging Face's loaders ask for
 * @throws ShapeError if a shape does not fit its numbers, ConfigError for the reserved name "__metadata__"
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, NamedArray>,
  metadata: Readonly<Record<string, string>> = { format: "pt" },
): Uint8Array {
  // The header is put together by hand: as the key of an object, "__proto__" would vanish and "0" would move to the front.
  const entries = [`"__metadata__":${JSON.stringify(metadata)}`];
  let end = 0;
  for (const [name, { shape }] of tensors) {
    if (name === "__metadata__")
      throw new ConfigError(`writeSafetensors: "__metadata__" is reserved and cannot name a tensor`);
    const begin = end;
    end += 4 * sizeOf(shape);
    entries.push(
      `${JSON.stringify(name)}:{"dtype":"F32","shape":${JSON.stringify(shape)},"data_offsets":[${begin},${end}]}`,
    );
  }
  const json = new TextEncoder().encode(`{${entries.join(",")}}`);
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const out = new Uint8Array(8 + headerBytes + end);
  new DataView(out.buffer).setUint32(0, headerBytes, true);
  out.fill(0x20, 8, 8 + headerBytes).set(json, 8);
  let at = 8 + headerBytes;
  for (const [name, { shape, data }] of tensors) {
    if (data.length !== sizeOf(shape)) {
      throw new ShapeError(
        `writeSafetensors: "${name}" ${formatShape(shape)} needs ${sizeOf(shape)} numbers, got ${data.length}`,
        { name, shape },
      );
    }
    out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return out;
}
