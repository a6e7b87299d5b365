/**
 * Reading weights into the memory in which the model will use them. What is held as it is stored goes there straight from
 * the file; the rest passes, some rows at a time, through a scratch that all tensors share.
 */
import { FormatError, throwIfAborted } from "../errors.ts";
import { sizeOf } from "../tensor/shape.ts";
import { StoredMatrix } from "../tensor/stored.ts";
import { Tensor } from "../tensor/tensor.ts";
import { takeRows } from "./architectures/tensor-rules.ts";
import type { CheckpointTensor } from "./checkpoint.ts";
import { readNumbers } from "./numbers.ts";
import { quantize } from "./quantized/blocks.ts";
import type { QuantizedType } from "./quantized/blocks.ts";
import type { ModelFile } from "./source.ts";
import type { PlannedTensor, PlannedWeight } from "./weights.ts";

/** Numbers that pass through the scratch at a time: 8 MiB of floats. A whole number of blocks of every type. */
const CHUNK_NUMBERS = 2 ** 21;
/** Bytes that are read at a time. */
const STEP_BYTES = 2 ** 24;

/** Arrays for what is on its way, as large as they had to be so far. */
class Scratch {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #floats: Float32Array<ArrayBuffer> = new Float32Array(0);
  #encoded: Uint8Array<ArrayBuffer> = new Uint8Array(0);

