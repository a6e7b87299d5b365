/**
 * The header of a safetensors file (github.com/huggingface/safetensors, "Format"): 8 bytes with the length N of the header,
 * N bytes of JSON that name every tensor with its type, shape and place, then the numbers. Nothing in it is believed:
 * every count is checked against the size of the file before anything is read or allocated by it.
 */
import { FormatError, describeValue } from "../errors.ts";

/** Bytes of one number of each type that is read. */
export const ITEM_BYTES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  I64: 8,
  U64: 8,
  F64: 8,
} as const;

/** A type of number in a file. */
export type DType = keyof typeof ITEM_BYTES;

/** Where a tensor lies in its file. */
export interface TensorPlace {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** First byte, from the beginning of the file. */
  readonly begin: number;
  /** One past the last byte. */
  readonly end: number;
}

/** What a header says, all of it checked. */
export interface SafetensorsHeader {
  /** Free texts by name, from "__metadata__"; {} where there is none. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Tensors in the order of their data. */
  readonly tensors: ReadonlyMap<string, TensorPlace>;
}

/** The reference implementation's limit. */
const MAX_HEADER_BYTES = 100_000_000;

/** Bytes before the header. */
const LENGTH_BYTES = 8;

/**
 * Reads and checks a header.
 *
 * @param head the beginning of the file, at least up to the end of the header
 * @param fileBytes size of the whole file
 * @param file the file's name, for messages
 * @throws FormatError saying what is wrong and where
 */
export function parseHeader(head: Uint8Array, fileBytes: number, file: string): SafetensorsHeader {
  const dataBegin = headerEnd(head, fileBytes, file);
  const json = decodeHeader(head.slice(LENGTH_BYTES, dataBegin), file);
  const object = parseObject(json, file);
  const names = topLevelKeys(json);
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw broken(file, `the header names ${describeValue(name)} twice`, { tensor: name });
    seen.add(name);
  }
  const places = names
    .filter((name) => name !== "__metadata__")
    .map((name) => readPlace(name, object[name], dataBegin, file));
  places.sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  checkCoverage(places, dataBegin, fileBytes, file);
  return {
    metadata: readMetadata(Object.hasOwn(object, "__metadata__") ? object.__metadata__ : {}, file),
    tensors: new Map(places),
  };
}

/**
 * How many bytes of a file its header takes, with the 8 before it.
 *
 * @param head the beginning of the file, at least 8 bytes
 * @throws FormatError if it is no safetensors file, or shorter than its header
 */
export function headerEnd(head: Uint8Array, fileBytes: number, file: string): number {
  if (fileBytes < LENGTH_BYTES || head.length < LENGTH_BYTES) {
    throw broken(
      file,
      `truncated: a safetensors file begins with ${LENGTH_BYTES} bytes of header length, this one ends after ${Math.min(fileBytes, head.length)}`,
    );
  }
  const start = String.fromCharCode(...head.subarray(0, 24));
  if (start.startsWith("version https://git-lfs")) {
    throw broken(file, "this is a Git LFS pointer and not the file itself; fetch it with `git lfs pull`");
  }
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const length = view.getUint32(4, true) * 2 ** 32 + view.getUint32(0, true);
  if (length > MAX_HEADER_BYTES) {
    throw broken(
      file,
      `not a safetensors file: its first 8 bytes announce a header of ${length} bytes, at most ${MAX_HEADER_BYTES} are allowed`,
      { length },
    );
  }
  const missing = LENGTH_BYTES + length - fileBytes;
  if (missing > 0)
    throw broken(file, `truncated: the header has ${length} bytes, of which ${missing} are missing`, { missing });
  return LENGTH_BYTES + length;
}

function decodeHeader(bytes: Uint8Array, file: string): string {
  if (bytes[0] !== 0x7b) throw broken(file, `not a safetensors file: its header does not begin with "{"`);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw broken(file, "the header is not valid UTF-8");
  }
}

