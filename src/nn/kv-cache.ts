/** Keys and values of the tokens seen so far, so that each new token costs one step and not a whole rereading. */
import { isRecorded } from "../autograd/graph.ts";
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
  /** For each layer [batch, nKvHeads, rows, headDim]. */
  #keys: Float32Array[];
  #values: Float32Array[];

  constructor({ batch, nLayers, nKvHeads, headDim, maxLength }: KVCacheSizes) {
    for (const [name, size] of Object.entries({ batch, nLayers, nKvHeads, headDim, maxLength }))
      checkInteger("KVCache", name, size, 1);
    this.#sizes = { nLayers, nKvHeads, headDim, maxLength };
    this.#batch = batch;
    this.#rows = Math.min(FIRST_ROWS, maxLength);
    this.#keys = this.#allocate();
    this.#values = this.#allocate();
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
   * @returns all keys and values [batch, nKvHeads, rows, headDim], of whose rows the first `keyLen` are filled
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
    if (keyLen > this.#rows) this.#resize(Math.min(maxLength, Math.max(keyLen, 2 * this.#rows)));
    copyRows(this.#keys[layer], this.#rows, this.#length, keys.data, seq, 0, seq, headDim);
    copyRows(this.#values[layer], this.#rows, this.#length, values.data, seq, 0, seq, headDim);
    const shape = [this.#batch, nKvHeads, this.#rows, headDim];
    return { keys: new Tensor(this.#keys[layer], shape), values: new Tensor(this.#values[layer], shape), keyLen };
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
    const { nKvHeads, headDim } = this.#sizes;
    const stride = nKvHeads * this.#rows * headDim;
    const gather = (source: Float32Array): Float32Array => {
      const out = new Float32Array(order.length * stride);
      order.forEach((row, i) => {
        const from = source.subarray(row * stride, (row + 1) * stride);
        copyRows(out.subarray(i * stride, (i + 1) * stride), this.#rows, 0, from, this.#rows, 0, this.#length, headDim);
      });
      return out;
    };
    this.#keys = this.#keys.map(gather);
    this.#values = this.#values.map(gather);
    this.#batch = order.length;
  }

  #allocate(): Float32Array[] {
    const { nLayers, nKvHeads, headDim } = this.#sizes;
    return Array.from({ length: nLayers }, () => new Float32Array(this.#batch * nKvHeads * this.#rows * headDim));
  }

  #resize(rows: number): void {
    const before = { keys: this.#keys, values: this.#values, rows: this.#rows };
    this.#rows = rows;
    this.#keys = this.#allocate();
    this.#values = this.#allocate();
    // Layers before the one that triggered this have already written rows beyond #length: copy all there were.
    const { headDim } = this.#sizes;
    this.#keys.forEach((target, layer) =>
      copyRows(target, rows, 0, before.keys[layer], before.rows, 0, before.rows, headDim),
    );
    this.#values.forEach((target, layer) =>
      copyRows(target, rows, 0, before.values[layer], before.rows, 0, before.rows, headDim),
    );
  }
}

/** For every head: copies `count` rows from row `fromStart` of `from` [heads, fromRows, width] to row `toStart` of `to` [heads, toRows, width]. */
function copyRows(
  to: Float32Array,
  toRows: number,
  toStart: number,
  from: Float32Array,
  fromRows: number,
  fromStart: number,
  count: number,
  width: number,
): void {
  const heads = from.length / (fromRows * width);
  for (let head = 0; head < heads; head++) {
    const start = (head * fromRows + fromStart) * width;
    to.set(from.subarray(start, start + count * width), (head * toRows + toStart) * width);
  }
}
