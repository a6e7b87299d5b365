/** Making tensors from numbers, from nothing and from chance. */
import { ConfigError, ShapeError, checkOptions } from "../errors.ts";
import { Random } from "../random.ts";
import { allocate, allocateZeros } from "./scope.ts";
import { checkShape, formatShape, sameShape, sizeOf } from "./shape.ts";
import { Tensor } from "./tensor.ts";
import type { NestedArray } from "./tensor.ts";

/** Options of everything that makes a tensor. */
export interface TensorOptions {
  /** Whether `backward` computes a gradient for it. Default false. */
  requiresGrad?: boolean;
}

const OPTIONS = ["requiresGrad"];

/**
 * A tensor from numbers. The numbers are copied.
 *
 * ```ts
 * tensor([[1, 2], [3, 4]]);            // [2, 2], from nested lists
 * tensor([1, 2, 3, 4], [2, 2]);        // the same, from a flat list and a shape
 * tensor(3);                           // a scalar
 * ```
 *
 * @param data nested lists, or a flat list or typed array
 * @param shape default: the shape of the nested lists
 */
export function tensor(
  data: ArrayLike<number> | NestedArray,
  shape?: readonly number[] | TensorOptions,
  options?: TensorOptions,
): Tensor {
  if (shape !== undefined && !Array.isArray(shape)) return tensor(data, undefined, shape as TensorOptions);
  checkOptions("tensor", options, OPTIONS);
  const { numbers, found } = ArrayBuffer.isView(data)
    ? { numbers: data as ArrayLike<number>, found: [(data as ArrayLike<number>).length] }
    : read(data);
  const target = (shape as readonly number[] | undefined) ?? found;
  checkShape("tensor", target);
  if (sizeOf(target) !== numbers.length) {
    throw new ShapeError(
      `tensor: shape ${formatShape(target)} needs ${sizeOf(target)} numbers, got ${numbers.length}`,
      { shape: target, length: numbers.length },
    );
  }
  const copy = allocate(numbers.length);
  copy.set(numbers);
  return new Tensor(copy, [...target], options?.requiresGrad ?? false);
}

const SCALAR: number[] = [];

function read(data: NestedArray | ArrayLike<number>): { numbers: number[]; found: number[] } {
  const numbers: number[] = [];
  const found = flatten(data, numbers);
  return { numbers, found };
}

/** Appends the numbers of `data` to `into` and returns its shape; uneven lists throw. */
function flatten(data: NestedArray | ArrayLike<number>, into: number[]): number[] {
  if (typeof data === "number") {
    into.push(data);
    return SCALAR;
  }
  if (data === null || typeof data !== "object" || typeof (data as ArrayLike<number>).length !== "number") {
    throw new ShapeError(
      `tensor: data must be numbers, nested lists of numbers or a typed array, got ${data === null ? "null" : typeof data}`,
    );
  }
  let inner: number[] | null = null;
  for (let i = 0; i < data.length; i++) {
    const shape = flatten(data[i] as NestedArray, into);
    if (inner !== null && inner !== shape && !sameShape(inner, shape)) {
      throw new ShapeError(
        `tensor: nested lists are uneven: item 0 is ${formatShape(inner)}, item ${i} is ${formatShape(shape)}`,
      );
    }
    inner = shape;
  }
  return [data.length, ...(inner ?? [])];
}

/** A tensor of zeros. */
export function zeros(shape: readonly number[], options?: TensorOptions): Tensor {
  return filled("zeros", shape, 0, options);
}

/** A tensor of ones. */
export function ones(shape: readonly number[], options?: TensorOptions): Tensor {
  return filled("ones", shape, 1, options);
}

/** A tensor with `value` everywhere. */
export function full(shape: readonly number[], value: number, options?: TensorOptions): Tensor {
  return filled("full", shape, value, options);
}

function filled(
  operation: string,
  shape: readonly number[],
  value: number,
  options: TensorOptions | undefined,
): Tensor {
  checkShape(operation, shape);
  checkOptions(operation, options, OPTIONS);
  const data = allocateZeros(sizeOf(shape));
  if (value !== 0) data.fill(value);
  return new Tensor(data, [...shape], options?.requiresGrad ?? false);
}

/** A tensor of `value` (default 0) with the shape of another. */
export function alike(x: Tensor, value = 0): Tensor {
  return full(x.shape, value);
}

/**
 * A tensor of standard normal numbers: `randn([2, 3], new Random(1))` draws from a generator that goes on, and
 * `randn([2, 3], 1)` from a fresh one with that seed. Default seed 0.
 */
export function randn(shape: readonly number[], source: Random | number = 0, options?: TensorOptions): Tensor {
  checkShape("randn", shape);
  checkOptions("randn", options, OPTIONS);
  if (!(source instanceof Random) && typeof source !== "number") {
    throw new ConfigError("randn: the second argument must be a Random or a seed, e.g. randn([2, 3], new Random(1))");
  }
  const random = source instanceof Random ? source : new Random(source);
  const data = allocate(sizeOf(shape));
  for (let i = 0; i < data.length; i++) data[i] = random.normal();
  return new Tensor(data, [...shape], options?.requiresGrad ?? false);
}

/** The numbers from `start` on, in steps of `step`, up to but without `end`: `arange(4)` and `arange(0, 4)` are [0, 1, 2, 3]. */
export function arange(start: number, end?: number, step = 1, options?: TensorOptions): Tensor {
  checkOptions("arange", options, OPTIONS);
  if (end === undefined) return arange(0, start, step, options);
  const length = Math.max(0, Math.ceil((end - start) / step));
  if (!Number.isFinite(length))
    throw new ConfigError(`arange: start, end and step must be finite and step not 0, got ${start}, ${end}, ${step}`);
  const data = allocate(length);
  for (let i = 0; i < length; i++) data[i] = start + i * step;
  return new Tensor(data, [length], options?.requiresGrad ?? false);
}