function parseObject(json: string, file: string): Record<string, unknown> {
  try {
    return JSON.parse(json) as Record<string, unknown>; // it begins with "{", so it is an object
  } catch (cause) {
    throw broken(file, `the header is not valid JSON: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

/**
 * The keys of a JSON object in the order of the text. `JSON.parse` would hide a name that occurs twice and moves names
 * such as "0" to the front. `json` is valid JSON.
 */
function topLevelKeys(json: string): string[] {
  const keys: string[] = [];
  let depth = 0;
  let expectsKey = false;
  for (let i = 0; i < json.length; i++) {
    const char = json[i];
    if (char === "{" || char === "[") depth++;
    else if (char === "}" || char === "]") depth--;
    if (depth === 1 && (char === "{" || char === ",")) expectsKey = true;
    if (char !== '"') continue;
    const start = i;
    for (i++; json[i] !== '"'; i++) if (json[i] === "\\") i++;
    if (depth === 1 && expectsKey) keys.push(JSON.parse(json.slice(start, i + 1)) as string);
    expectsKey = false;
  }
  return keys;
}

function readPlace(name: string, entry: unknown, dataBegin: number, file: string): [string, TensorPlace] {
  const wrong = (what: string): FormatError => broken(file, `tensor ${describeValue(name)}: ${what}`, { tensor: name });
  if (!isObject(entry)) throw wrong("its entry is not an object");
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== "string" || !Object.hasOwn(ITEM_BYTES, dtype)) {
    throw wrong(`dtype ${describeValue(dtype)} is not supported; supported: ${Object.keys(ITEM_BYTES).join(", ")}`);
  }
  if (!Array.isArray(shape) || !shape.every(isCount))
    throw wrong(`shape must be a list of whole numbers >= 0, got ${describeValue(shape)}`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount) || offsets[0] > offsets[1]) {
    throw wrong(`data_offsets must be [begin, end] with 0 <= begin <= end, got ${describeValue(offsets)}`);
  }
  const [begin, end] = offsets as [number, number];
  let needed: number = ITEM_BYTES[dtype as DType];
  for (const axis of shape as number[]) needed *= axis;
  if (needed !== end - begin) {
    throw wrong(
      `${dtype} ${describeValue(shape)} takes ${needed} bytes, but data_offsets ${describeValue(offsets)} hold ${end - begin}`,
    );
  }
  return [
    name,
    { dtype: dtype as DType, shape: Object.freeze(shape as number[]), begin: dataBegin + begin, end: dataBegin + end },
  ];
}

/** The tensors, sorted by place, must fill everything behind the header, without overlap and without holes. */
function checkCoverage(
  places: readonly [string, TensorPlace][],
  dataBegin: number,
  fileBytes: number,
  file: string,
): void {
  let covered = dataBegin;
  for (const [name, { begin, end }] of places) {
    if (begin < covered)
      throw broken(file, `tensor ${describeValue(name)} overlaps the one before it by ${covered - begin} bytes`, {
        tensor: name,
      });
    if (begin > covered)
      throw broken(file, `a hole of ${begin - covered} bytes lies before tensor ${describeValue(name)}`, {
        tensor: name,
      });
    covered = end;
  }
  const missing = covered - fileBytes;
  if (missing > 0) {
    const first = places.find(([, { end }]) => end > fileBytes)?.[0] ?? "";
    throw broken(file, `truncated: ${missing} bytes are missing, the first of them in tensor ${describeValue(first)}`, {
      missing,
      tensor: first,
    });
  }
  if (missing < 0) throw broken(file, `${-missing} bytes behind the last tensor belong to none`);
}

function readMetadata(metadata: unknown, file: string): Record<string, string> {
  if (!isObject(metadata) || !Object.values(metadata).every((value) => typeof value === "string")) {
    throw broken(file, `"__metadata__" must be an object of texts`);
  }
  return metadata as Record<string, string>;
}

function broken(file: string, what: string, details: Record<string, unknown> = {}): FormatError {
  return new FormatError(`${file}: ${what}`, { file, ...details });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
