/**
 * Scopes recycle the arrays of short-lived tensors. A training step makes hundreds of arrays of the same sizes as the
 * step before; inside a scope they are lent by the backend's memory and given back together, so memory is touched, not
 * allocated. What leaves a scope is copied out of that memory. Outside a scope tensors are ordinary garbage-collected
 * values, and nobody ever has to release one.
 */
import type { ArrayMemory } from "../backend/backend.ts";
import { backendMemory } from "../backend/current.ts";
import { ConfigError, ShapeError, describeValue } from "../errors.ts";
import { MAX_SIZE } from "./shape.ts";
import type { Tensor } from "./tensor.ts";

interface Scope {
  readonly parent: Scope | null;
  /** How many scopes there are, this one included. */
  readonly depth: number;
  /** Lends the arrays; a change of the backend inside the scope does not change it. */
  readonly memory: ArrayMemory;
  /** What the memory had lent before. */
  readonly mark: number;
  readonly tensors: Tensor[];
  readonly arrays: Float32Array[];
  /** Tensors that were given a gradient here. */
  readonly gradientOwners: Set<Tensor>;
}

let active: Scope | null = null;

/** An array of `size` floats with undefined content; the caller writes all of it. Inside a scope it is only lent. */
export function allocate(size: number): Float32Array {
  if (active === null || size === 0) return newArray(size);
  const array = orTooLarge(size, active.memory);
  active.arrays.push(array);
  return array;
}

/** Like `allocate`, filled with zeros. */
export function allocateZeros(size: number): Float32Array {
  return active === null ? newArray(size) : allocate(size).fill(0);
}

/** An ordinary array of zeros, which the garbage collector takes. */
export function newArray(size: number): Float32Array {
  return orTooLarge(size, null);
}

