/** The one data type of heed: an n-dimensional array of 32-bit floats that may know how it was computed. */
import type { ArrayMemory, Block } from "../backend/backend.ts";
import { backendMemory } from "../backend/current.ts";
import { ConfigError, DisposedError, ShapeError, describeValue } from "../errors.ts";
import { formatTensor } from "./print.ts";
import { newArray, track, trackGradient, untrack } from "./scope.ts";
import { checkShape, formatShape, sameShape, sizeOf } from "./shape.ts";
import { StoredMatrix } from "./stored.ts";

/** Numbers in nested lists, all lists of one level equally long. */
export type NestedArray = number | NestedArray[];

/** How a tensor was computed; autograd/graph.ts makes these. */
export interface GradientNode {
  /** The name of the operation, for messages. */
  readonly operation: string;
  /** Runs the whole backward pass that starts at `root`. */
  backpropagate(root: Tensor, gradOut: Tensor | undefined): void;
}

/** A place in a backend's memory, held by the tensor whose numbers lie there and by all views of it. */
interface Home {
  readonly memory: ArrayMemory;
  readonly block: Block;
  /** Whether there is or was a view that no scope releases. */
  viewed: boolean;
}

/**
 * A tensor: a shape and its numbers in one contiguous, row-major `Float32Array`.
 *
 * Tensors are values: operations make new ones. Views (reshape, a slice of the first axis) share their numbers with the
 * original. Nothing has to be freed.
 *
 * ```ts
 * const x = tensor([[1, 2], [3, 4]], { requiresGrad: true });
 * sum(mul(x, x)).backward();
 * x.grad?.toArray(); // [[2, 4], [6, 8]]
 * ```
 */
export class Tensor {
  /** Axis lengths, outermost first; [] for a scalar. */
  readonly shape: readonly number[];
  /** Number of elements. */
  readonly size: number;
  /** Whether `backward` computes a gradient for this tensor. */
  requiresGrad: boolean;
  /** How this tensor was computed, or null for a leaf. */
  node: GradientNode | null = null;
  /** How many scopes surround this tensor; 0 for an ordinary one. */
  scopeDepth = 0;
  #data: Float32Array | null;
  #stored: StoredMatrix | null;
  /** Where the numbers lie if they are pinned, or belong to a tensor that is. */
  #home: Home | null = null;
  /** The first of the numbers in the block. */
  #start = 0;
  /** Whether the numbers are another tensor's, who gives them back. */
  #isView = false;
  #grad: Tensor | null = null;

  /**
   * @param data the numbers; they are used, not copied. A `StoredMatrix` needs fewer bytes and is widened where it is used;
   *   null: `adopt` brings the numbers
   * @throws ConfigError unless data is a `Float32Array`, ShapeError unless its length is the size of the shape
   */
  constructor(data: Float32Array | StoredMatrix | null, shape: readonly number[], requiresGrad = false) {
    if (data !== null && !(data instanceof Float32Array) && !(data instanceof StoredMatrix)) {
      throw new ConfigError(
        `Tensor: data must be a Float32Array, got ${describeArgument(data)}; tensor(…) takes lists and numbers`,
        { data },
      );
    }
    this.size = checkShape("Tensor", shape);
    const isStored = data instanceof StoredMatrix;
    const length = data === null ? this.size : isStored ? sizeOf(data.shape) : data.length;
    if (length !== this.size || (isStored && !sameShape(shape, data.shape))) {
      throw new ShapeError(`Tensor: shape ${formatShape(shape)} holds ${this.size} numbers, got ${length}`, {
        shape,
        length,
      });
    }
    this.shape = shape;
    this.#stored = isStored ? data : null;
    this.#data = isStored ? null : data;
    this.requiresGrad = requiresGrad && !isStored;
    track(this);
  }

  /** A matrix that keeps its smaller form; it takes no gradient. */
  static ofStored(matrix: StoredMatrix): Tensor {
    return new Tensor(matrix, matrix.shape);
  }

  /** A tensor in the backend's memory, of undefined content and of no scope; an ordinary one where there is no room. */
  static pinned(shape: readonly number[]): Tensor {
    const memory = backendMemory();
    const size = checkShape("Tensor", shape);
    const block = memory.pin(size);
    const tensor = new Tensor(block?.data ?? newArray(size), shape);
    untrack(tensor);
    if (block !== undefined) tensor.#home = { memory, block, viewed: false };
    return tensor;
  }

