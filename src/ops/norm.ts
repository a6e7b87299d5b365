/** Normalisation of each row (the last axis) of a tensor. */
import { kernels } from "../backend/current.ts";
import { record } from "../autograd/graph.ts";
import { ShapeError, checkNumber, checkOptions } from "../errors.ts";
import { allocate } from "../tensor/scope.ts";
import { formatShape, sameShape } from "../tensor/shape.ts";
import { checkTensor } from "../tensor/tensor.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Options of the norms. */
export interface NormOptions {
  /** Added to the variance (mean square) before the root. Default 1e-5. */
  eps?: number;
}

/**
 * (x - mean) / √(variance + eps) · weight + bias over the last axis (Ba, Kiros & Hinton 2016, eq. 4).
 *
 * @param weight [cols]
 * @param bias [cols]; without it nothing is added
 * @throws ShapeError if weight or bias do not match the last axis of x
 */
export function layerNorm(x: Tensor, weight: Tensor, bias?: Tensor, options: NormOptions = {}): Tensor {
  const { rows, cols, eps } = plan("layerNorm", x, weight, options);
  if (bias !== undefined)
    checkTensor("layerNorm", "bias", bias, "a tensor or undefined", "options are the fourth argument");
  if (bias !== undefined && !sameShape(bias.shape, [cols]))
    throw new ShapeError(`layerNorm: bias must be [${cols}], got ${formatShape(bias.shape)}`, { bias: bias.shape });
  const out = allocate(x.size);
  const mean = allocate(rows);
  const rstd = allocate(rows);
  const shift = bias?.data ?? new Float32Array(cols);
  kernels().layerNorm(out, mean, rstd, x.data, weight.data, shift, rows, cols, eps, 0, rows);
  const inputs = bias === undefined ? [x, weight] : [x, weight, bias];
  return record("layerNorm", out, x.shape, inputs, (gradOut, needs) => {
    const gradX = allocate(x.size);
    kernels().layerNormBackward(gradX, gradOut, x.data, weight.data, mean, rstd, rows, cols, 0, rows);
    if (!needs[1] && !needs[2]) return [gradX, null, null];
    const gradWeight = allocate(cols);
    const gradBias = allocate(cols);
    kernels().layerNormBackwardParameters(gradWeight, gradBias, gradOut, x.data, mean, rstd, rows, cols, 0, cols);
    return [gradX, gradWeight, gradBias];
  });
}

/**
 * x / √(mean(x²) + eps) · weight over the last axis (Zhang & Sennrich 2019, eq. 4).
 *
 * @param weight [cols]
 * @throws ShapeError if weight does not match the last axis of x
 */
export function rmsNorm(x: Tensor, weight: Tensor, options: NormOptions = {}): Tensor {
  const { rows, cols, eps } = plan("rmsNorm", x, weight, options);
  const out = allocate(x.size);
  const rstd = allocate(rows);
  kernels().rmsNorm(out, rstd, x.data, weight.data, rows, cols, eps, 0, rows);
  return record("rmsNorm", out, x.shape, [x, weight], (gradOut, needs) => {
    const gradX = allocate(x.size);
    kernels().rmsNormBackward(gradX, gradOut, x.data, weight.data, rstd, rows, cols, 0, rows);
    if (!needs[1]) return [gradX, null];
    const gradWeight = allocate(cols);
    kernels().rmsNormBackwardParameters(gradWeight, gradOut, x.data, rstd, rows, cols, 0, cols);
    return [gradX, gradWeight];
  });
}

function plan(
  operation: string,
  x: Tensor,
  weight: Tensor,
  options: NormOptions,
): { rows: number; cols: number; eps: number } {
  checkTensor(operation, "x", x);
  checkTensor(operation, "weight", weight);
  checkOptions(operation, options, ["eps"]);
  const { eps = 1e-5 } = options;
  checkNumber(operation, "eps", eps, 0);
  const cols = x.shape[x.shape.length - 1] ?? 0;
  if (cols === 0 || !sameShape(weight.shape, [cols])) {
    throw new ShapeError(
      `${operation}: weight must match the last axis of x: x is ${formatShape(x.shape)}, weight is ${formatShape(weight.shape)}`,
      { x: x.shape, weight: weight.shape },
    );
  }
  return { rows: x.size / cols, cols, eps };
}