  bytes(size: number): Uint8Array<ArrayBuffer> {
    if (this.#bytes.length < size) this.#bytes = new Uint8Array(size);
    return this.#bytes.subarray(0, size);
  }

  floats(size: number): Float32Array<ArrayBuffer> {
    if (this.#floats.length < size) this.#floats = new Float32Array(size);
    return this.#floats.subarray(0, size);
  }

  /** Numbers in another type, to be compared. */
  encoded(size: number): Uint8Array<ArrayBuffer> {
    if (this.#encoded.length < size) this.#encoded = new Uint8Array(size);
    return this.#encoded.subarray(0, size);
  }
}

/** A parameter that is being filled. */
interface Target {
  readonly weight: PlannedWeight;
  readonly tensor: Tensor;
  /** GGML's name of the type that it is held in. */
  readonly dtype: QuantizedType;
}

/** Where weights go, and what reads them. */
interface Reading {
  readonly targets: Map<string, Target>;
  readonly scratch: Scratch;
  /** Makes the error for a second copy that is not the same. */
  readonly differs: (tensor: CheckpointTensor) => FormatError;
}

/**
 * Reads all weights of a plan, one tensor after the other.
 *
 * @param differs makes the error for a second copy of a shared matrix that is not the same
 * @returns tensors by heed's names, in the memory of the backend as far as there is room
 * @throws as `ModelFile.read`; FormatError for integers that are no 32-bit floats. Everything is given back then
 */
export async function readWeights(
  plan: readonly PlannedTensor[],
  differs: (tensor: CheckpointTensor) => FormatError,
  signal?: AbortSignal,
): Promise<Map<string, Tensor>> {
  const reading: Reading = { targets: new Map(), scratch: new Scratch(), differs };
  const tensors = new Map<string, Tensor>();
  try {
    for (const planned of plan) {
      throwIfAborted(signal, "loadModel");
      for (const weight of planned.weights) {
        if (weight.isCopy) continue;
        const tensor = allocate(weight);
        tensors.set(weight.name, tensor);
        reading.targets.set(weight.name, { weight, tensor, dtype: weight.type.toUpperCase() as QuantizedType });
      }
      await readTensor(planned, reading);
    }
    return tensors;
  } catch (error) {
    for (const tensor of tensors.values()) tensor.release();
    throw error;
  }
}

function allocate({ shape, type }: PlannedWeight): Tensor {
  if (type === "f32") return Tensor.pinned(shape);
  return Tensor.ofStored(StoredMatrix.pinned(type, shape as readonly [number, number]));
}

/** The bytes of a parameter as it is held. They may lie elsewhere after each `await`: memory that grows leaves empty arrays behind. */
function bytesOf({ tensor }: Target): Uint8Array {
  if (tensor.stored !== null) return tensor.stored.bytes;
  const { data } = tensor;
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

async function readTensor({ tensor, weights }: PlannedTensor, reading: Reading): Promise<void> {
  const targets = weights.map((weight) => ({ ...(reading.targets.get(weight.name) as Target), weight }));
  if (weights[0].place.rule.transposed) return readTransposed(tensor, targets, reading);
  const asStored = targets.every(
    ({ dtype, weight: { place, isCopy } }) =>
      dtype === tensor.dtype && place.runs.length === 1 && place.rule.added === undefined && !isCopy,
  );
  if (!asStored) return readRows(tensor, targets, reading);
  const rowBytes = bytesPerRow(tensor);
  for (const target of targets) {
    const [{ theirs }] = target.weight.place.runs;
    await readInto(tensor.file, tensor.begin + theirs * rowBytes, () => bytesOf(target));
  }
}

function bytesPerRow({ begin, end, shape }: CheckpointTensor): number {
  return (end - begin) / shape[0];
}

/** Fills an array that may move while it is being filled. */
async function readInto(file: ModelFile, begin: number, array: () => Uint8Array): Promise<void> {
  const { length } = array();
  for (let at = 0; at < length;) {
    const end = Math.min(at + STEP_BYTES, length);
    const step = array().subarray(at, end);
    try {
      await file.read(begin + at, step);
    } catch (error) {
      if (step.length === end - at) throw error;
    }
    if (step.length === end - at) at = end; // else the array has moved away meanwhile
  }
}

/** Rows that change their type or their order, some at a time. */
async function readRows(tensor: CheckpointTensor, targets: readonly Target[], reading: Reading): Promise<void> {
  const { shape, file, begin, dtype } = tensor;
  const [rows] = shape;
  const cols = sizeOf(shape) / rows;
  const rowBytes = bytesPerRow(tensor);
  const { scratch } = reading;
  const changes = targets.some((target) => target.dtype !== dtype || target.weight.place.rule.added !== undefined);
  const step = Math.max(1, Math.floor(CHUNK_NUMBERS / cols));
  for (let start = 0; start < rows; start += step) {
    const end = Math.min(start + step, rows);
    const bytes = scratch.bytes((end - start) * rowBytes);
    await file.read(begin + start * rowBytes, bytes);
    const floats = changes ? scratch.floats((end - start) * cols) : undefined;
    if (floats !== undefined) readNumbers(dtype, bytes, floats, `${file.name}: tensor "${tensor.name}"`);
    for (const target of targets) {
      const keeps = target.dtype === dtype && target.weight.place.rule.added === undefined;
      for (const run of target.weight.place.runs) {
        const from = Math.max(run.theirs, start);
        const to = Math.min(run.theirs + run.count, end);
        if (from >= to) continue;
        const ours = run.ours + from - run.theirs;
        if (keeps || floats === undefined)
          put(target, ours, bytes.subarray((from - start) * rowBytes, (to - start) * rowBytes), tensor, reading);
        else encode(target, ours, floats.subarray((from - start) * cols, (to - start) * cols), tensor, reading);
      }
    }
  }
}

/** Puts numbers into rows of a parameter from `row` on. */
function encode(target: Target, row: number, x: Float32Array, tensor: CheckpointTensor, reading: Reading): void {
  const { dtype, weight } = target;
  const { added = 0 } = weight.place.rule;
  if (added !== 0) for (let i = 0; i < x.length; i++) x[i] -= added;
  const held = bytesOf(target);
  const rowBytes = held.length / weight.shape[0];
  const size = (x.length / (sizeOf(weight.shape) / weight.shape[0])) * rowBytes;
  const out = weight.isCopy ? reading.scratch.encoded(size) : held.subarray(row * rowBytes, row * rowBytes + size);
  quantize(dtype, x, out);
  if (weight.isCopy) put(target, row, out, tensor, reading);
}

/** Copies bytes into rows of a parameter from `row` on, or compares them with what is there. */
function put(target: Target, row: number, bytes: Uint8Array, tensor: CheckpointTensor, reading: Reading): void {
  const held = bytesOf(target);
  const begin = (row * held.length) / target.weight.shape[0];
  if (!target.weight.isCopy) return held.set(bytes, begin);
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== held[begin + i]) throw reading.differs(tensor);
}

/** A matrix that lies there as [in, out], as a whole. 16-bit numbers are moved as they are. */
async function readTransposed(tensor: CheckpointTensor, targets: readonly Target[], reading: Reading): Promise<void> {
  const { shape, file, begin, end, dtype } = tensor;
  const bytes = reading.scratch.bytes(end - begin);
  await readInto(file, begin, () => bytes);
  const keeps = targets.every((target) => target.dtype === dtype) && (end - begin) / sizeOf(shape) === 2;
  if (keeps) {
    const data = new Uint16Array(bytes.buffer, 0, bytes.length / 2);
    for (const target of targets) {
      const { buffer, byteOffset, byteLength } = takeRows(target.weight.place, { shape, data });
      bytesOf(target).set(new Uint8Array(buffer, byteOffset, byteLength));
    }
    return;
  }
  const data = reading.scratch.floats(sizeOf(shape));
  readNumbers(dtype, bytes, data, `${file.name}: tensor "${tensor.name}"`);
  for (const target of targets)
    quantize(target.dtype, takeRows<Float32Array>(target.weight.place, { shape, data }), bytesOf(target));
}
