/**
 * SHA-256 (FIPS 180-4), piece by piece. Browsers have it only on secure pages and only for a whole buffer at once, which
 * the files of models are too large for.
 */

/** Words of the hash state, and bytes of a block. */
const STATE_WORDS = 8;
const BLOCK_BYTES = 64;

/** The sum of the bytes that it is given, in pieces of any size. */
export class Sha256 {
  readonly #state: Int32Array = initialState();
  readonly #constants: Int32Array = roundConstants();
  readonly #schedule = new Int32Array(64);
  readonly #block = new Uint8Array(BLOCK_BYTES);
  #length = 0;

  /** Adds bytes at the end. */
  update(bytes: Uint8Array<ArrayBufferLike>): this {
    let at = 0;
    const held = this.#length % BLOCK_BYTES;
    this.#length += bytes.length;
    if (held > 0) {
      at = Math.min(BLOCK_BYTES - held, bytes.length);
      this.#block.set(bytes.subarray(0, at), held);
      if (held + at < BLOCK_BYTES) return this;
      this.#compress(this.#block, 0, BLOCK_BYTES);
    }
    const end = bytes.length - ((bytes.length - at) % BLOCK_BYTES);
    this.#compress(bytes, at, end);
    this.#block.set(bytes.subarray(end));
    return this;
  }

  /** The sum of everything as 64 hexadecimal digits. Nothing can be added afterwards. */
  hex(): string {
    const bits = this.#length * 8;
    // Section 5.1.1: a one bit, zeros, and the length in bits as 64-bit number, up to the end of a block.
    const padding = new Uint8Array(9 + ((BLOCK_BYTES * 2 - 9 - (this.#length % BLOCK_BYTES)) % BLOCK_BYTES));
    padding[0] = 0x80;
    const view = new DataView(padding.buffer);
    view.setUint32(padding.length - 8, Math.floor(bits / 2 ** 32));
    view.setUint32(padding.length - 4, bits);
    this.update(padding);
    return Array.from(this.#state, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
  }

  #compress(bytes: Uint8Array<ArrayBufferLike>, begin: number, end: number): void {
    for (let at = begin; at < end; at += BLOCK_BYTES) addBlock(this.#state, bytes, at, this.#constants, this.#schedule);
  }
}

/**
 * Section 6.2.2. One call for each block, and every sum cut to 32 bits at once: a single loop over all blocks with
 * sums of several terms runs at half the speed.
 */
function addBlock(
  state: Int32Array,
  bytes: Uint8Array<ArrayBufferLike>,
  begin: number,
  k: Int32Array,
  w: Int32Array,
): void {
  for (let t = 0, at = begin; t < 16; t++, at += 4)
    w[t] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
  for (let t = 16; t < 64; t++) {
    const x = w[t - 15];
    const y = w[t - 2];
    const sum0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const sum1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    w[t] = (((w[t - 16] + sum0) | 0) + ((w[t - 7] + sum1) | 0)) | 0;
  }
  let a = state[0];
  let b = state[1];
  let c = state[2];
  let d = state[3];
  let e = state[4];
  let f = state[5];
  let g = state[6];
  let h = state[7];
  for (let t = 0; t < 64; t++) {
    const sum1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const choice = g ^ (e & (f ^ g));
    const t1 = (((((h + sum1) | 0) + choice) | 0) + ((k[t] + w[t]) | 0)) | 0;
    const sum0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const majority = (a & b) | (c & (a | b));
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + ((sum0 + majority) | 0)) | 0;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
  state[5] += f;
  state[6] += g;
  state[7] += h;
}

/** The first 32 bits behind the point of the square roots of the first eight primes (section 5.3.3). */
function initialState(): Int32Array {
  return Int32Array.from(primes(STATE_WORDS), (prime) => fraction(prime ** (1 / 2)));
}

/** The same of the cube roots of the first 64 primes (section 4.2.2). A double has 15 bits more than are needed here. */
function roundConstants(): Int32Array {
  return Int32Array.from(primes(64), (prime) => fraction(prime ** (1 / 3)));
}

function fraction(x: number): number {
  return (x - Math.floor(x)) * 2 ** 32;
}

function primes(count: number): number[] {
  const found: number[] = [];
  for (let n = 2; found.length < count; n++) if (found.every((prime) => n % prime !== 0)) found.push(n);
  return found;
}

/** A sum that grows with each piece. */
export interface RunningSum {
  update(bytes: Uint8Array<ArrayBufferLike>): unknown;
  hex(): string;
}

/** The runtime's own SHA-256 where it takes pieces, as Node's does (ten times as fast), else the one above. */
export async function runningSum(): Promise<RunningSum> {
  try {
    const { createHash } = await import(/* webpackIgnore: true */ "node:crypto");
    const hash = createHash("sha256");
    return { update: (bytes) => hash.update(bytes), hex: () => hash.digest("hex") };
  } catch {
    return new Sha256();
  }
}
