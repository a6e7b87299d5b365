/**
 * The linear memory of the kernels: a heap of blocks, some of them pinned for a caller, the others slabs of the arena that
 * lends arrays for the length of a scope.
 *
 * Shared memory grows in place and old views stay good. When unshared memory grows, every view of it becomes empty; so
 * it grows only while nothing is lent, and pinned arrays are looked up again through their `Block`.
 */
import type { ArrayMemory, Block } from "../backend.ts";

const PAGE = 65536;
/** Addresses are multiples of this: whole vectors, and cache lines that belong to one thread. */
export const ALIGNMENT = 64;
/** The first bytes belong to the backend itself: arguments and what threads tell each other. */
export const RESERVED_BYTES = 4096;
/** Bytes of the arena's first slab. */
const FIRST_SLAB = 1 << 20;
/** What engines may grant; the first that they do is taken. 65,536 pages are 4 GiB, all that 32-bit addresses reach. */
const MAXIMUM_PAGES = [65536, 32768, 16384, 8192, 4096];

/** The smallest multiple of `unit` from `bytes` on. */
export const roundUp = (bytes: number, unit: number): number => Math.ceil(bytes / unit) * unit;

/** A free range of the heap. */
interface Gap {
  address: number;
  bytes: number;
}

/** Position in the arena: how many slabs are full, and how far the next one is used. */
interface Slab {
  readonly address: number;
  readonly bytes: number;
  used: number;
}

/** Memory that arrays and kernels share. */
export class LinearMemory implements ArrayMemory {
  readonly memory: WebAssembly.Memory;
  readonly shared: boolean;
  #gaps: Gap[] = [];
  /** How far the heap reaches. */
  #end: number = RESERVED_BYTES;
  readonly #slabs: Slab[] = [];
  /** The slab that lends now. */
  #slab = 0;
  /** Bytes lent, and asked for in vain, since the arena was empty. */
  #demand = 0;
  #buffers = new WeakSet<ArrayBufferLike>();
  readonly #forgotten: FinalizationRegistry<Gap>;

  constructor(shared: boolean) {
    this.shared = shared;
    this.memory = createMemory(shared);
    this.#buffers.add(this.memory.buffer);
    this.#forgotten = new FinalizationRegistry((gap) => this.#free(gap));
  }

  /** Bytes of the whole memory. */
  get bytes(): number {
    return this.memory.buffer.byteLength;
  }

  /** Whether an array lies here, so that kernels can work on it in place. */
  holds(array: ArrayBufferView): boolean {
    return this.#buffers.has(array.buffer);
  }

  /** The state of the arena, for `giveBack`. */
  mark(): number {
    return this.#slab * 2 ** 33 + (this.#slabs[this.#slab]?.used ?? 0);
  }

  /** An array until the next `giveBack` of an earlier mark; an ordinary one if memory has run out. */
  lend(size: number): Float32Array {
    const address = this.lendBytes(4 * size);
    return address === 0 ? new Float32Array(size) : new Float32Array(this.memory.buffer, address, size);
  }

