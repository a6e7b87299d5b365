/**
 * Writing GGUF files (github.com/ggml-org/ggml, docs/gguf.md), version 3, little-endian: a header of metadata and of the
 * places of the tensors, then the tensors, each at a multiple of 32 bytes. `gguf-header.ts` reads them.
 */
import { ConfigError, ShapeError, describeValue } from "../errors.ts";
import { formatShape, sizeOf } from "../tensor/shape.ts";
import type { GGUFField } from "./gguf-config.ts";
import { GGML_TYPES } from "./gguf-header.ts";
import type { GGMLType, GGUFValue } from "./gguf-header.ts";
import { bytesOf, joinParts, partOf } from "./parts.ts";
import type { FilePart } from "./parts.ts";

/** A tensor as a GGUF file holds it. */
export interface GGUFTensor {
  /** Row-major, as everywhere in heed: [rows, cols]. The file has the axes the other way round. */
  readonly shape: readonly number[];
  /** GGML's name of the type, such as "F32" or "Q8_0". */
  readonly type: string;
  /** The numbers, or the blocks that stand for them. */
  readonly bytes: Uint8Array;
}

/**
 * A value of metadata, with its type or without: whole numbers then become unsigned integers of 32 bits where they fit and
 * ones of 64 where not, other numbers 32-bit floats.
 */
export type GGUFEntry = GGUFField | GGUFValue;

const VERSION = 3;
const ALIGNMENT = 32;

/** Numbers of the types of values, by name. */
const TYPES = { uint8: 0, int8: 1, uint16: 2, int16: 3, uint32: 4, int32: 5, float32: 6, bool: 7, string: 8 } as const;
const ARRAY = 9;
const [UINT64, INT64, FLOAT64] = [10, 11, 12];

/** The types of the items of arrays, by the name of the array's class. */
const ARRAYS: Readonly<Record<string, number>> = {
  Uint8Array: TYPES.uint8,
  Int8Array: TYPES.int8,
  Uint16Array: TYPES.uint16,
  Int16Array: TYPES.int16,
  Uint32Array: TYPES.uint32,
  Int32Array: TYPES.int32,
  Float32Array: TYPES.float32,
  Float64Array: FLOAT64,
  BigUint64Array: UINT64,
  BigInt64Array: INT64,
};

/**
 * Writes a GGUF file.
 *
 * ```ts
 * const metadata = new Map([["general.architecture", "llama"], ...tokenizerToGGUF(tokenizer)]);
 * const x = { shape: [2, 2], type: "F32", bytes: new Uint8Array(16) };
 * const bytes = writeGGUF(metadata, new Map([["x", x]]));
 * ```
 *
 * @param metadata by key, written in the order given
 * @param tensors by name, written in the order given; `bytes` is read once, one tensor after the other
 * @throws ConfigError for a value or a type of tensor that the format does not have, ShapeError if a shape does not fit its
 *   bytes
 */
export function writeGGUF(
  metadata: ReadonlyMap<string, GGUFEntry>,
  tensors: ReadonlyMap<string, GGUFTensor>,
): Uint8Array {
  return joinParts("writeGGUF", ggufParts("writeGGUF", metadata, tensors));
}

/** The parts of such a file. Errors as above; those about bytes come when a part is asked for. */
export function ggufParts(
  operation: string,
  metadata: ReadonlyMap<string, GGUFEntry>,
  tensors: ReadonlyMap<string, GGUFTensor>,
): FilePart[] {
  const alignment = metadata.get("general.alignment");
  if (alignment !== undefined && alignment !== ALIGNMENT)
    throw new ConfigError(`${operation}: general.alignment must be ${ALIGNMENT}, got ${describeValue(alignment)}`);
  const header = new HeaderWriter(operation);
  header.raw(new TextEncoder().encode("GGUF"));
  header.number(TYPES.uint32, VERSION);
  header.number(UINT64, tensors.size);
  header.number(UINT64, metadata.size);
  for (const [key, entry] of metadata) {
    header.string(key);
    header.value(key, entry);
  }
  const parts: FilePart[] = [];
  let offset = 0;
  for (const [name, tensor] of tensors) {
    const { shape } = tensor;
    const [number, type] = findType(operation, name, tensor);
    const size = (sizeOf(shape) / type.items) * type.bytes;
    header.string(name);
    header.number(TYPES.uint32, shape.length);
    for (const axis of [...shape].reverse()) header.number(UINT64, axis);
    header.number(TYPES.uint32, number);
    header.number(UINT64, offset);
    parts.push({ size, bytes: () => checked(operation, name, tensor, size) });
    const gap = padding(size);
    if (gap > 0) parts.push(partOf(new Uint8Array(gap)));
    offset += size + gap;
  }
  header.raw(new Uint8Array(padding(header.length)));
  return [partOf(header.bytes()), ...parts];
}

/** Bytes from a place to the next at which a tensor may begin. */
function padding(place: number): number {
  return (ALIGNMENT - (place % ALIGNMENT)) % ALIGNMENT;
}

