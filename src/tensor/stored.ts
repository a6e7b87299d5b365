/**
 * Weight matrices kept smaller than 32-bit floats, in the forms in which files bring them: 16-bit floats, or blocks of 32
 * numbers of 8 or 4 bits with a common scale (GGML's Q8_0 and Q4_0). Kernels widen them on the way.
 */
import type { ArrayMemory, Block } from "../backend/backend.ts";
import { backendMemory, kernels } from "../backend/current.ts";
import { DisposedError, ShapeError } from "../errors.ts";
import { newArray } from "./scope.ts";
import { formatShape } from "./shape.ts";

/** Names of the forms. */
export type StoredType = "f16" | "bf16" | "q8_0" | "q4_0";

/** How numbers lie in a form: so many of them in a block of so many bytes. `code` is what kernels call the form. */
export interface StoredForm {
  readonly code: number;
  readonly blockSize: number;
  readonly blockBytes: number;
}

/** The forms by name. */
export const STORED_FORMS: Readonly<Record<StoredType, StoredForm>> = {
  f16: { code: 0, blockSize: 1, blockBytes: 2 },
  bf16: { code: 1, blockSize: 1, blockBytes: 2 },
  q8_0: { code: 2, blockSize: 32, blockBytes: 34 },
  q4_0: { code: 3, blockSize: 32, blockBytes: 18 },
};

/** Bytes of a row of `cols` numbers; no whole number unless they fill whole blocks. */
export function storedRowBytes(type: StoredType, cols: number): number {
  const { blockSize, blockBytes } = STORED_FORMS[type];
  return (cols / blockSize) * blockBytes;
}

/** Bytes that are looked at together. */
const CHUNK = 2 ** 16;

/** Whether all binary16 are finite: with an exponent of 31, the sum below reaches the place of the sign. Two at a time, for speed. */
function areFinite(halves: Uint8Array): boolean {
  for (let start = 0; start < halves.length; start += CHUNK) {
    const chunk = halves.subarray(start, start + CHUNK);
    const { buffer, byteOffset, length } = chunk.byteOffset % 4 === 0 ? chunk : new Uint8Array(chunk);
    const pairs = new Int32Array(buffer, byteOffset, length >> 2);
    let sums = length % 4 === 0 ? 0 : ((chunk[length - 1] & 0x7c) + 4) << 8;
    for (let i = 0; i < pairs.length; i++) sums |= (pairs[i] & 0x7c007c00) + 0x04000400;
    if ((sums & 0x80008000) !== 0) return false;
  }
  return true;
}

/** Whether the scales of all blocks are finite. */
function scalesAreFinite(blocks: Uint8Array, blockBytes: number): boolean {
  for (let at = 1; at < blocks.length; at += blockBytes) if ((blocks[at] & 0x7c) === 0x7c) return false;
  return true;
}

/** A matrix [rows, cols] in one of the forms; a row is a whole number of blocks. */
export class StoredMatrix {
  readonly type: StoredType;
  readonly shape: readonly [rows: number, cols: number];
  /** Bytes of a row. */
  readonly rowBytes: number;
  /** What kernels call the form. */
  readonly form: number;
  #bytes: Uint8Array | null;
  #home: { memory: ArrayMemory; block: Block } | null = null;
  #halvesAreFinite: boolean | undefined;

  /**
   * @param bytes row after row; they are used, not copied
   * @throws ShapeError if a row is not a whole number of blocks, or there are more or fewer bytes than the shape needs
   */
  constructor(type: StoredType, shape: readonly [rows: number, cols: number], bytes: Uint8Array) {
    const { blockSize, code } = STORED_FORMS[type];
    this.type = type;
    this.shape = shape;
    this.form = code;
    this.rowBytes = storedRowBytes(type, shape[1]);
    this.#bytes = bytes;
    if (shape[1] % blockSize !== 0 || bytes.length !== this.#size) {
      throw new ShapeError(
        `StoredMatrix: ${formatShape(shape)} as ${type} needs rows of whole blocks of ${blockSize} and ${this.#size} bytes, got ${bytes.length}`,
        { shape, type },
      );
    }
  }

  /**
   * A matrix of undefined content where the backend likes it to lie, or in an ordinary array where there is no room. Fill its
   * bytes before it is used.
   */
  static pinned(type: StoredType, shape: readonly [rows: number, cols: number]): StoredMatrix {
    const memory = backendMemory();
    const size = shape[0] * storedRowBytes(type, shape[1]);
    const block = memory.pin(Math.ceil(size / 4));
    const { buffer, byteOffset } = block?.data ?? newArray(Math.ceil(size / 4));
    const matrix = new StoredMatrix(type, shape, new Uint8Array(buffer, byteOffset, size));
    if (block !== undefined) matrix.#settle({ memory, block });
    return matrix;
  }

  get #size(): number {
    return this.shape[0] * this.rowBytes;
  }

  /**
   * The stored bytes. Ask anew instead of keeping them: they move when the model is put to work. From the first use on they must not
   * change.
   */
  get bytes(): Uint8Array {
    if (this.#home !== null) {
      const { data } = this.#home.block;
      return new Uint8Array(data.buffer, data.byteOffset, this.#size);
    }
    if (this.#bytes === null)
      throw new DisposedError("StoredMatrix: read after release; do not dispose its model yet", { shape: this.shape });
    return this.#bytes;
  }

  /** Whether all binary16 in it, numbers or scales of blocks, are finite: found out once. BF16 has none. */
  get halvesAreFinite(): boolean {
    this.#halvesAreFinite ??=
      this.type === "bf16" ||
      (this.type === "f16" ? areFinite(this.bytes) : scalesAreFinite(this.bytes, STORED_FORMS[this.type].blockBytes));
    return this.#halvesAreFinite;
  }

  /** The numbers as 32-bit floats, in an array of their own. */
  widened(): Float32Array {
    const [rows, cols] = this.shape;
    const out = newArray(rows * cols);
    kernels().widen(out, this.bytes, this.form, cols, 0, rows);
    return out;
  }

  /** Moves the bytes to where a backend likes them; whether they are there now. */
  moveInto(memory: ArrayMemory): boolean {
    if (this.#home?.memory === memory) return true;
    const { bytes } = this;
    const block = memory.pin(Math.ceil(bytes.length / 4));
    const before = this.#home?.block;
    if (block !== undefined) {
      this.#settle({ memory, block });
      this.bytes.set(bytes);
    } else if (this.#home !== null) {
      this.#home = null;
      this.#bytes = bytes.slice();
    }
    before?.release();
    return block !== undefined;
  }

  /** Gives the bytes up; reading them throws from now on. */
  release(): void {
    this.#home?.block.release();
    this.#home = null;
    this.#bytes = null;
  }

  #settle(home: { memory: ArrayMemory; block: Block }): void {
    this.#home = home;
    this.#bytes = null;
  }
}
