/**
 * The linear memory of the kernels: a heap of blocks, some of them pinned for a caller, the others slabs of the arena that
 * lends arrays for the length of a scope.
 *
 * Shared memory grows in place and old views stay good. When unshared memory grows, every view of it becomes empty. So it
 * never grows while something is lent, and where something is pinned only in `pin` and `settle`: no operation loses an
 * array that it has just asked for, and between operations pinned arrays are looked up again through their `Block`. What
 * does not fit meanwhile is lent as an ordinary array.
 */
import { DisposedError } from "../../errors.ts";
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

/** A block of the arena. */
interface Slab {
  readonly address: number;
  readonly bytes: number;
  used: number;
}

/** A place in the arena: the slab that lends, how far it is used, and how much is in use altogether. */
interface Position {
  readonly slab: number;
  readonly used: number;
  readonly inUse: number;
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
  /** For everything lent, how things stood before. */
  readonly #lent: Position[] = [];
  /** Bytes lent now, those of ordinary arrays included. */
  #inUse = 0;
  /** The most that was in use since the arena was empty. */
  #peak = 0;
  /** The greatest peak that the arena could not meet with a single slab. */
  #wanted = 0;
  /** Number of blocks that callers hold. */
  #pinned = 0;
  #buffers = new WeakSet<ArrayBufferLike>();
  readonly #forgotten: FinalizationRegistry<Gap>;

  /** @param maximum the most pages of 64 KiB that it may have */
  constructor(shared: boolean, maximum: number = MAXIMUM_PAGES[0]) {
    this.shared = shared;
    this.memory = createMemory(shared, maximum);
    this.#buffers.add(this.memory.buffer);
    this.#forgotten = new FinalizationRegistry((place) => this.#unpin(place));
  }

  /** Bytes of the whole memory. */
  get bytes(): number {
    return this.memory.buffer.byteLength;
  }

  /** The most bytes that were lent at once since nothing was. */
  get peak(): number {
    return this.#peak;
  }

  /** Whether an array lies here, so that kernels can work on it in place. */
  holds(array: ArrayBufferView): boolean {
    return this.#buffers.has(array.buffer);
  }

  /** An array at an address. Engines put a new buffer in place of the old one whenever any shared memory grows, another one too. */
  view(address: number, size: number): Float32Array {
    const { buffer } = this.memory;
    this.#buffers.add(buffer);
    return new Float32Array(buffer, address, size);
  }

  /** How much is lent, for `giveBack`; 0 for nothing. */
  mark(): number {
    return this.#lent.length;
  }

  /** An array until the next `giveBack` of an earlier mark; an ordinary one if memory has run out. */
  lend(size: number): Float32Array {
    const address = this.lendBytes(4 * size);
    if (address > 0) return this.view(address, size);
    const array = new Float32Array(size);
    this.#note(roundUp(4 * size, ALIGNMENT)); // the next time there shall be room for it beside the others
    return array;
  }

  /** The address of so many bytes, until the next `giveBack`; 0 if memory has run out. */
  lendBytes(bytes: number): number {
    const needed = roundUp(bytes, ALIGNMENT);
    let at = this.#slab;
    while (at < this.#slabs.length && this.#slabs[at].used + needed > this.#slabs[at].bytes) at++;
    if (at === this.#slabs.length && !this.#addSlab(needed)) {
      this.#wanted = Math.max(this.#wanted, this.#inUse + needed);
      return 0;
    }
    this.#note(needed);
    this.#slab = at;
    const slab = this.#slabs[at];
    slab.used += needed;
    return slab.address + slab.used - needed;
  }

  #note(bytes: number): void {
    this.#lent.push({ slab: this.#slab, used: this.#slabs[this.#slab]?.used ?? 0, inUse: this.#inUse });
    this.#inUse += bytes;
    this.#peak = Math.max(this.#peak, this.#inUse);
  }

