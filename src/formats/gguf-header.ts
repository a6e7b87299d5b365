/**
 * The header of a GGUF file (github.com/ggml-org/ggml, docs/gguf.md), versions 2 and 3, little-endian:
 *
 *     "GGUF" · version · number of tensors · number of metadata entries
 *     every metadata entry: key, type, value       (the tokenizer is in there, too)
 *     every tensor: name, shape, type, offset
 *     padding, then the numbers
 *
 * Nothing in it is believed: every count and length is checked against the bytes that are there before anything is read or
 * allocated by it. A model has gigabytes and its header a few megabytes, so a header can be read from the beginning of a file.
 */
import { FormatError, describeValue } from "../errors.ts";

/** The elements of one metadata array, all of one type. */
export type GGUFArray =
  | readonly string[]
  | readonly boolean[]
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigUint64Array
  | BigInt64Array;

/** One metadata value. A 64-bit integer is a number where that is exact, and a bigint beyond. */
export type GGUFValue = string | number | bigint | boolean | GGUFArray;

/** Where a tensor lies in its file. */
export interface GGUFTensorInfo {
  readonly name: string;
  /** Row-major, as everywhere in heed: [rows, cols]. The file has the axes the other way round. */
  readonly shape: readonly number[];
  /** The number of the type (0 is F32), as in `GGML_TYPES`. */
  readonly type: number;
  /** First byte, from the beginning of the file. */
  readonly begin: number;
  /** One past the last byte. */
  readonly end: number;
}

/** What a header says, all of it checked. */
export interface GGUFHeader {
  /** Version of the format, 2 or 3. */
  readonly version: number;
  /** Such as "general.architecture" → "llama", in the order of the file. */
  readonly metadata: ReadonlyMap<string, GGUFValue>;
  /** In the order of the file. */
  readonly tensors: readonly GGUFTensorInfo[];
  /** First byte of the numbers. */
  readonly dataStart: number;
  /** Every tensor begins at a multiple of this many bytes behind `dataStart`. */
  readonly alignment: number;
}

/** How a type of tensor is stored: blocks of `items` numbers in `bytes` bytes. */
export interface GGMLType {
  readonly name: string;
  readonly items: number;
  readonly bytes: number;
}

/** Number of the type, name, items and bytes of a block (ggml.h, ggml-common.h); numbers left out were withdrawn. */
const TYPE_LIST =
  "0 F32 1 4,1 F16 1 2,2 Q4_0 32 18,3 Q4_1 32 20,6 Q5_0 32 22,7 Q5_1 32 24,8 Q8_0 32 34,9 Q8_1 32 36,10 Q2_K 256 84," +
  "11 Q3_K 256 110,12 Q4_K 256 144,13 Q5_K 256 176,14 Q6_K 256 210,15 Q8_K 256 292,16 IQ2_XXS 256 66,17 IQ2_XS 256 74," +
  "18 IQ3_XXS 256 98,19 IQ1_S 256 50,20 IQ4_NL 32 18,21 IQ3_S 256 110,22 IQ2_S 256 82,23 IQ4_XS 256 136,24 I8 1 1," +
  "25 I16 1 2,26 I32 1 4,27 I64 1 8,28 F64 1 8,29 IQ1_M 256 56,30 BF16 1 2,34 TQ1_0 256 54,35 TQ2_0 256 66,39 MXFP4 32 17";

/** The types of tensors by number. */
export const GGML_TYPES: ReadonlyMap<number, GGMLType> = /* @__PURE__ */ new Map(
  TYPE_LIST.split(",").map((entry) => {
    const [number, name, items, bytes] = entry.split(" ");
    return [Number(number), { name, items: Number(items), bytes: Number(bytes) }];
  }),
);

const BOOL = 7;
const STRING = 8;
const ARRAY = 9;

/** The arrays that hold metadata numbers, by the number of the value type; undefined for bool, string and array. */
const NUMBERS = [
  Uint8Array,
  Int8Array,
  Uint16Array,
  Int16Array,
  Uint32Array,
  Int32Array,
  Float32Array,
  undefined,
  undefined,
  undefined,
  BigUint64Array,
  BigInt64Array,
  Float64Array,
] as const;

/** Smallest metadata entry: the length of an empty key, a type, one byte. */
const ENTRY_BYTES = 13;
/** Smallest tensor entry: the length of an empty name, no axes, a type, an offset. */
const TENSOR_BYTES = 24;
const MAX_AXES = 4;
const DEFAULT_ALIGNMENT = 32;
const MAX_ALIGNMENT = 2 ** 30;