  /** The address of so many bytes, until the next `giveBack`; 0 if memory has run out. */
  lendBytes(bytes: number): number {
    const needed = roundUp(bytes, ALIGNMENT);
    this.#demand += needed;
    for (; this.#slab < this.#slabs.length; this.#slab++) {
      const slab = this.#slabs[this.#slab];
      if (slab.used + needed <= slab.bytes) {
        slab.used += needed;
        return slab.address + slab.used - needed;
      }
    }
    const last = this.#slabs.at(-1)?.bytes ?? 0;
    for (const wanted of [Math.max(needed, this.#demand, 2 * last, FIRST_SLAB), needed]) {
      const address = this.#allocate(wanted);
      if (address === 0) continue;
      this.#slabs.push({ address, bytes: wanted, used: needed });
      return address;
    }
    this.#slab = Math.max(0, this.#slabs.length - 1);
    return 0;
  }

  /** Takes back everything lent since `mark`. */
  giveBack(mark: number): void {
    this.#slab = Math.floor(mark / 2 ** 33);
    for (let i = this.#slab + 1; i < this.#slabs.length; i++) this.#slabs[i].used = 0;
    const slab = this.#slabs[this.#slab];
    if (slab !== undefined) slab.used = mark % 2 ** 33;
    if (mark === 0) this.#settle();
  }

  /** The arena is empty: one slab shall hold next time what needed several, or did not fit. */
  #settle(): void {
    const capacity = this.#slabs.length === 1 ? this.#slabs[0].bytes : 0;
    if (this.#demand > capacity) {
      const wanted = this.#demand;
      for (const { address, bytes } of this.#slabs.splice(0)) this.#free({ address, bytes });
      const address = this.#allocate(wanted);
      if (address !== 0) this.#slabs.push({ address, bytes: wanted, used: 0 });
    }
    this.#demand = 0;
  }

  /** An array that stays until it is released; undefined if there is no room. */
  pin(size: number): Block | undefined {
    const bytes = roundUp(Math.max(4 * size, 4), ALIGNMENT);
    const address = this.#allocate(bytes);
    return address === 0
      ? undefined
      : new PinnedBlock(this, this.#forgotten, { address, bytes }, size, (gap) => this.#free(gap));
  }

  /** First fit. */
  #allocate(bytes: number): number {
    const needed = roundUp(bytes, ALIGNMENT);
    const place = this.#gaps.findIndex((gap) => gap.bytes >= needed);
    if (place >= 0) {
      const gap = this.#gaps[place];
      const { address } = gap;
      gap.address += needed;
      gap.bytes -= needed;
      if (gap.bytes === 0) this.#gaps.splice(place, 1);
      return address;
    }
    if (!this.#reach(this.#end + needed)) return 0;
    this.#end += needed;
    return this.#end - needed;
  }

  #free(freed: Gap): void {
    const after = this.#gaps.findIndex(({ address }) => address > freed.address);
    this.#gaps.splice(after < 0 ? this.#gaps.length : after, 0, { ...freed });
    const merged: Gap[] = [];
    for (const gap of this.#gaps) {
      const before = merged.at(-1);
      if (before !== undefined && before.address + before.bytes === gap.address) before.bytes += gap.bytes;
      else merged.push(gap);
    }
    const last = merged.at(-1);
    if (last !== undefined && last.address + last.bytes === this.#end) {
      this.#end = last.address;
      merged.pop();
    }
    this.#gaps = merged;
  }

  /** Grows the memory, if need be, until it has `end` bytes. */
  #reach(end: number): boolean {
    const missing = end - this.bytes;
    if (missing <= 0) return true;
    const lending = this.#slabs.some(({ used }) => used > 0);
    if (!this.shared && lending) return false;
    // An eighth more than needed, so that many small arrays do not grow it as many times.
    for (const bytes of [missing + this.bytes / 8, missing]) {
      try {
        this.memory.grow(Math.ceil(bytes / PAGE));
        this.#buffers.add(this.memory.buffer);
        return true;
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
      }
    }
    return false;
  }
}

/** A pinned array. Released by hand, or when nobody holds it or its array any more. */
class PinnedBlock implements Block {
  readonly #home: LinearMemory;
  readonly #forgotten: FinalizationRegistry<Gap>;
  readonly #place: Gap;
  readonly #size: number;
  readonly #free: (place: Gap) => void;
  #array: Float32Array | null = null;

  constructor(
    home: LinearMemory,
    forgotten: FinalizationRegistry<Gap>,
    place: Gap,
    size: number,
    free: (place: Gap) => void,
  ) {
    this.#home = home;
    this.#forgotten = forgotten;
    this.#place = place;
    this.#size = size;
    this.#free = free;
    this.#view();
  }

  get data(): Float32Array {
    if (this.#array === null) throw new TypeError("Block: read after release");
    return this.#array.length === this.#size ? this.#array : this.#view();
  }

  /** The array, anew where growth has emptied the old one. */
  #view(): Float32Array {
    this.#forgotten.unregister(this);
    this.#array = new Float32Array(this.#home.memory.buffer, this.#place.address, this.#size);
    this.#forgotten.register(this.#array, this.#place, this);
    return this.#array;
  }

  release(): void {
    if (this.#array === null) return;
    this.#array = null;
    this.#forgotten.unregister(this);
    this.#free(this.#place);
  }
}

/** The largest memory that the engine grants, empty for now. */
function createMemory(shared: boolean): WebAssembly.Memory {
  if (!shared) return new WebAssembly.Memory({ initial: 1 });
  for (const maximum of MAXIMUM_PAGES) {
    try {
      return new WebAssembly.Memory({ initial: 1, maximum, shared });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }
  throw new RangeError("no shared memory of 256 MiB is to be had");
}