/** A new array, or one lent by a memory. Says in words that it is too large, where the runtime would throw a RangeError. */
function orTooLarge(size: number, memory: ArrayMemory | null): Float32Array {
  try {
    if (size <= MAX_SIZE) return memory === null ? new Float32Array(size) : memory.lend(size);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  throw new ShapeError(
    `allocate: ${size} numbers do not fit into memory; the largest tensor has ${MAX_SIZE} where there is room`,
    { size, limit: MAX_SIZE },
  );
}

/** Notes that a tensor was made in the scope at hand. Called by the tensor's constructor. */
export function track(tensor: Tensor): void {
  if (active === null) return;
  tensor.scopeDepth = active.depth;
  active.tensors.push(tensor);
}

/** Takes a tensor out of the scope at hand: it lives as long as somebody holds it. Its array must not be lent. */
export function untrack(tensor: Tensor): void {
  if (active === null || tensor.scopeDepth === 0) return;
  tensor.scopeDepth = 0;
  active.tensors.splice(active.tensors.lastIndexOf(tensor), 1);
}

/** Notes that a tensor was given a gradient in the scope at hand: the gradient lives as long as its owner. */
export function trackGradient(owner: Tensor): void {
  active?.gradientOwners.add(owner);
}

/**
 * Calls a function that must be done when it returns.
 *
 * @param operation the function that was given `fn`, for the message
 * @throws ConfigError if `fn` is no function, or returns a promise
 */
export function callNow<A extends unknown[], T>(operation: string, fn: (...args: A) => T, ...args: A): T {
  if (typeof fn !== "function")
    throw new ConfigError(`${operation}: fn must be a function, got ${describeValue(fn)}`, { fn });
  const result = fn(...args);
  if (result instanceof Promise) {
    result.catch(() => {}); // its own failure has nobody else to hear it
    throw new ConfigError(
      `${operation}: fn must be synchronous, got a promise; await before ${operation} or after it, not inside`,
    );
  }
  return result;
}

/**
 * Runs `fn` and then releases every tensor made inside, except what leaves: the tensors that `fn` returns (alone, or
 * within arrays, plain objects and maps) and the gradients of tensors from outside. What leaves is detached from the
 * graph. Reading a released tensor throws a `DisposedError`; a `Float32Array` taken from one inside the scope must not
 * be used outside.
 *
 * ```ts
 * const loss = scope(() => { const l = crossEntropy(model.forward(x), y); l.backward(); return l.item(); });
 * ```
 *
 * @throws ConfigError if `fn` is no function, or returns a promise: a scope never spans an await or a yield
 */
export function scope<T>(fn: () => T): T {
  const memory = backendMemory();
  if (active === null) memory.settle();
  const opened: Scope = {
    parent: active,
    depth: (active?.depth ?? 0) + 1,
    memory,
    mark: memory.mark(),
    tensors: [],
    arrays: [],
    gradientOwners: new Set(),
  };
  active = opened;
  const kept = new Set<Tensor>();
  try {
    const result = callNow("scope", fn);
    collectTensors(result, kept);
    return result;
  } finally {
    active = opened.parent;
    close(opened, kept);
  }
}

function close(closing: Scope, kept: Set<Tensor>): void {
  const { parent, tensors, memory, mark } = closing;
  for (const owner of closing.gradientOwners) {
    if (owner.grad === null || (owner.scopeDepth === closing.depth && !kept.has(owner))) continue;
    kept.add(owner.grad);
    parent?.gradientOwners.add(owner);
  }
  const leaving: Tensor[] = [];
  for (const tensor of tensors) {
    if (kept.has(tensor)) leaving.push(tensor);
    else tensor.release();
  }
  try {
    copyOut(leaving, closing.arrays);
    for (const tensor of leaving) {
      tensor.detach();
      tensor.scopeDepth = closing.depth - 1;
      parent?.tensors.push(tensor);
    }
  } catch (error) {
    for (const tensor of leaving) tensor.release();
    throw error;
  } finally {
    memory.giveBack(mark);
  }
}

/** A stretch of a lent array that leaves its scope. */
interface Stretch {
  begin: number;
  end: number;
  readonly tensors: { tensor: Tensor; start: number }[];
}

/** Copies the numbers of tensors out of lent arrays. Numbers that several of them share are copied once and still shared. */
function copyOut(tensors: readonly Tensor[], lent: readonly Float32Array[]): void {
  if (tensors.length === 0) return;
  const lender = lenderAmong(lent);
  const stretches = new Map<Float32Array, Stretch>();
  for (const tensor of tensors) {
    const { data } = tensor;
    const array = lender(data);
    if (array === undefined) {
      tensor.settle(data);
      continue;
    }
    const start = (data.byteOffset - array.byteOffset) / data.BYTES_PER_ELEMENT;
    const stretch = stretches.get(array) ?? { begin: start, end: start, tensors: [] };
    stretch.begin = Math.min(stretch.begin, start);
    stretch.end = Math.max(stretch.end, start + data.length);
    stretch.tensors.push({ tensor, start });
    stretches.set(array, stretch);
  }
  for (const [array, stretch] of stretches) {
    const { begin, end } = stretch;
    const copy = newArray(end - begin);
    copy.set(array.subarray(begin, end));
    for (const { tensor, start } of stretch.tensors) {
      const whole = tensor.size === copy.length;
      tensor.settle(whole ? copy : copy.subarray(start - begin, start - begin + tensor.size));
    }
  }
}

/** Finds the lent array that some data is all or a part of; undefined where it is no part of any. */
function lenderAmong(lent: readonly Float32Array[]): (data: Float32Array) => Float32Array | undefined {
  const byBuffer = new Map<ArrayBufferLike, Float32Array[]>();
  for (const array of lent) {
    const arrays = byBuffer.get(array.buffer);
    if (arrays === undefined) byBuffer.set(array.buffer, [array]);
    else arrays.push(array);
  }
  for (const arrays of byBuffer.values()) arrays.sort((a, b) => a.byteOffset - b.byteOffset);
  return (data) => {
    const arrays = data.length === 0 ? undefined : byBuffer.get(data.buffer);
    if (arrays === undefined) return undefined;
    let [low, high] = [0, arrays.length]; // the last array that does not begin behind the data stands in [low - 1, high - 1]
    while (low < high) {
      const middle = (low + high) >> 1;
      if (arrays[middle].byteOffset <= data.byteOffset) low = middle + 1;
      else high = middle;
    }
    const found = arrays.at(low - 1);
    const inside = low > 0 && found !== undefined && data.byteOffset < found.byteOffset + found.byteLength;
    return inside ? found : undefined;
  };
}

function collectTensors(value: unknown, into: Set<Tensor>, seen: Set<object> = new Set()): void {
  if (value === null || typeof value !== "object" || ArrayBuffer.isView(value) || seen.has(value)) return;
  seen.add(value); // an object may contain itself
  if (isTensor(value)) into.add(value);
  else if (Array.isArray(value)) for (const item of value) collectTensors(item, into, seen);
  else if (value instanceof Map) for (const item of value.values()) collectTensors(item, into, seen);
  else if (isPlain(value)) for (const item of Object.values(value)) collectTensors(item, into, seen);
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Recognises a tensor without importing its class, which would make a cycle. */
function isTensor(value: object): value is Tensor {
  return "scopeDepth" in value && "shape" in value;
}
