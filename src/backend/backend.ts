/**
 * The kernel list: everything heed asks of a processor. A backend is an object that has these functions.
 *
 * **Convention.** Arguments come as outputs, inputs, integer sizes, scalars, then `begin, end`.
 * - The caller allocates every output; outputs and inputs never overlap.
 * - Arrays are contiguous and row-major. There is no shape logic inside: broadcasting, axes and strides were resolved by the caller.
 * - `begin, end` is a range over the outermost index named in the comment of each kernel. Callers pass the whole range;
 *   a backend with threads splits it. Any split gives the same bits: no reduction crosses a split, and the order of every
 *   reduction depends on the sizes alone.
 * - A kernel never reads its own output before it has written it, so a chunk can be run again.
 * - Flags are 0 or 1.
 *
 * Shapes stand in square brackets, outermost axis first.
 */

/** out[i] = a[i mod aSize] ∘ b[i mod bSize], i in [begin, end): a shorter operand repeats, which covers scalars and trailing-axis broadcasting. */
export type BinaryKernel = (
  out: Float32Array,
  a: Float32Array,
  b: Float32Array,
  aSize: number,
  bSize: number,
  begin: number,
  end: number,
) => void;

/** out[i] = f(x[i]), i in [begin, end). */
export type UnaryKernel = (out: Float32Array, x: Float32Array, begin: number, end: number) => void;

/** gradX[i] = gradOut[i] · f′, with f′ computed from `saved`: the input x, or the output y where that is cheaper (the kernel says which). */
export type UnaryBackwardKernel = (
  gradX: Float32Array,
  gradOut: Float32Array,
  saved: Float32Array,
  begin: number,
  end: number,
) => void;

/** One function over each row of x [rows, cols]; begin, end over rows. */
export type RowKernel = (
  out: Float32Array,
  x: Float32Array,
  rows: number,
  cols: number,
  begin: number,
  end: number,
) => void;

/** Gradient of a row function from its output y [rows, cols]; begin, end over rows. */
export type RowBackwardKernel = (
  gradX: Float32Array,
  gradOut: Float32Array,
  y: Float32Array,
  rows: number,
  cols: number,
  begin: number,
  end: number,
) => void;

/** Sizes shared by the attention kernels. */
export interface AttentionSizes {
  batch: number;
  nHeads: number;
  /** Divides nHeads; query head h reads key/value head floor(h · nKvHeads / nHeads). */
  nKvHeads: number;
  /** Number of queries. */
  seq: number;
  /** Number of keys that exist, past ones included; keyLen >= seq when causal. */
  keyLen: number;
  /** Rows allocated per key/value head, >= keyLen: a cache keeps room for keys to come. */
  keyRows: number;
  headDim: number;
  /** 1: query i sees keys 0 .. keyLen - seq + i. 0: every query sees every key. */
  causal: number;
  /** A causal query sees at most so many keys, the last of those it might see; keyLen or more: all of them. */
  window: number;
}

/** Scalars of one AdamW step, bias corrections included. */
export interface AdamWScalars {
  learningRate: number;
  beta1: number;
  beta2: number;
  eps: number;
  weightDecay: number;
  /** 1 - beta1^step */
  correction1: number;
  /** 1 - beta2^step */
  correction2: number;
  /** Every gradient is multiplied by this first (gradient clipping). */
  gradScale: number;
}

/** Length of the fixed chunks whose partial sums `sumSquares` writes. */
export const SUM_CHUNK = 4096;

/** All kernels of a backend. Each signature shows arrays, sizes and range on lines of their own. */
// prettier-ignore
export interface Kernels {
  add: BinaryKernel;
  sub: BinaryKernel;
  mul: BinaryKernel;
  div: BinaryKernel;
  /** out[i] = x[i] · factor. */
  scale(out: Float32Array, x: Float32Array, factor: number, begin: number, end: number): void;

