/** Scores into probabilities. */
import { kernels } from "../backend/current.ts";
import type { RowBackwardKernel, RowKernel } from "../backend/backend.ts";
import { record } from "../autograd/graph.ts";
import { checkOptions } from "../errors.ts";
import { allocate } from "../tensor/scope.ts";
import { resolveAxis } from "../tensor/shape.ts";
import { checkTensor } from "../tensor/tensor.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { transpose } from "./layout.ts";

/** Options of `softmax` and `logSoftmax`. */
export interface SoftmaxOptions {
  /** The axis whose values become probabilities. Default -1. */
  axis?: number;
}

/**
 * eˣ / Σ eˣ along an axis: positive numbers that sum to 1.
 *
 * @throws ShapeError if x does not have the axis
 */
export function softmax(x: Tensor, options: SoftmaxOptions = {}): Tensor {
  return alongAxis("softmax", x, options, kernels().softmax, kernels().softmaxBackward);
}

/**
 * log(softmax(x)) without the loss of digits that computing it in two steps has.
 *
 * @throws ShapeError if x does not have the axis
 */
export function logSoftmax(x: Tensor, options: SoftmaxOptions = {}): Tensor {
  return alongAxis("logSoftmax", x, options, kernels().logSoftmax, kernels().logSoftmaxBackward);
}

function alongAxis(
  operation: string,
  x: Tensor,
  options: SoftmaxOptions,
  forward: RowKernel,
  backward: RowBackwardKernel,
): Tensor {
  checkTensor(operation, "x", x);
  checkOptions(operation, options, ["axis"]);
  const axis = resolveAxis(operation, options.axis === undefined ? -1 : options.axis, x.shape.length);
  if (axis !== x.shape.length - 1)
    return transpose(overRows(operation, transpose(x, axis, -1), forward, backward), axis, -1);
  return overRows(operation, x, forward, backward);
}

function overRows(operation: string, x: Tensor, forward: RowKernel, backward: RowBackwardKernel): Tensor {
  const cols = x.shape[x.shape.length - 1];
  const rows = cols === 0 ? 0 : x.size / cols;
  const y = allocate(x.size);
  forward(y, x.data, rows, cols, 0, rows);
  return record(operation, y, x.shape, [x], (gradOut) => {
    const gradX = allocate(x.size);
    backward(gradX, gradOut, y, rows, cols, 0, rows);
    return [gradX];
  });
}