  /** A matrix kept in a smaller form than 32-bit floats; null for all others. */
  get stored(): StoredMatrix | null {
    return this.#stored;
  }

  /**
   * The numbers, row-major. Shared, not copied; those of a stored matrix are widened anew each time. Ask anew instead of
   * keeping the array: those of a model move when it is put to work, and its memory is used again after `dispose`.
   */
  get data(): Float32Array {
    if (this.#stored !== null) return this.#stored.widened();
    if (this.#data === null) {
      throw new DisposedError(
        `Tensor ${formatShape(this.shape)}: read after release; return it from its scope, alone or in an array, a plain object or a Map, or do not dispose its model yet`,
        { shape: this.shape },
      );
    }
    // Memory that is not shared between threads leaves empty arrays behind when it grows.
    if (this.#data.length !== this.size && this.#home !== null) this.#data = this.#within(this.#home.block.data);
    return this.#data;
  }

  #within(data: Float32Array): Float32Array {
    return data.length === this.size ? data : data.subarray(this.#start, this.#start + this.size);
  }

  /**
   * Moves the numbers to where a backend likes them, to stay there. A tensor of another memory leaves it in any case.
   *
   * @returns whether they are there now
   */
  moveInto(memory: ArrayMemory): boolean {
    if (this.#stored !== null) return this.#stored.moveInto(memory);
    if (this.#home?.memory === memory) return true;
    const { data } = this;
    const block = memory.pin(this.size);
    if (block === undefined && this.#home === null) return false;
    const target = block?.data ?? newArray(this.size);
    target.set(data);
    this.#leaveHome();
    this.#data = target;
    this.#home = block === undefined ? null : { memory, block, viewed: false };
    return block !== undefined;
  }

  /** Copies `values` over the numbers of this tensor, or makes them its numbers if it has none yet. */
  assign(values: Float32Array): void {
    if (this.#data === null) this.#data = values.slice();
    else this.data.set(values);
  }

  /** Takes over the numbers of a tensor of the same shape, wherever and however it holds them; that one is released. */
  adopt(other: Tensor): void {
    if (!sameShape(other.shape, this.shape)) {
      throw new ShapeError(`adopt: other is ${formatShape(other.shape)}, the tensor is ${formatShape(this.shape)}`, {
        other: other.shape,
        shape: this.shape,
      });
    }
    this.#leaveHome();
    this.#stored?.release();
    this.#data = other.#stored === null ? other.data : null;
    this.#stored = other.#stored;
    if (this.#stored !== null) this.requiresGrad = false;
    this.#home = other.#home;
    this.#start = other.#start;
    this.#isView = other.#isView;
    other.#home = null;
    other.#stored = null;
    other.release();
  }

  /** Notes that the numbers are those of `base` from `start` on: what keeps those in place keeps these. */
  viewOf(base: Tensor, start = 0): this {
    if (base.#home === null) return this;
    this.#home = base.#home;
    this.#start = base.#start + start;
    this.#isView = true;
    if (this.scopeDepth === 0) this.#home.viewed = true;
    return this;
  }

  /** Called when the tensor leaves a scope, with its numbers at a place where they may stay. */
  settle(data: Float32Array): void {
    if (this.#home !== null) this.#home.viewed = true;
    this.#data = data;
  }

  /** Gives the place in the backend's memory back; where there are views outside of scopes, the garbage collector does so. */
  #leaveHome(): void {
    if (this.#home !== null && !this.#isView && !this.#home.viewed) this.#home.block.release();
    this.#home = null;
    this.#isView = false;
    this.#start = 0;
  }

  /** The gradient that `backward` left here; gradients of several backward passes add up. */
  get grad(): Tensor | null {
    return this.#grad;
  }
  set grad(value: Tensor | null) {
    if (value !== null) {
      checkTensor("grad", "value", value, "a tensor or null");
      if (!sameShape(value.shape, this.shape)) {
        throw new ShapeError(`grad: value is ${formatShape(value.shape)}, the tensor is ${formatShape(this.shape)}`, {
          value: value.shape,
          shape: this.shape,
        });
      }
    }
    trackGradient(this);
    this.#grad = value;
  }

  /**
   * Computes the gradient of this tensor with respect to every leaf that requires one and adds it to the leaf's `grad`.
   *
   * @param gradOut the gradient of the final result with respect to this tensor; default 1, only for a single number
   * @throws ConfigError if nothing was recorded for this tensor, ShapeError if gradOut is missing or of another shape
   */
  backward(gradOut?: Tensor): void {
    if (gradOut !== undefined) checkTensor("backward", "gradOut", gradOut);
    if (this.node === null) {
      void this.data; // a released tensor says so
      const why = this.requiresGrad
        ? "it is a leaf: nothing was computed from it here"
        : "no input of its computation requires a gradient, or it left a scope or noGrad";
      throw new ConfigError(`backward: tensor ${formatShape(this.shape)} has no graph: ${why}`, { shape: this.shape });
    }
    this.node.backpropagate(this, gradOut);
  }

  /** The only number of a tensor of size 1. */
  item(): number {
    if (this.size !== 1)
      throw new ShapeError(`item: needs a tensor of one number, got shape ${formatShape(this.shape)}`, {
        shape: this.shape,
      });
    return this.data[0];
  }

  /**
   * The numbers as nested lists; a plain number for a scalar. Who knows the number of axes says the type:
   *
   * ```ts
   * const rows: number[][] = tensor([[1, 2], [3, 4]]).toArray();
   * rows[1][0]; // 3
   * ```
   */
  toArray<T extends NestedArray = NestedArray>(): T {
    const data = this.data;
    let next = 0;
    const build = (axis: number): NestedArray =>
      axis === this.shape.length ? data[next++] : Array.from({ length: this.shape[axis] }, () => build(axis + 1));
    return build(0) as T;
  }

  /** What `JSON.stringify` writes: the nested lists of `toArray`. */
  toJSON(): NestedArray {
    return this.toArray();
  }

  /** Forgets how this tensor was computed. */
  detach(): void {
    if (this.node !== null) this.requiresGrad = false;
    this.node = null;
  }

  /** Gives the numbers up; reading them throws from now on. */
  release(): void {
    this.#leaveHome();
    this.#stored?.release();
    this.#data = null;
    this.#grad = null;
    this.node = null;
  }

  /** The shape and the first and last numbers of each axis. */
  toString(): string {
    return formatTensor(this.data, this.shape);
  }

  static {
    // What `console.log` shows in Node, Deno and Bun. Not a method: its computed name has no place in the declarations.
    Object.defineProperty(this.prototype, Symbol.for("nodejs.util.inspect.custom"), {
      value(this: Tensor): string {
        return this.#data === null && this.#stored === null
          ? `Tensor ${formatShape(this.shape)} (released)`
          : this.toString();
      },
    });
  }
}

/**
 * Throws a `ConfigError` unless `value` is a tensor. Every operation asks this of its arguments before it reads them.
 *
 * @param operation the function whose argument is checked, for the message
 * @param name the argument
 * @param expected what the argument may be, for the message
 * @param hint what to do instead; without it, lists and numbers get a hint of their own
 */
export function checkTensor(
  operation: string,
  name: string,
  value: unknown,
  expected = "a tensor",
  hint?: string,
): void {
  if (value instanceof Tensor) return;
  const bare = typeof value === "number" || Array.isArray(value) || ArrayBuffer.isView(value);
  const advice = hint ?? (bare ? "wrap numbers with tensor(…)" : "");
  throw new ConfigError(
    `${operation}: ${name} must be ${expected}, got ${describeArgument(value)}${advice && `; ${advice}`}`,
    { name, value },
  );
}

/** Throws a `ConfigError` unless `values` is a list of tensors. */
export function checkTensors(operation: string, name: string, values: unknown): void {
  if (!Array.isArray(values)) {
    throw new ConfigError(
      `${operation}: ${name} must be a list of tensors such as [a, b], got ${describeArgument(values)}`,
      { name, value: values },
    );
  }
  for (let i = 0; i < values.length; i++) checkTensor(operation, `${name}[${i}]`, values[i]);
}

/** What a value is, for messages; tensors by their shape. */
function describeArgument(value: unknown): string {
  if (value instanceof Tensor) return `a tensor ${formatShape(value.shape)}`;
  return typeof value === "function" ? "a function" : describeValue(value);
}