  exp: UnaryKernel;
  log: UnaryKernel;
  sin: UnaryKernel;
  cos: UnaryKernel;
  tanh: UnaryKernel;
  sigmoid: UnaryKernel;
  relu: UnaryKernel;
  /** x · Φ(x), Φ being the normal distribution. */
  gelu: UnaryKernel;
  /** The tanh approximation of GELU. */
  geluTanh: UnaryKernel;
  silu: UnaryKernel;
  /** From the output y. */
  tanhBackward: UnaryBackwardKernel;
  /** From the output y. */
  sigmoidBackward: UnaryBackwardKernel;
  /** From the input x; 0 at x = 0, as PyTorch. */
  reluBackward: UnaryBackwardKernel;
  /** From the input x. */
  geluBackward: UnaryBackwardKernel;
  /** From the input x. */
  geluTanhBackward: UnaryBackwardKernel;
  /** From the input x. */
  siluBackward: UnaryBackwardKernel;

  /** out [outer, inner] = Σ over axis of x [outer, axis, inner]; begin, end over the outer · inner outputs. */
  sumAxis(
    out: Float32Array, x: Float32Array,
    outer: number, axis: number, inner: number,
    begin: number, end: number,
  ): void;
  /**
   * out and indices [outer, inner]: the greatest of x [outer, axis, inner] and where it stands (the first of equals);
   * begin, end over outputs. NaN wins.
   */
  maxAxis(
    out: Float32Array, indices: Int32Array, x: Float32Array,
    outer: number, axis: number, inner: number,
    begin: number, end: number,
  ): void;
  /** gradX [outer, axis, inner]: gradOut [outer, inner] at `indices`, 0 elsewhere; begin, end over outer · inner. */
  maxAxisBackward(
    gradX: Float32Array, gradOut: Float32Array, indices: Int32Array,
    outer: number, axis: number, inner: number,
    begin: number, end: number,
  ): void;
  /**
   * partials[c] = Σ x² over chunk c of SUM_CHUNK values of x [size], the last chunk shorter; begin, end over chunks.
   * Add the partials in order.
   */
  sumSquares(partials: Float64Array, x: Float32Array, size: number, begin: number, end: number): void;

  /** out [outer, repeat, inner]: each x [outer, inner] row repeated; begin, end over outer. */
  expand(
    out: Float32Array, x: Float32Array,
    outer: number, repeat: number, inner: number,
    begin: number, end: number,
  ): void;
  /**
   * Swaps two axes: out [outer, cols, middle, rows, inner] from x [outer, rows, middle, cols, inner]; begin, end over
   * outer · cols.
   */
  transpose(
    out: Float32Array, x: Float32Array,
    outer: number, rows: number, middle: number, cols: number, inner: number,
    begin: number, end: number,
  ): void;
  /**
   * Copies run r of `length` floats from x[r · xStride + xStart] to out[r · outStride + outStart]; begin, end over
   * runs. Slice, concat and their gradients.
   */
  copyRuns(
    out: Float32Array, x: Float32Array,
    length: number, outStride: number, outStart: number, xStride: number, xStart: number,
    begin: number, end: number,
  ): void;

  /**
   * out [batch, m, n] = A · B with A [batch, m, k] (or stored [batch, k, m] with transposeA = 1) and
   * B [batch, k, n] (or stored [batch, n, k] with transposeB = 1); begin, end over the batch · m rows of out.
   */
  matmul(
    out: Float32Array, a: Float32Array, b: Float32Array,
    batch: number, m: number, k: number, n: number, transposeA: number, transposeB: number,
    begin: number, end: number,
  ): void;

  /** Each row to probabilities; the row maximum is subtracted first. */
  softmax: RowKernel;
  softmaxBackward: RowBackwardKernel;
  /** Each row to log-probabilities. */
  logSoftmax: RowKernel;
  logSoftmaxBackward: RowBackwardKernel;