function findType(operation: string, name: string, { type, shape }: GGUFTensor): [number: number, GGMLType] {
  const found = [...GGML_TYPES].find(([, { name: known }]) => known === type);
  if (found === undefined) throw new ConfigError(`${operation}: "${name}": type ${describeValue(type)} is not known`);
  const [, { items }] = found;
  if ((shape.at(-1) ?? 1) % items === 0) return found;
  throw new ShapeError(
    `${operation}: "${name}" ${formatShape(shape)}: ${type} has blocks of ${items}, which do not fill a row`,
    { name, shape, type },
  );
}

function checked(operation: string, name: string, { bytes, shape, type }: GGUFTensor, size: number): Uint8Array {
  if (bytes.length === size) return bytes;
  throw new ShapeError(
    `${operation}: "${name}" ${formatShape(shape)} as ${type} needs ${size} bytes, got ${bytes.length}`,
    { name, shape, type },
  );
}

/** Bytes that grow. */
class HeaderWriter {
  /** How many bytes there are. */
  length = 0;
  readonly #operation: string;
  #bytes = new Uint8Array(1 << 16);
  readonly #encoder = new TextEncoder();

  constructor(operation: string) {
    this.#operation = operation;
  }

  /** What has been written. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  raw(bytes: Uint8Array): void {
    const at = this.#take(bytes.length);
    this.#bytes.set(bytes, at);
  }

  number(type: number, value: number | bigint): void {
    const at = this.#take(type >= UINT64 ? 8 : 4);
    const view = new DataView(this.#bytes.buffer);
    if (type === TYPES.float32) view.setFloat32(at, Number(value), true);
    else if (type >= UINT64) view.setBigInt64(at, BigInt.asIntN(64, BigInt(value)), true);
    else view.setUint32(at, Number(value), true);
  }

  string(text: string): void {
    const bytes = this.#encoder.encode(text);
    this.number(UINT64, bytes.length);
    this.raw(bytes);
  }

  value(key: string, entry: GGUFEntry): void {
    switch (typeof entry) {
      case "string":
        return this.#typed(key, { type: "string", value: entry });
      case "boolean":
        return this.#typed(key, { type: "bool", value: entry });
      case "number":
        if (!Number.isSafeInteger(entry)) {
          if (Number.isInteger(entry) && Math.fround(entry) !== entry) throw this.#wrong(key, entry); // a bigint is exact
          return this.#typed(key, { type: "float32", value: entry });
        }
        if (entry >= 0 && entry < 2 ** 32) return this.#typed(key, { type: "uint32", value: entry });
        return this.#wide(key, BigInt(entry));
      case "bigint":
        return this.#wide(key, entry);
    }
    if (typeof entry !== "object" || entry === null) throw this.#wrong(key, entry);
    if ("type" in entry) this.#typed(key, entry);
    else this.#array(key, entry);
  }

  #wide(key: string, value: bigint): void {
    const type = BigInt.asIntN(64, value) === value ? INT64 : UINT64;
    if (type === UINT64 && BigInt.asUintN(64, value) !== value) throw this.#wrong(key, value);
    this.number(TYPES.uint32, type);
    this.number(type, value);
  }

  #typed(key: string, { type, value }: GGUFField): void {
    const expected = type === "string" ? "string" : type === "bool" ? "boolean" : "number";
    const isWhole = Number.isInteger(value) && Number(value) === Number(value) >>> 0;
    const overflows = Number.isFinite(value) && !Number.isFinite(Math.fround(Number(value)));
    const fits = type === "float32" ? !overflows : type !== "uint32" || isWhole;
    if (typeof value !== expected || !fits) throw this.#wrong(key, value);
    this.number(TYPES.uint32, TYPES[type]);
    if (typeof value === "string") this.string(value);
    else if (typeof value === "boolean") this.raw(Uint8Array.of(Number(value)));
    else this.number(TYPES[type], value);
  }

  #array(key: string, items: Exclude<GGUFValue, string | number | bigint | boolean>): void {
    this.number(TYPES.uint32, ARRAY);
    if (ArrayBuffer.isView(items)) {
      const type = ARRAYS[items[Symbol.toStringTag]];
      if (type === undefined) throw this.#wrong(key, items);
      this.number(TYPES.uint32, type);
      this.number(UINT64, items.length);
      return this.raw(bytesOf(items));
    }
    const kind = typeof items[0] === "boolean" ? "boolean" : "string";
    if (!Array.isArray(items) || !items.every((item) => typeof item === kind)) throw this.#wrong(key, items);
    this.number(TYPES.uint32, kind === "string" ? TYPES.string : TYPES.bool);
    this.number(UINT64, items.length);
    for (const item of items) {
      if (typeof item === "string") this.string(item);
      else this.raw(Uint8Array.of(Number(item)));
    }
  }

  #wrong(key: string, value: unknown): ConfigError {
    const message = `${this.#operation}: metadata "${key}" cannot be ${describeValue(value)}`;
    return new ConfigError(message, { key });
  }

  /** Makes room for `count` bytes and returns where they begin. */
  #take(count: number): number {
    const start = this.length;
    this.length += count;
    if (this.length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.length, 2 * this.#bytes.length));
      grown.set(this.#bytes.subarray(0, start));
      this.#bytes = grown;
    }
    return start;
  }
}
