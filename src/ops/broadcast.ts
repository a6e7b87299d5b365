/** Broadcasting: how a smaller operand is stretched, and how its gradient is gathered again. */
import { kernels } from "../backend/current.ts";
import { allocate } from "../tensor/scope.ts";
import { sameShape, sizeOf } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { summed } from "./fresh.ts";

/**
 * The numbers of `x` in a form that repeats to `shape`: kernels read operand i at i mod size, so a scalar or a shape that
 * is the tail of `shape` goes as it is, and only the rest is written out.
 */
export function repeatable(x: Tensor, shape: readonly number[]): Float32Array {
  const tail = withoutLeadingOnes(x.shape);
  if (sameShape(tail, shape.slice(shape.length - tail.length))) return x.data;
  return stretch(x.data, x.shape, shape);
}

/** Writes `data` of shape `from` out to shape `to`, axis by axis from the innermost. */
export function stretch(data: Float32Array, from: readonly number[], to: readonly number[]): Float32Array {
  const shape = [...new Array<number>(to.length - from.length).fill(1), ...from];
  let current = data;
  for (let axis = to.length - 1; axis >= 0; axis--) {
    if (shape[axis] === to[axis]) continue;
    const outer = sizeOf(shape.slice(0, axis));
    const inner = sizeOf(shape.slice(axis + 1));
    const next = allocate(outer * to[axis] * inner);
    kernels().expand(next, current, outer, to[axis], inner, 0, outer);
    shape[axis] = to[axis];
    current = next;
  }
  return current;
}

/** The gradient of stretching: sums `gradient` of shape `from` over every axis that `to` does not have or has as 1. */
export function gatherGradient(gradient: Float32Array, from: readonly number[], to: readonly number[]): Float32Array {
  if (sameShape(from, to)) return gradient;
  const lead = from.length - withoutLeadingOnes(to).length;
  const target = [...new Array<number>(from.length - to.length).fill(1), ...to];
  // All leading axes that go are one sum over the rows of a matrix.
  const rows = sizeOf(from.slice(0, lead));
  const shape = [...new Array<number>(lead).fill(1), ...from.slice(lead)];
  let current = rows === 1 ? gradient : summed(gradient, 1, rows, sizeOf(shape));
  for (let axis = lead; axis < from.length; axis++) {
    if (shape[axis] === target[axis]) continue;
    current = summed(current, sizeOf(shape.slice(0, axis)), shape[axis], sizeOf(shape.slice(axis + 1)));
    shape[axis] = 1;
  }
  return current;
}

function withoutLeadingOnes(shape: readonly number[]): readonly number[] {
  const first = shape.findIndex((length) => length !== 1);
  return first === -1 ? [] : shape.slice(first);
}