  /**
   * (x - mean) · rstd · weight + bias per row of x [rows, cols]; mean, rstd [rows] are kept for the backward pass;
   * begin, end over rows.
   */
  layerNorm(
    out: Float32Array, mean: Float32Array, rstd: Float32Array, x: Float32Array, weight: Float32Array,
    bias: Float32Array,
    rows: number, cols: number, eps: number,
    begin: number, end: number,
  ): void;
  /** begin, end over rows. */
  layerNormBackward(
    gradX: Float32Array, gradOut: Float32Array, x: Float32Array, weight: Float32Array, mean: Float32Array,
    rstd: Float32Array,
    rows: number, cols: number,
    begin: number, end: number,
  ): void;
  /** gradWeight, gradBias [cols]; begin, end over cols. */
  layerNormBackwardParameters(
    gradWeight: Float32Array, gradBias: Float32Array, gradOut: Float32Array, x: Float32Array, mean: Float32Array,
    rstd: Float32Array,
    rows: number, cols: number,
    begin: number, end: number,
  ): void;
  /** x · rstd · weight with rstd = 1 / √(mean(x²) + eps) [rows]; begin, end over rows. */
  rmsNorm(
    out: Float32Array, rstd: Float32Array, x: Float32Array, weight: Float32Array,
    rows: number, cols: number, eps: number,
    begin: number, end: number,
  ): void;
  /** begin, end over rows. */
  rmsNormBackward(
    gradX: Float32Array, gradOut: Float32Array, x: Float32Array, weight: Float32Array, rstd: Float32Array,
    rows: number, cols: number,
    begin: number, end: number,
  ): void;
  /** gradWeight [cols]; begin, end over cols. */
  rmsNormBackwardParameters(
    gradWeight: Float32Array, gradOut: Float32Array, x: Float32Array, rstd: Float32Array,
    rows: number, cols: number,
    begin: number, end: number,
  ): void;

  /**
   * out [rows, cols]: rows of a matrix that is stored in a smaller form (loops/stored.ts lists the forms), as 32-bit floats;
   * begin, end over rows.
   */
  widen(
    out: Float32Array, stored: Uint8Array,
    form: number, cols: number,
    begin: number, end: number,
  ): void;
  /**
   * out [m, n] = x [m, k] · Wᵀ for a stored W [n, k], read once for all m, of which there should be few; begin, end over the n
   * rows of W. What a row of x gives does not depend on the other rows. A backend may round x to 16 bits to multiply blocks in whole
   * numbers: each number by at most 2^-16 of the greatest of its block of 32, and what is not finite to NaN. Every binary16 in W, a
   * number or the scale of a block, has to be finite.
   */
  linearStored(
    out: Float32Array, x: Float32Array, weight: Uint8Array,
    form: number, m: number, k: number, n: number,
    begin: number, end: number,
  ): void;

  /**
   * out [count, cols] = table [tableRows, cols] at ids [count]; begin, end over count. Ids are in range: the caller
   * checked.
   */
  gather(
    out: Float32Array, table: Float32Array, ids: Int32Array,
    count: number, cols: number,
    begin: number, end: number,
  ): void;
  /**
   * gradTable [tableRows, cols]: each gradOut [count, cols] row added to the row of its id, others 0; begin, end over
   * tableRows.
   */
  scatterAdd(
    gradTable: Float32Array, gradOut: Float32Array, ids: Int32Array,
    count: number, tableRows: number, cols: number,
    begin: number, end: number,
  ): void;

  /**
   * Rotates pairs of x [heads, seq, headDim] by the angles whose cos and sin stand in [seq, headDim / 2] tables. pairs = 0
   * pairs element i with i + headDim / 2 (halves), pairs = 1 with its neighbour; inverse = 1 turns back, which is the
   * gradient. begin, end over heads.
   */
  rotary(
    out: Float32Array, x: Float32Array, cos: Float32Array, sin: Float32Array,
    heads: number, seq: number, headDim: number, pairs: number, inverse: number,
    begin: number, end: number,
  ): void;

