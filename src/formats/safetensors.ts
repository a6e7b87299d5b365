/** Reading safetensors files: named tensors behind a JSON header. */
import { ConfigError, FormatError, checkOptions } from "../errors.ts";
import { readNumbers } from "./numbers.ts";
import { ITEM_BYTES, parseHeader } from "./safetensors-header.ts";
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

function decode(dtype: DType, bytes: Uint8Array, where: string): Float32Array {
  if (dtype === "F32") {
    // All runtimes that heed knows are little-endian, as the file is. A Float32Array must begin at a multiple of 4.
    // A Buffer's `slice` would not copy.
    const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
    return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
  }
  const out = new Float32Array(bytes.length / ITEM_BYTES[dtype]);
  readNumbers(dtype, bytes, out, where);
  return out;
}
