/**
 * Scopes recycle the arrays of short-lived tensors. A training step makes hundreds of arrays of the same sizes as the
 * step before; inside a scope they are lent from a pool and given back together, so memory is touched, not allocated.
 * Outside a scope tensors are ordinary garbage-collected values, and nobody ever has to release one.
 */
import { ConfigError, ShapeError, describeValue } from "../errors.ts";
import { MAX_SIZE } from "./shape.ts";
import type { Tensor } from "./tensor.ts";

interface Scope {
  readonly parent: Scope | null;
  readonly tensors: Tensor[];
  readonly arrays: Float32Array[];
  /** Tensors that were given a gradient here. */
  readonly gradientOwners: Set<Tensor>;
}

/** Free arrays by length. */
type Pool = Map<number, Float32Array[]>;

let active: Scope | null = null;
/** What may be lent while a scope is open. */
let pool: Pool = new Map();
/** What the last outermost scope used. Held weakly: steps in a row find it, and the collector takes it after the last. */
let rested = new WeakRef<Pool>(pool);
/** Everything lent since the outermost scope began. */
let lent: Float32Array[] = [];

/** An array of `size` floats with undefined content; the caller writes all of it. Inside a scope it comes from the pool. */
export function allocate(size: number): Float32Array {
  if (active === null) return newArray(size);
  const array = pool.get(size)?.pop() ?? newArray(size);
  active.arrays.push(array);
  lent.push(array);
  return array;
}

/** Like `allocate`, filled with zeros. */
export function allocateZeros(size: number): Float32Array {
  return active === null ? newArray(size) : allocate(size).fill(0);
}

/** A new array. Says in words that it is too large, where the runtime would throw a RangeError. */
function newArray(size: number): Float32Array {
  try {
    if (size <= MAX_SIZE) return new Float32Array(size);
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
  tensor.scopeDepth = depth(active);
  active.tensors.push(tensor);
}

/** Takes a tensor out of the scope at hand: it lives as long as somebody holds it. Its array must not come from the pool. */
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
  const opened: Scope = { parent: active, tensors: [], arrays: [], gradientOwners: new Set() };
  if (active === null) pool = rested.deref() ?? new Map();
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
  const outerDepth = closing.parent === null ? 0 : depth(closing.parent);
  const survivingBuffers = new Set<ArrayBufferLike>();
  for (const owner of closing.gradientOwners) {
    if (owner.grad === null || (owner.scopeDepth > outerDepth && !kept.has(owner))) continue;
    kept.add(owner.grad);
    closing.parent?.gradientOwners.add(owner);
  }
  for (const tensor of closing.tensors) {
    if (!kept.has(tensor)) {
      tensor.release();
      continue;
    }
    tensor.detach();
    tensor.scopeDepth = outerDepth;
    closing.parent?.tensors.push(tensor);
    survivingBuffers.add(tensor.data.buffer);
  }
  for (const array of closing.arrays) {
    if (survivingBuffers.has(array.buffer)) closing.parent?.arrays.push(array);
    else if (closing.parent !== null) giveBack(pool, array);
  }
  if (closing.parent !== null) return;
  const used: Pool = new Map();
  for (const array of new Set(lent)) if (!survivingBuffers.has(array.buffer)) giveBack(used, array);
  rested = new WeakRef(used);
  pool = new Map();
  lent = [];
}

function giveBack(target: Pool, array: Float32Array): void {
  const list = target.get(array.length);
  if (list === undefined) target.set(array.length, [array]);
  else list.push(array);
}

function depth(at: Scope): number {
  let count = 0;
  for (let cursor: Scope | null = at; cursor !== null; cursor = cursor.parent) count++;
  return count;
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