  /**
   * softmax(scale · q kᵀ, causal) v, one score row at a time, never a [seq, keyLen] matrix.
   * out, q [batch, nHeads, seq, headDim]; k, v [batch, nKvHeads, keyRows, headDim]; logSumExp [batch, nHeads, seq] is kept
   * for the backward pass; begin, end over batch · nHeads.
   */
  attention(
    out: Float32Array, logSumExp: Float32Array, q: Float32Array, k: Float32Array, v: Float32Array,
    sizes: AttentionSizes, scale: number,
    begin: number, end: number,
  ): void;
  /**
   * Gradients of `attention`; weights are recomputed from logSumExp. gradK, gradV [batch, nKvHeads, keyRows,
   * headDim]; begin, end over batch · nKvHeads.
   */
  attentionBackward(
    gradQ: Float32Array, gradK: Float32Array, gradV: Float32Array, gradOut: Float32Array, out: Float32Array,
    logSumExp: Float32Array, q: Float32Array, k: Float32Array, v: Float32Array,
    sizes: AttentionSizes, scale: number,
    begin: number, end: number,
  ): void;

  /**
   * losses [rows]: -log softmax(logits [rows, cols]) at targets [rows], 0 where the target is ignoreIndex; with smoothing
   * s the target distribution is (1 - s) one-hot + s uniform. logSumExp [rows] is kept; begin, end over rows.
   */
  crossEntropy(
    losses: Float32Array, logSumExp: Float32Array, logits: Float32Array, targets: Int32Array,
    rows: number, cols: number, ignoreIndex: number, labelSmoothing: number,
    begin: number, end: number,
  ): void;
  /** gradLogits = factor · (softmax - target distribution), 0 for ignored rows; begin, end over rows. */
  crossEntropyBackward(
    gradLogits: Float32Array, logSumExp: Float32Array, logits: Float32Array, targets: Int32Array,
    rows: number, cols: number, ignoreIndex: number, labelSmoothing: number, factor: number,
    begin: number, end: number,
  ): void;

  /** One AdamW step into fresh arrays; begin, end over elements. */
  adamW(
    paramOut: Float32Array, mOut: Float32Array, vOut: Float32Array, param: Float32Array, grad: Float32Array,
    m: Float32Array, v: Float32Array,
    scalars: AdamWScalars,
    begin: number, end: number,
  ): void;
}

/** What runs now, and why not more. */
export interface BackendInfo {
  /** The backend in use. */
  name: "loops" | "wasm";
  /** Whether vector instructions are used. */
  simd: boolean;
  /** Whether relaxed SIMD (fused multiply-add) is used. */
  relaxed: boolean;
  /** Threads that have reported ready, the calling one included. */
  threads: number;
  /** One sentence for everything that is missing. */
  reasons: string[];
}

/** A place in a backend's own memory, which stays until it is released or nobody holds it or its array any more. */
export interface Block {
  /** The array. Ask anew instead of keeping it: memory that grows may have to move it. */
  readonly data: Float32Array;
  /** Gives the place back for reuse. */
  release(): void;
}

/** Where a backend likes its arrays to lie. Kernels take others as well, but may have to copy them. */
export interface ArrayMemory {
  /** How much is lent now, for `giveBack`. */
  mark(): number;
  /** An array of `size` floats with undefined content, until the next `giveBack` of an earlier mark. */
  lend(size: number): Float32Array;
  /** Takes back everything that was lent since `mark`. */
  giveBack(mark: number): void;
  /** Called between operations, when nobody keeps the array of a block: memory may grow to what was missing before. */
  settle(): void;
  /** An array that stays; undefined if there is no room, or nothing to be gained. */
  pin(size: number): Block | undefined;
}

/** A named set of kernels. */
export interface Backend {
  readonly kernels: Kernels;
  readonly memory: ArrayMemory;
  info(): BackendInfo;
  /** Resolves when everything that joins late (threads) has joined. */
  ready(): Promise<BackendInfo>;
  /** Stops what runs beside the calling thread. Kernels go on working, on one thread. */
  dispose?(): void;
}