/**
 * Reads and checks a header.
 *
 * ```ts
 * const { metadata, tensors } = readGGUFHeader(await readFile("model.gguf"), "model.gguf");
 * metadata.get("general.architecture"); // "llama"
 * ```
 *
 * To read by ranges, pass the first bytes and the size of the file. If they do not reach to the end of the header, the
 * error's `details.needed` says how many bytes from the beginning are needed at least to get further.
 *
 * @param bytes the file, or its beginning
 * @param file the file's name, for messages
 * @param fileBytes size of the whole file; default: `bytes` is all of it
 * @throws FormatError naming the file, the field and the byte where something is wrong
 */
export function readGGUFHeader(
  bytes: Uint8Array,
  file: string = "GGUF file",
  fileBytes: number = bytes.length,
): GGUFHeader {
  const reader = new HeaderReader(bytes, file, fileBytes);
  const version = readVersion(reader, bytes);
  const tensorCount = reader.count("the number of tensors", TENSOR_BYTES);
  const entryCount = reader.count("the number of metadata entries", ENTRY_BYTES);
  const metadata = new Map<string, GGUFValue>();
  for (let i = 0; i < entryCount; i++) {
    reader.field = `key of metadata entry ${i}`;
    const start = reader.at;
    const key = reader.string();
    reader.field = `metadata ${describeValue(key)}`;
    if (metadata.has(key)) throw reader.broken("the key occurs twice", start);
    metadata.set(key, reader.value());
  }
  const alignment = readAlignment(metadata, reader);
  const tensors = readTensors(reader, tensorCount, alignment);
  const dataStart = Math.ceil(reader.at / alignment) * alignment;
  const places = tensors.map((info) => ({ ...info, begin: dataStart + info.begin, end: dataStart + info.end }));
  checkPlaces(places, reader, fileBytes);
  return { version, metadata, tensors: places, dataStart, alignment };
}

function readVersion(reader: HeaderReader, bytes: Uint8Array): number {
  const start = String.fromCharCode(...bytes.subarray(0, 24));
  if (start.startsWith("version https://git-lfs")) {
    throw reader.broken("this is a Git LFS pointer and not the file itself; fetch it with `git lfs pull`");
  }
  reader.skip(4);
  if (!start.startsWith("GGUF")) throw reader.broken(`not a GGUF file: it does not begin with "GGUF"`, 0);
  reader.field = "version";
  const version = reader.uint32();
  if (version === 2 || version === 3) return version;
  const bigEndian = version > 0 && version % 2 ** 24 === 0;
  const what = bigEndian
    ? "this file is big-endian; little-endian files"
    : `version ${version} is not supported; versions`;
  throw reader.broken(`${what} 2 and 3 are read`, 4);
}

function readAlignment(metadata: ReadonlyMap<string, GGUFValue>, reader: HeaderReader): number {
  const alignment = metadata.get("general.alignment") ?? DEFAULT_ALIGNMENT;
  const isPower = typeof alignment === "number" && alignment > 0 && (alignment & (alignment - 1)) === 0;
  if (isPower && alignment <= MAX_ALIGNMENT) return alignment;
  reader.field = `metadata "general.alignment"`;
  throw reader.broken(`must be a power of two, got ${describeValue(alignment)}`);
}

/** The directory of tensors; `begin` and `end` count from the beginning of the data. */
function readTensors(reader: HeaderReader, count: number, alignment: number): GGUFTensorInfo[] {
  const names = new Set<string>();
  return Array.from({ length: count }, (_, i) => {
    reader.field = `name of tensor ${i}`;
    const start = reader.at;
    const name = reader.string();
    reader.field = `tensor ${describeValue(name)}`;
    if (names.has(name)) throw reader.broken("the name occurs twice", start);
    names.add(name);
    const axes = reader.uint32();
    if (axes > MAX_AXES) throw reader.broken(`${axes} axes; at most ${MAX_AXES} are allowed`);
    const shape = Array.from({ length: axes }, () => reader.size()).reverse();
    const unsafe = shape.find((axis) => !Number.isSafeInteger(axis));
    if (unsafe !== undefined) throw reader.broken(`an axis of ${unsafe}`);
    const type = reader.uint32();
    const stored = GGML_TYPES.get(type);
    if (stored === undefined) throw reader.broken(`type ${type} is not known`);
    const rowItems = shape.at(-1) ?? 1;
    if (rowItems % stored.items !== 0) {
      throw reader.broken(`${stored.name} has blocks of ${stored.items}, which do not fill rows of ${rowItems}`);
    }
    const begin = reader.size();
    if (begin % alignment !== 0) throw reader.broken(`its offset ${begin} is not a multiple of ${alignment}`);
    const items = shape.reduce((product, axis) => product * axis, 1);
    return { name, shape, type, begin, end: begin + (items / stored.items) * stored.bytes };
  });
}

