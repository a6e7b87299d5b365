/** The one data type of heed: an n-dimensional array of 32-bit floats that may know how it was computed. */
import { ConfigError, DisposedError, ShapeError } from "../errors.ts";
import { formatTensor } from "./print.ts";
import { track, trackGradient } from "./scope.ts";
import { formatShape, sizeOf } from "./shape.ts";

/** Numbers in nested lists, all lists of one level equally long. */
export type NestedArray = number | NestedArray[];

/** How a tensor was computed; autograd/graph.ts makes these. */
export interface GradientNode {
  /** The name of the operation, for messages. */
  readonly operation: string;
  /** Runs the whole backward pass that starts at `root`. */
  backpropagate(root: Tensor, gradOut: Tensor | undefined): void;
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
  #grad: Tensor | null = null;

  /** @param data the numbers; they are used, not copied */
  constructor(data: Float32Array, shape: readonly number[], requiresGrad = false) {
    this.size = sizeOf(shape);
    if (data.length !== this.size) {
      throw new ShapeError(`Tensor: shape ${formatShape(shape)} holds ${this.size} numbers, got ${data.length}`, {
        shape,
        length: data.length,
      });
    }
    this.shape = shape;
    this.#data = data;
    this.requiresGrad = requiresGrad;
    track(this);
  }

  /** The numbers, row-major. Shared, not copied. */
  get data(): Float32Array {
    if (this.#data === null) {
      throw new DisposedError(
        `Tensor ${formatShape(this.shape)}: read after release; return it from its scope, or do not dispose its model yet`,
        { shape: this.shape },
      );
    }
    return this.#data;
  }

  /** The gradient that `backward` left here; gradients of several backward passes add up. */
  get grad(): Tensor | null {
    return this.#grad;
  }
  set grad(value: Tensor | null) {
    trackGradient(this);
    this.#grad = value;
  }

  /**
   * Computes the gradient of this tensor with respect to every leaf that requires one and adds it to the leaf's `grad`.
   *
   * @param gradOut the gradient of the final result with respect to this tensor; default 1, only for a single number
   */
  backward(gradOut?: Tensor): void {
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

  /** The numbers as nested lists; a plain number for a scalar. */
  toArray(): NestedArray {
    const data = this.data;
    let next = 0;
    const build = (axis: number): NestedArray =>
      axis === this.shape.length ? data[next++] : Array.from({ length: this.shape[axis] }, () => build(axis + 1));
    return build(0);
  }

  /** Forgets how this tensor was computed. */
  detach(): void {
    if (this.node !== null) this.requiresGrad = false;
    this.node = null;
  }

  /** Gives the numbers up; reading them throws from now on. */
  release(): void {
    this.#data = null;
    this.#grad = null;
    this.node = null;
  }

  /** The shape and the first and last numbers of each axis. */
  toString(): string {
    return formatTensor(this.data, this.shape);
  }
}
