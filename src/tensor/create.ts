/** Making tensors from numbers, from nothing and from chance. */
import { ConfigError, ShapeError, checkOptions, describeValue } from "../errors.ts";
import { Random } from "../random.ts";
import { allocate, allocateZeros } from "./scope.ts";
import { checkShape, formatShape, sameShape } from "./shape.ts";
import { Tensor, checkTensor } from "./tensor.ts";
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
 * @throws ShapeError for lists that are uneven or hold something else than numbers, or do not fill the shape
 */
export function tensor(
  data: ArrayLike<number> | NestedArray,
  shape?: readonly number[] | TensorOptions,
  options?: TensorOptions,
): Tensor {
  if (typeof shape === "object" && shape !== null && !Array.isArray(shape))
    return tensor(data, undefined, shape as TensorOptions);
  checkOptions("tensor", options, OPTIONS);
  const { numbers, found } = isTypedArray(data) ? { numbers: data, found: [data.length] } : read(data);
  const target = shape === undefined ? found : (shape as readonly number[]);
  const size = checkShape("tensor", target);
  if (size !== numbers.length) {
    throw new ShapeError(`tensor: shape ${formatShape(target)} needs ${size} numbers, got ${numbers.length}`, {
      shape: target,
      length: numbers.length,
    });
  }
  const copy = allocate(numbers.length);
  copy.set(numbers);
  return new Tensor(copy, [...target], options?.requiresGrad ?? false);
}

/** Whether `data` is a typed array of numbers; those of bigints are none. */
function isTypedArray(data: ArrayLike<number> | NestedArray): data is ArrayLike<number> {
  if (!ArrayBuffer.isView(data) || data instanceof DataView) return false;
  return !(data instanceof BigInt64Array || data instanceof BigUint64Array);
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
      `tensor: data must be numbers, nested lists of numbers or a typed array, got ${typeof data === "bigint" ? "a bigint" : describeValue(data)}`,
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

/**
 * A tensor of zeros.
 *
 * @throws ShapeError for a shape that no tensor can have
 */
export function zeros(shape: readonly number[], options?: TensorOptions): Tensor {
  return filled("zeros", shape, 0, options);
}

/**
 * A tensor of ones.
 *
 * @throws ShapeError for a shape that no tensor can have
 */
export function ones(shape: readonly number[], options?: TensorOptions): Tensor {
  return filled("ones", shape, 1, options);
}

/**
 * A tensor with `value` everywhere.
 *
 * @throws ShapeError for a shape that no tensor can have, ConfigError if value is no number
 */
export function full(shape: readonly number[], value: number, options?: TensorOptions): Tensor {
  return filled("full", shape, value, options);
}

function filled(
  operation: string,
  shape: readonly number[],
  value: number,
  options: TensorOptions | undefined,
): Tensor {
  const size = checkShape(operation, shape);
  checkOptions(operation, options, OPTIONS);
  if (typeof value !== "number")
    throw new ConfigError(`${operation}: value must be a number, got ${describeValue(value)}`, { value });
  const data = allocateZeros(size);
  if (value !== 0) data.fill(value);
  return new Tensor(data, [...shape], options?.requiresGrad ?? false);
}

/** A tensor of `value` (default 0) with the shape of another. */
export function alike(x: Tensor, value = 0): Tensor {
  checkTensor("alike", "x", x);
  return filled("alike", x.shape, value, undefined);
}

/**
 * A tensor of standard normal numbers: `randn([2, 3], new Random(1))` draws from a generator that goes on, and
 * `randn([2, 3], 1)` from a fresh one with that seed. Default seed 0.
 *
 * @throws ShapeError for a shape that no tensor can have, ConfigError for a source that is neither
 */
export function randn(shape: readonly number[], source: Random | number = 0, options?: TensorOptions): Tensor {
  const size = checkShape("randn", shape);
  checkOptions("randn", options, OPTIONS);
  if (!(source instanceof Random) && typeof source !== "number") {
    throw new ConfigError("randn: the second argument must be a Random or a seed, e.g. randn([2, 3], new Random(1))");
  }
  const random = source instanceof Random ? source : new Random(source);
  const data = allocate(size);
  for (let i = 0; i < data.length; i++) data[i] = random.normal();
  return new Tensor(data, [...shape], options?.requiresGrad ?? false);
}

/**
 * The numbers from `start` on, in steps of `step`, up to but without `end`: `arange(4)` and `arange(0, 4)` are [0, 1, 2, 3].
 *
 * @throws ConfigError for a bound or step that leads nowhere, ShapeError for more numbers than a tensor holds
 */
export function arange(start: number, end?: number, step = 1, options?: TensorOptions): Tensor {
  checkOptions("arange", options, OPTIONS);
  const [from, to] = end === undefined ? [0, start] : [start, end];
  const numbers = [from, to, step];
  if (!numbers.every(Number.isFinite) || step === 0) {
    throw new ConfigError(
      `arange: start, end and step must be finite and step not 0, got ${numbers.map(describeValue).join(", ")}`,
    );
  }
  const length = Math.max(0, Math.ceil((to - from) / step));
  checkShape("arange", [length]);
  const data = allocate(length);
  for (let i = 0; i < length; i++) data[i] = from + i * step;
  return new Tensor(data, [length], options?.requiresGrad ?? false);
}
