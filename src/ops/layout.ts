/** The same numbers in another arrangement: reshape, transpose, slice, concat. */
import { kernels } from "../backend/current.ts";
import { record } from "../autograd/graph.ts";
import { ShapeError, checkOptions } from "../errors.ts";
import { allocate, allocateZeros } from "../tensor/scope.ts";
import { checkShape, formatShape, resolveAxis, sizeOf, viewAtAxis } from "../tensor/shape.ts";
import { checkTensor, checkTensors } from "../tensor/tensor.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * The same numbers under another shape; a view, nothing is copied.
 *
 * @param shape the new axes; one of them may be -1 and is then worked out
 * @throws ShapeError if the numbers do not fit the shape
 */
export function reshape(x: Tensor, shape: readonly number[]): Tensor {
  checkTensor("reshape", "x", x);
  const target = inferAxis(x, shape);
  return record("reshape", x.data, target, [x], (gradOut) => [gradOut]).viewOf(x);
}

function inferAxis(x: Tensor, shape: readonly number[]): number[] {
  const unknown = Array.isArray(shape) ? shape.indexOf(-1) : -1;
  const given = unknown === -1 ? shape : shape.toSpliced(unknown, 1);
  if (unknown !== -1 && given.includes(-1))
    throw new ShapeError(`reshape: only one axis may be -1, got ${formatShape(shape)}`, { from: x.shape, to: shape });
  const known = checkShape("reshape", given);
  const target = unknown === -1 ? [...shape] : shape.with(unknown, known === 0 ? 0 : x.size / known);
  if (sizeOf(target) !== x.size || !target.every(Number.isInteger)) {
    throw new ShapeError(`reshape: ${formatShape(x.shape)} (${x.size} numbers) does not fit ${formatShape(shape)}`, {
      from: x.shape,
      to: shape,
    });
  }
  return target;
}

/**
 * Swaps two axes (default the last two): `transpose(x, 1, 2)` of [a, b, c] is [a, c, b].
 *
 * @throws ShapeError for an axis that x does not have
 */
export function transpose(x: Tensor, axis1 = -2, axis2 = -1): Tensor {
  checkTensor("transpose", "x", x);
  const rank = x.shape.length;
  if (rank < 2 && axis1 === -2)
    throw new ShapeError(`transpose: needs a tensor of two axes or more, got ${formatShape(x.shape)}`, { x: x.shape });
  const axes = [resolveAxis("transpose", axis1, rank), resolveAxis("transpose", axis2, rank)];
  const [first, second] = [Math.min(...axes), Math.max(...axes)];
  if (first === second) return reshape(x, x.shape);
  const shape = x.shape.with(first, x.shape[second]).with(second, x.shape[first]);
  // Where at most one of the axes concerned is longer than 1, as for the only token of a step of decoding, nothing moves.
  if (x.shape.slice(first, second + 1).filter((length) => length > 1).length <= 1) return reshape(x, shape);
  return record("transpose", swapAxes(x.data, x.shape, first, second), shape, [x], (gradOut) => [
    swapAxes(gradOut, shape, first, second),
  ]);
}

function swapAxes(data: Float32Array, shape: readonly number[], first: number, second: number): Float32Array {
  const outer = sizeOf(shape.slice(0, first));
  const middle = sizeOf(shape.slice(first + 1, second));
  const inner = sizeOf(shape.slice(second + 1));
  const out = allocate(data.length); // [outer, cols, middle, rows, inner]
  kernels().transpose(out, data, outer, shape[first], middle, shape[second], inner, 0, outer * shape[second]);
  return out;
}

/** Options of `slice`. */
export interface SliceOptions {
  /** The axis that is cut; negative counts from the end. Default 0. */
  axis?: number;
  /** First index kept; negative counts from the end. Default 0. */
  start?: number;
  /** First index no longer kept; negative counts from the end. Default: the end. */
  end?: number;
}

/**
 * A range of one axis. A slice of the first axis is a view, others copy.
 *
 * @throws ShapeError for a range that does not lie within the axis, or an axis that x does not have
 */
export function slice(x: Tensor, options: SliceOptions = {}): Tensor {
  checkTensor("slice", "x", x);
  checkOptions("slice", options, ["axis", "start", "end"]);
  const axis = resolveAxis("slice", options.axis === undefined ? 0 : options.axis, x.shape.length);
  const { outer, length, inner } = viewAtAxis(x.shape, axis);
  const start = fromEnd(options.start ?? 0, length);
  const end = fromEnd(options.end ?? length, length);
  if (!Number.isInteger(start) || !Number.isInteger(end) || start < 0 || end > length || start > end) {
    throw new ShapeError(
      `slice: range ${options.start ?? 0}..${options.end ?? length} does not lie within axis ${axis} of ${formatShape(x.shape)}`,
      { start, end, shape: x.shape },
    );
  }
  const run = (end - start) * inner;
  const out = record(
    "slice",
    takeRuns(x.data, outer, run, length * inner, start * inner),
    x.shape.with(axis, end - start),
    [x],
    (gradOut) => {
      const gradX = allocateZeros(x.size);
      kernels().copyRuns(gradX, gradOut, run, length * inner, start * inner, run, 0, 0, outer);
      return [gradX];
    },
  );
  return outer === 1 ? out.viewOf(x, start * inner) : out;
}

/** `outer` runs of `run` floats, one every `stride`, from `start` on; a single run is a view. */
function takeRuns(x: Float32Array, outer: number, run: number, stride: number, start: number): Float32Array {
  if (outer === 1) return x.subarray(start, start + run);
  const out = allocate(outer * run);
  kernels().copyRuns(out, x, run, run, 0, stride, start, 0, outer);
  return out;
}

function fromEnd(index: number, length: number): number {
  return index < 0 ? index + length : index;
}

/**
 * Joins tensors along an axis (default 0); all other axes must agree.
 *
 * @throws ShapeError if they do not, or there is no tensor; ConfigError if the first argument is no list of tensors
 */
export function concat(tensors: readonly Tensor[], options: { axis?: number } = {}): Tensor {
  checkTensors("concat", "tensors", tensors);
  checkOptions("concat", options, ["axis"]);
  if (tensors.length === 0) throw new ShapeError("concat: needs at least one tensor");
  const first = tensors[0].shape;
  const axis = resolveAxis("concat", options.axis === undefined ? 0 : options.axis, first.length);
  for (const { shape } of tensors) {
    if (shape.length !== first.length || shape.some((length, i) => i !== axis && length !== first[i])) {
      throw new ShapeError(
        `concat: shapes must agree but for axis ${axis}: ${formatShape(first)} and ${formatShape(shape)}`,
        { axis, a: first, b: shape },
      );
    }
  }
  const shape = first.with(
    axis,
    tensors.reduce((total, x) => total + x.shape[axis], 0),
  );
  const { outer, inner, length } = viewAtAxis(shape, axis);
  const runs = tensors.map((x) => x.shape[axis] * inner);
  const starts = runs.map((_, i) => runs.slice(0, i).reduce((total, run) => total + run, 0));
  const out = allocate(sizeOf(shape));
  tensors.forEach((x, i) => kernels().copyRuns(out, x.data, runs[i], length * inner, starts[i], runs[i], 0, 0, outer));
  return record("concat", out, shape, tensors, (gradOut, needs) =>
    tensors.map((_, i) => (needs[i] ? takeRuns(gradOut, outer, runs[i], length * inner, starts[i]) : null)),
  );
}