/** Tensors must lie inside the file and not in one another. */
function checkPlaces(tensors: readonly GGUFTensorInfo[], reader: HeaderReader, fileBytes: number): void {
  let covered = 0;
  for (const { name, begin, end } of [...tensors].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    reader.field = `tensor ${describeValue(name)}`;
    if (begin < covered) throw reader.broken(`overlaps another by ${covered - begin} bytes`, begin);
    if (end > fileBytes) throw reader.broken(`truncated: it ends at byte ${end}, the file at ${fileBytes}`, begin);
    covered = end;
  }
}

/** Reads one field after the other; it knows where it is for messages. */
class HeaderReader {
  /** The next byte. */
  at = 0;
  /** What is being read. */
  field = "start";
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #file: string;
  readonly #fileBytes: number;
  readonly #shared: boolean;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

  constructor(bytes: Uint8Array, file: string, fileBytes: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#file = file;
    this.#fileBytes = fileBytes;
    this.#shared = !(bytes.buffer instanceof ArrayBuffer);
  }

  /** The error for what is wrong at a byte, by default the next one. */
  broken(what: string, position: number = this.at, details: Record<string, unknown> = {}): FormatError {
    const { field } = this;
    return new FormatError(`${this.#file}: ${field}, byte ${position}: ${what}`, {
      file: this.#file,
      field,
      position,
      ...details,
    });
  }

  /** Passes over `count` bytes, or throws if they are not there; returns where they begin. */
  skip(count: number): number {
    const start = this.at;
    const needed = start + count;
    if (needed <= this.#bytes.length) {
      this.at = needed;
      return start;
    }
    if (needed <= this.#fileBytes) {
      const what = `the first ${needed} bytes of the file are needed, got ${this.#bytes.length}`;
      throw this.broken(what, start, { needed });
    }
    throw this.broken(`truncated: needs ${count} bytes, the file ends after ${this.#fileBytes - start}`, start);
  }

  uint32(): number {
    return this.#view.getUint32(this.skip(4), true);
  }

  /** A 64-bit size; one beyond 2^53 is no longer exact, and beyond every file. */
  size(): number {
    const start = this.skip(8);
    return this.#view.getUint32(start + 4, true) * 2 ** 32 + this.#view.getUint32(start, true);
  }

  /** How many things of at least `itemBytes` bytes follow; they must fit into the file. */
  count(field: string, itemBytes: number): number {
    this.field = field;
    const count = this.size();
    if (count * itemBytes <= this.#fileBytes - this.at) return count;
    throw this.broken(`${count} cannot be: ${this.#fileBytes - this.at} bytes follow`, this.at - 8, { count });
  }

  string(): string {
    const length = this.size();
    const start = this.skip(length);
    try {
      const { at } = this;
      // Shared memory cannot be decoded, only a copy of it.
      return this.#decoder.decode(this.#shared ? this.#bytes.slice(start, at) : this.#bytes.subarray(start, at));
    } catch {
      throw this.broken("the text is not valid UTF-8", start);
    }
  }

  value(): GGUFValue {
    const type = this.uint32();
    if (type === STRING) return this.string();
    if (type === BOOL) return this.#booleans(1)[0];
    if (type !== ARRAY) {
      const [number] = this.#numbers(type, 1);
      if (typeof number !== "bigint") return number;
      return BigInt.asIntN(54, number) === number ? Number(number) : number;
    }
    const itemType = this.uint32();
    if (itemType === ARRAY) throw this.broken("arrays of arrays are not supported", this.at - 4);
    const count = this.size();
    if (itemType === STRING) return this.#strings(count);
    return itemType === BOOL ? this.#booleans(count) : this.#numbers(itemType, count);
  }

  #numbers(type: number, count: number): Exclude<GGUFArray, readonly string[] | readonly boolean[]> {
    const Numbers = NUMBERS[type];
    if (Numbers === undefined) throw this.broken(`value type ${type} is not known`);
    const start = this.skip(count * Numbers.BYTES_PER_ELEMENT);
    return new Numbers(new Uint8Array(this.#bytes.subarray(start, this.at)).buffer);
  }

  #booleans(count: number): boolean[] {
    const start = this.skip(count);
    return Array.from(this.#bytes.subarray(start, this.at), (byte, i) => {
      if (byte > 1) throw this.broken(`a bool must be 0 or 1, got ${byte}`, start + i);
      return byte === 1;
    });
  }

  #strings(count: number): string[] {
    this.at = this.skip(count * 8); // each has its length at least
    const strings: string[] = [];
    for (let i = 0; i < count; i++) strings.push(this.string());
    return strings;
  }
}
