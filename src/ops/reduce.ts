/** Many numbers into one: sum, mean, max, over one axis or over everything. */
import { kernels } from "../backend/current.ts";
import { record } from "../autograd/graph.ts";
import { ShapeError, checkOptions } from "../errors.ts";
import { allocate } from "../tensor/scope.ts";
import { formatShape, resolveAxis, viewAtAxis } from "../tensor/shape.ts";
import type { AxisView } from "../tensor/shape.ts";
import { checkTensor } from "../tensor/tensor.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { scaled, summed } from "./fresh.ts";

/** Options of the reductions. */
export interface ReduceOptions {
  /** The axis that is reduced; negative counts from the end. Default: all of them, to a scalar. */
  axis?: number;
  /** Whether the reduced axis stays, with length 1. Default false. */
  keepDims?: boolean;
}

/** The sum over an axis, or over everything. */
export function sum(x: Tensor, options: ReduceOptions = {}): Tensor {
  const { view, shape } = plan("sum", x, options);
  return record("sum", summed(x.data, view.outer, view.length, view.inner), shape, [x], (gradOut) => [
    spread(gradOut, view),
  ]);
}

/** The arithmetic mean over an axis, or over everything. */
export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  const { view, shape } = plan("mean", x, options);
  if (view.length === 0)
    throw new ShapeError(`mean: nothing to average in shape ${formatShape(x.shape)}`, { shape: x.shape });
  const out = scaled(summed(x.data, view.outer, view.length, view.inner), 1 / view.length);
  return record("mean", out, shape, [x], (gradOut) => [spread(scaled(gradOut, 1 / view.length), view)]);
}

/** The greatest value over an axis, or over everything. The gradient goes to the first of equals. */
export function max(x: Tensor, options: ReduceOptions = {}): Tensor {
  const { view, shape } = plan("max", x, options);
  const { outer, length, inner } = view;
  if (length === 0)
    throw new ShapeError(`max: nothing to choose from in shape ${formatShape(x.shape)}`, { shape: x.shape });
  const out = allocate(outer * inner);
  const indices = new Int32Array(outer * inner);
  kernels().maxAxis(out, indices, x.data, outer, length, inner, 0, outer * inner);
  return record("max", out, shape, [x], (gradOut) => {
    const gradX = allocate(x.size);
    kernels().maxAxisBackward(gradX, gradOut, indices, outer, length, inner, 0, outer * inner);
    return [gradX];
  });
}

function plan(operation: string, x: Tensor, options: ReduceOptions): { view: AxisView; shape: number[] } {
  checkTensor(operation, "x", x);
  checkOptions(operation, options, ["axis", "keepDims"]);
  const { keepDims = false } = options;
  if (options.axis === undefined) {
    return { view: { outer: 1, length: x.size, inner: 1 }, shape: keepDims ? x.shape.map(() => 1) : [] };
  }
  const axis = resolveAxis(operation, options.axis, x.shape.length);
  const shape = keepDims ? x.shape.with(axis, 1) : x.shape.toSpliced(axis, 1);
  return { view: viewAtAxis(x.shape, axis), shape };
}

/** The gradient of a sum: every summand gets the gradient of its total. */
function spread(gradOut: Float32Array, { outer, length, inner }: AxisView): Float32Array {
  const gradX = allocate(outer * length * inner);
  kernels().expand(gradX, gradOut, outer, length, inner, 0, outer);
  return gradX;
}
