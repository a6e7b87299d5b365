/**
 * Writes GGUF files, version 3, with 32-bit numbers or bytes of any other type: what llama.cpp reads.
 * https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */

/** A value of the metadata; numbers say their type, because readers ask for one in particular. */
export type GGUFValue =
  | string
  | { uint32: number }
  | { float32: number }
  | { strings: readonly string[] }
  | { float32s: ArrayLike<number> }
  | { int32s: ArrayLike<number> };

/** A tensor: `shape` from the outermost axis to the innermost, as everywhere else. */
export interface GGUFTensor {
  name: string;
  shape: readonly number[];
  /** 32-bit numbers, or the bytes of another type. */
  data: Float32Array | Uint8Array;
  /** ggml's number of the type. Default: that of 32-bit numbers. */
  type?: number;
}

const VERSION = 3;
const TYPES = { uint32: 4, int32: 5, float32: 6, string: 8, array: 9 } as const;
/** Tensors begin at multiples of this; the format's default. */
const ALIGNMENT = 32;
/** ggml's number for 32-bit floating-point numbers. */
const F32 = 0;

const encoder = new TextEncoder();

/** Bytes that grow. */
class ByteWriter {
  #bytes = new Uint8Array(1024);
  #view = new DataView(this.#bytes.buffer);
  size = 0;

  uint32(value: number): void {
    const at = this.#advance(4);
    this.#view.setUint32(at, value, true);
  }

  int32(value: number): void {
    const at = this.#advance(4);
    this.#view.setInt32(at, value, true);
  }

  uint64(value: number): void {
    const at = this.#advance(8);
    this.#view.setBigUint64(at, BigInt(value), true);
  }

  float32(value: number): void {
    const at = this.#advance(4);
    this.#view.setFloat32(at, value, true);
  }

  raw(bytes: Uint8Array): void {
    const at = this.#advance(bytes.length);
    this.#bytes.set(bytes, at);
  }

  string(text: string): void {
    const bytes = encoder.encode(text);
    this.uint64(bytes.length);
    this.raw(bytes);
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.size);
  }

  /** Makes room and gives the place of it. Ask before touching the view, which may be replaced. */
  #advance(count: number): number {
    const at = this.size;
    this.size += count;
    if (this.size > this.#bytes.length) {
      const larger = new Uint8Array(2 * this.size);
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }
}

function writeList<T>(out: ByteWriter, type: number, list: ArrayLike<T>, write: (value: T) => void): void {
  out.uint32(TYPES.array);
  out.uint32(type);
  out.uint64(list.length);
  for (let i = 0; i < list.length; i++) write(list[i]);
}

function writeValue(out: ByteWriter, value: GGUFValue): void {
  if (typeof value === "string") {
    out.uint32(TYPES.string);
    out.string(value);
  } else if ("uint32" in value) {
    out.uint32(TYPES.uint32);
    out.uint32(value.uint32);
  } else if ("float32" in value) {
    out.uint32(TYPES.float32);
    out.float32(value.float32);
  } else if ("strings" in value) writeList(out, TYPES.string, value.strings, (each) => out.string(each));
  else if ("float32s" in value) writeList(out, TYPES.float32, value.float32s, (each) => out.float32(each));
  else writeList(out, TYPES.int32, value.int32s, (each) => out.int32(each));
}

function padding(size: number): number {
  return (ALIGNMENT - (size % ALIGNMENT)) % ALIGNMENT;
}

/** The whole file, in pieces: head and tensors with the gaps between them. The tensors are not copied. */
export function ggufParts(metadata: Readonly<Record<string, GGUFValue>>, tensors: readonly GGUFTensor[]): Uint8Array[] {
  const head = new ByteWriter();
  head.raw(encoder.encode("GGUF"));
  head.uint32(VERSION);
  head.uint64(tensors.length);
  head.uint64(Object.keys(metadata).length);
  for (const [key, value] of Object.entries(metadata)) {
    head.string(key);
    writeValue(head, value);
  }
  let offset = 0;
  for (const { name, shape, data, type = F32 } of tensors) {
    head.string(name);
    head.uint32(shape.length);
    for (const size of [...shape].reverse()) head.uint64(size); // the innermost axis first
    head.uint32(type);
    head.uint64(offset);
    offset += data.byteLength + padding(data.byteLength);
  }
  head.raw(new Uint8Array(padding(head.size)));
  return [
    head.finish(),
    ...tensors.flatMap(({ data }) => [
      new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
      new Uint8Array(padding(data.byteLength)),
    ]),
  ];
}