  #addSlab(needed: number): boolean {
    const last = this.#slabs.at(-1)?.bytes ?? 0;
    const mayGrow = this.shared || (this.#pinned === 0 && !this.#isLending());
    for (const bytes of [Math.max(this.#inUse + needed, 2 * last, FIRST_SLAB), needed]) {
      const address = this.#allocate(bytes, mayGrow);
      if (address === 0) continue;
      this.#slabs.push({ address, bytes, used: 0 });
      return true;
    }
    return false;
  }

  /** Takes back everything lent since `mark`. */
  giveBack(mark: number): void {
    const position = this.#lent.at(mark);
    if (position === undefined) return;
    this.#lent.length = mark;
    this.#inUse = position.inUse;
    this.#slab = Math.min(position.slab, this.#slabs.length);
    this.#slabs.forEach((slab, i) => {
      if (i >= position.slab) slab.used = i === position.slab ? position.used : 0;
    });
    if (mark > 0) return;
    const capacity = this.#slabs.length === 1 ? this.#slabs[0].bytes : 0;
    if (this.#peak > capacity) this.#wanted = Math.max(this.#wanted, this.#peak);
    this.#peak = 0;
    if (this.shared) this.settle();
  }

  /** Where the arena is empty, one slab shall hold from now on what needed several, or did not fit. */
  settle(): void {
    if (this.#wanted === 0 || this.#isLending()) return;
    this.#freeSlabs();
    const bytes = this.#wanted;
    this.#wanted = 0;
    const address = this.#allocate(bytes, true);
    if (address !== 0) this.#slabs.push({ address, bytes, used: 0 });
  }

  #isLending(): boolean {
    return this.#slabs.some(({ used }) => used > 0);
  }

  #freeSlabs(): void {
    for (const slab of this.#slabs.splice(0)) this.#free(slab);
    this.#slab = 0;
  }

  /** An array that stays until it is released; undefined if there is no room. */
  pin(size: number): Block | undefined {
    const bytes = roundUp(Math.max(4 * size, 4), ALIGNMENT);
    const lending = this.#isLending();
    let address = this.#allocate(bytes, this.shared || !lending);
    if (address === 0 && !lending) {
      this.#freeSlabs(); // what stays is worth more than an empty arena
      address = this.#allocate(bytes, true);
    }
    if (address === 0) return undefined;
    this.#pinned++;
    return new PinnedBlock(this, this.#forgotten, { address, bytes }, size, (place) => this.#unpin(place));
  }

  #unpin(place: Gap): void {
    this.#pinned--;
    this.#free(place);
  }

  /** First fit. 0 if there is no room. */
  #allocate(bytes: number, mayGrow: boolean): number {
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
    if (!this.#reach(this.#end + needed, mayGrow)) return 0;
    this.#end += needed;
    return this.#end - needed;
  }

  #free({ address, bytes }: Readonly<Gap>): void {
    if (bytes === 0) return; // a gap of nothing would keep its neighbours apart
    const after = this.#gaps.findIndex((gap) => gap.address > address);
    this.#gaps.splice(after < 0 ? this.#gaps.length : after, 0, { address, bytes });
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

  /** Grows the memory, if need be and if it may, until it has `end` bytes. */
  #reach(end: number, mayGrow: boolean): boolean {
    const missing = end - this.bytes;
    if (missing <= 0) return true;
    if (!mayGrow || end > MAXIMUM_PAGES[0] * PAGE) return false;
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
    if (this.#array === null) throw new DisposedError("Block: read after release");
    return this.#array.length === this.#size ? this.#array : this.#view();
  }

  /** The array, anew where growth has emptied the old one. */
  #view(): Float32Array {
    this.#forgotten.unregister(this);
    this.#array = this.#home.view(this.#place.address, this.#size);
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
function createMemory(shared: boolean, most: number): WebAssembly.Memory {
  if (!shared) return new WebAssembly.Memory({ initial: 1, maximum: most });
  let refusal: unknown;
  for (const maximum of MAXIMUM_PAGES) {
    try {
      return new WebAssembly.Memory({ initial: 1, maximum: Math.min(maximum, most), shared });
    } catch (error) {
      refusal = error;
      if (!(error instanceof RangeError)) throw error;
    }
  }
  throw refusal;
}
