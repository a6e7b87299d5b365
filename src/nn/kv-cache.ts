/** Keys and values of the tokens seen so far, so that each new token costs one step and not a whole rereading. */
import { isRecorded } from "../autograd/graph.ts";
import type { ArrayMemory } from "../backend/backend.ts";
import { backendMemory } from "../backend/current.ts";
import { ConfigError, ShapeError, checkInteger } from "../errors.ts";
import { formatShape, sameShape } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Sizes of a cache. */
export interface KVCacheSizes {
  /** Sequences side by side. */
  batch: number;
  /** Layers that keep keys and values. */
  nLayers: number;
  /** Key/value heads of each layer. */
  nKvHeads: number;
  /** Width of one head. */
  headDim: number;
  /** The greatest number of tokens it may hold. */
  maxLength: number;
}

/** Rows that a new cache has room for; it doubles when they are full. */
const FIRST_ROWS = 64;

/**
 * The cache of one or several sequences of equal length. `append` is what attention layers call; `reorder` and
 * `rewind` are for whoever decodes.
 */
export class KVCache {
  readonly #sizes: Omit<KVCacheSizes, "batch">;
  #batch: number;
  #length = 0;
  #rows: number;
  /** For each layer [batch, nKvHeads, rows, headDim], in the backend's memory. */
  readonly #keys: Tensor[];
  readonly #values: Tensor[];
  /** The backend's memory that everything lies in, as far as there was room. */
  #home: ArrayMemory | null = null;

