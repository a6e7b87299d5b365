/** Matrix products. */
import { kernels } from "../backend/current.ts";
import { record } from "../autograd/graph.ts";
import { ShapeError } from "../errors.ts";
import { allocate, scope } from "../tensor/scope.ts";
import { broadcastShapes, formatShape, sameShape, sizeOf } from "../tensor/shape.ts";
import type { StoredMatrix, StoredType } from "../tensor/stored.ts";
import { checkTensor } from "../tensor/tensor.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { gatherGradient, stretch } from "./broadcast.ts";
import { combined } from "./fresh.ts";

/**
 * The matrix product over the last two axes: [..., m, k] · [..., k, n] = [..., m, n]. Leading axes broadcast; against a
 * plain matrix b they are simply more rows.
 *
 * @throws ShapeError if the inner sizes differ, the leading axes do not broadcast, or an operand has fewer than two axes
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  checkTensor("matmul", "a", a);
  checkTensor("matmul", "b", b);
  if (a.shape.length < 2 || b.shape.length < 2) {
    throw new ShapeError(`matmul: needs two axes or more: a is ${formatShape(a.shape)}, b is ${formatShape(b.shape)}`, {
      a: a.shape,
      b: b.shape,
    });
  }
  const [m, k] = a.shape.slice(-2);
  const [innerB, n] = b.shape.slice(-2);
  if (k !== innerB)
    throw new ShapeError(`matmul: inner sizes differ: a is ${formatShape(a.shape)}, b is ${formatShape(b.shape)}`, {
      a: a.shape,
      b: b.shape,
    });
  const leadA = a.shape.slice(0, -2);
  const leadB = b.shape.slice(0, -2);
  const lead = broadcastShapes("matmul", leadA, leadB, a.shape, b.shape);
  if (leadB.length === 0) return product(a, b, [...lead, m, n], 1, sizeOf(lead) * m, k, n);
  return product(a, b, [...lead, m, n], sizeOf(lead), m, k, n);
}

/** `batch` products of [m, k] · [k, n]; operands whose leading axes are shorter are stretched to the batch. */
function product(a: Tensor, b: Tensor, shape: number[], batch: number, m: number, k: number, n: number): Tensor {
  const lead = shape.slice(0, -2);
  const fullA = [...lead, ...a.shape.slice(-2)];
  const fullB = batch === 1 ? b.shape : [...lead, ...b.shape.slice(-2)];
  const aData = (): Float32Array => (sameShape(a.shape, fullA) ? a.data : stretch(a.data, a.shape, fullA));
  const bData = (): Float32Array => (sizeOf(fullB) === b.size ? b.data : stretch(b.data, b.shape, fullB));
  const out = multiply(aData(), bData(), batch, m, k, n, false, false);
  return record("matmul", out, shape, [a, b], (gradOut, needs) => [
    needs[0] ? gatherGradient(multiply(gradOut, bData(), batch, m, n, k, false, true), fullA, a.shape) : null, // gradA = gradOut · Bᵀ
    needs[1] ? gatherGradient(multiply(aData(), gradOut, batch, k, m, n, true, false), fullB, b.shape) : null, // gradB = Aᵀ · gradOut
  ]);
}

/**
 * x · weightᵀ + bias over the last axis: [..., dIn] → [..., dOut].
 *
 * @param weight [dOut, dIn], one row for each output, as PyTorch stores it
 * @param bias [dOut]
 * @throws ShapeError if the sizes do not fit together
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  checkTensor("linear", "x", x);
  checkTensor("linear", "weight", weight);
  if (bias !== undefined) checkTensor("linear", "bias", bias, "a tensor or undefined");
  const [dOut, dIn] = weight.shape;
  if (weight.shape.length !== 2 || x.shape.length === 0 || x.shape[x.shape.length - 1] !== dIn) {
    throw new ShapeError(
      `linear: last axis of x must be the second of weight: x is ${formatShape(x.shape)}, weight is ${formatShape(weight.shape)}`,
      { x: x.shape, weight: weight.shape },
    );
  }
  if (bias !== undefined && !sameShape(bias.shape, [dOut])) {
    throw new ShapeError(`linear: bias must be [${dOut}], got ${formatShape(bias.shape)}`, {
      bias: bias.shape,
      weight: weight.shape,
    });
  }
  const rows = sizeOf(x.shape.slice(0, -1));
  const product =
    weight.stored === null
      ? multiply(x.data, weight.data, 1, rows, dIn, dOut, false, true)
      : multiplyStored(x, weight.stored, rows); // [rows, dOut]
  const shape = [...x.shape.slice(0, -1), dOut];
  const inputs = bias === undefined ? [x, weight] : [x, weight, bias];
  return record(
    "linear",
    bias === undefined ? product : combined(kernels().add, product, bias.data),
    shape,
    inputs,
    (gradOut, needs) => [
      needs[0] ? multiply(gradOut, weight.data, 1, rows, dOut, dIn, false, false) : null, // gradX = gradOut · W
      needs[1] ? multiply(gradOut, x.data, 1, dOut, rows, dIn, true, false) : null, // gradW = gradOutᵀ · x
      needs[2] ? gatherGradient(gradOut, [rows, dOut], [dOut]) : null,
    ],
  );
}

function multiply(
  a: Float32Array,
  b: Float32Array,
  batch: number,
  m: number,
  k: number,
  n: number,
  transposeA: boolean,
  transposeB: boolean,
): Float32Array {
  const out = allocate(batch * m * n);
  kernels().matmul(out, a, b, batch, m, k, n, transposeA ? 1 : 0, transposeB ? 1 : 0, 0, batch * m);
  return out;
}

/** With so many rows or more it is cheaper to widen a stored matrix, which is always right, than to multiply it as it is. */
const MANY_ROWS: Readonly<Record<StoredType, number>> = { f16: 8, bf16: 8, q8_0: 12, q4_0: 12 };

/** Numbers that are widened at once: few enough to stay in the processor's caches. */
const PANEL_SIZE = 2 ** 18;

/** x [rows, k] · Wᵀ for a stored W [n, k]. */
function multiplyStored(x: Tensor, weight: StoredMatrix, rows: number): Float32Array {
  const [n, k] = weight.shape;
  const out = allocate(rows * n);
  const isFew = rows < MANY_ROWS[weight.type] && weight.halvesAreFinite;
  if (isFew) kernels().linearStored(out, x.data, weight.bytes, weight.form, rows, k, n, 0, n);
  else scope(() => multiplyPanels(out, x.data, weight, rows)); // which gives the panels back at once
  return out;
}

/** The same by widening some rows of W after the other. */
function multiplyPanels(out: Float32Array, x: Float32Array, weight: StoredMatrix, rows: number): void {
  const { bytes, rowBytes, form, shape } = weight;
  const [n, k] = shape;
  const panelRows = Math.min(n, Math.max(64, Math.floor(PANEL_SIZE / k)));
  const wide = allocate(panelRows * k);
  const part = allocate(rows * panelRows);
  for (let start = 0; start < n; start += panelRows) {
    const count = Math.min(panelRows, n - start);
    const panel = wide.subarray(0, count * k); // [count, k]
    const columns = part.subarray(0, rows * count); // [rows, count]
    kernels().widen(panel, bytes.subarray(start * rowBytes, (start + count) * rowBytes), form, k, 0, count);
    kernels().matmul(columns, x, panel, 1, rows, k, count, 0, 1, 0, rows);
    kernels().copyRuns(out, columns, count, n, start, count, 0, 0, rows);
  }
}