  constructor({ batch, nLayers, nKvHeads, headDim, maxLength }: KVCacheSizes) {
    for (const [name, size] of Object.entries({ batch, nLayers, nKvHeads, headDim, maxLength }))
      checkInteger("KVCache", name, size, 1);
    this.#sizes = { nLayers, nKvHeads, headDim, maxLength };
    this.#batch = batch;
    this.#rows = Math.min(FIRST_ROWS, maxLength);
    const make = (): Tensor[] => Array.from({ length: nLayers }, () => this.#allocate());
    this.#keys = make();
    this.#values = make();
    for (const all of [...this.#keys, ...this.#values]) all.data.fill(0);
  }

  /** Tokens held for each sequence. */
  get length(): number {
    return this.#length;
  }

  /** Number of sequences. */
  get batch(): number {
    return this.#batch;
  }

  /** Number of layers. */
  get nLayers(): number {
    return this.#sizes.nLayers;
  }

  /** The greatest number of tokens it may hold. */
  get maxLength(): number {
    return this.#sizes.maxLength;
  }

  /**
   * Writes a layer's keys and values behind the tokens held. All layers append before `advance` counts the tokens.
   *
   * @param keys [batch, nKvHeads, seq, headDim]
   * @param values as keys
   * @returns all keys and values [batch, nKvHeads, rows, headDim], of whose rows the first `keyLen` are filled; they are
   * the cache's own and good until it next makes room or is reordered
   * @throws ShapeError for another layer or other sizes than its own, or more tokens than fit; ConfigError for keys and
   * values that are recorded for `backward`, since what comes back has no graph
   */
  append(layer: number, keys: Tensor, values: Tensor): { keys: Tensor; values: Tensor; keyLen: number } {
    const { nLayers, nKvHeads, headDim, maxLength } = this.#sizes;
    const seq = keys.shape[2];
    const keyLen = this.#length + seq;
    if (!Number.isInteger(layer) || layer < 0 || layer >= nLayers)
      throw new ShapeError(`KVCache: holds ${nLayers} layers, counted from 0, got layer ${layer}`, { nLayers, layer });
    if (!sameShape(keys.shape, [this.#batch, nKvHeads, seq, headDim]) || !sameShape(keys.shape, values.shape)) {
      const expected = `[${this.#batch}, ${nKvHeads}, seq, ${headDim}]`;
      throw new ShapeError(
        `KVCache: holds ${expected}, got keys ${formatShape(keys.shape)} and values ${formatShape(values.shape)}`,
        { batch: this.#batch, keys: keys.shape, values: values.shape },
      );
    }
    if (keyLen > maxLength) {
      throw new ShapeError(
        `KVCache: ${this.#length} tokens are held and ${seq} more exceed its ${maxLength}; rewind it or make a new one`,
        { length: this.#length, seq, maxLength },
      );
    }
    if (isRecorded([keys, values]))
      throw new ConfigError("KVCache: keeps no graph, so gradients would be lost; wrap the forward pass in noGrad");
    this.reserve(seq);
    const [allKeys, allValues] = [this.#keys[layer], this.#values[layer]];
    copyRows(allKeys.data, this.#rows, this.#length, keys.data, seq, seq, headDim);
    copyRows(allValues.data, this.#rows, this.#length, values.data, seq, seq, headDim);
    return { keys: allKeys, values: allValues, keyLen };
  }

  /**
   * Makes room for `seq` more tokens, as far as `maxLength` allows. `append` does so too, but before anything else is
   * computed there is more room to be had in the backend's memory.
   */
  reserve(seq: number): void {
    this.#settle();
    const { maxLength, headDim } = this.#sizes;
    const needed = Math.min(maxLength, this.#length + seq);
    if (needed <= this.#rows) return;
    const before = this.#rows;
    this.#rows = Math.min(maxLength, Math.max(needed, 2 * before));
    // Layers that were appended to before `advance` hold rows beyond #length: all are copied.
    this.#replaceEach((next, { data }) => copyRows(next.fill(0), this.#rows, 0, data, before, before, headDim));
  }

  /** Moves everything into the memory of the backend that will work on it. */
  #settle(): void {
    const memory = backendMemory();
    if (memory === this.#home) return;
    const idle = memory.mark() === 0;
    const missing = [...this.#keys, ...this.#values].filter((all) => !all.moveInto(memory));
    if (missing.length === 0 || idle) this.#home = memory; // else there may be more room when nothing is lent
  }

  /** Counts `seq` more tokens, after every layer has appended theirs. */
  advance(seq: number): void {
    checkInteger("KVCache.advance", "seq", seq, 0, this.maxLength - this.#length);
    this.#length += seq;
  }

  /** Forgets all tokens from `length` on. */
  rewind(length: number): void {
    checkInteger("KVCache.rewind", "length", length, 0, this.#length);
    this.#length = length;
  }

  /**
   * Keeps the sequences that `order` names, in that order; one may be named several times or not at all. Beam search
   * moves its hypotheses with it, and one prompt becomes many by `reorder([0, 0, 0])`.
   */
  reorder(order: readonly number[]): void {
    for (const row of order) checkInteger("KVCache.reorder", "order", row, 0, this.#batch - 1);
    if (order.length === 0) throw new ConfigError("KVCache.reorder: order must name at least one sequence");
    if (order.length === this.#batch && order.every((row, i) => row === i)) return;
    const stride = this.#keys[0].size / this.#batch;
    this.#batch = order.length;
    this.#replaceEach((next, { data }) =>
      order.forEach((row, i) => next.set(data.subarray(row * stride, (row + 1) * stride), i * stride)),
    );
  }

  /** Gives the memory back at once, which otherwise waits for the garbage collector; using the cache afterwards throws. */
  dispose(): void {
    for (const all of [...this.#keys, ...this.#values]) all.release();
  }

  #allocate(): Tensor {
    const { nKvHeads, headDim } = this.#sizes;
    return Tensor.pinned([this.#batch, nKvHeads, this.#rows, headDim]);
  }

  /** Replaces array by array, so that never all of them exist twice. */
  #replaceEach(copy: (next: Float32Array, before: Tensor) => void): void {
    for (const arrays of [this.#keys, this.#values]) {
      arrays.forEach((before, layer) => {
        const next = this.#allocate();
        copy(next.data, before);
        arrays[layer] = next;
        before.release();
      });
    }
  }
}

/** For every head: copies the first `count` rows of `from` [heads, fromRows, width] to row `toStart` on of `to` [heads, toRows, width]. */
function copyRows(
  to: Float32Array,
  toRows: number,
  toStart: number,
  from: Float32Array,
  fromRows: number,
  count: number,
  width: number,
): void {
  const heads = from.length / (fromRows * width);
  for (let head = 0; head < heads; head++) {
    const start = head * fromRows * width;
    to.set(from.subarray(start, start + count * width), (head * toRows + toStart) * width);
  }
}
