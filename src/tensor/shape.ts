/** Arithmetic on shapes. A shape lists axis lengths, outermost first; [] is a scalar. */
import { ShapeError, describeValue } from "../errors.ts";

/** The most numbers that one tensor may hold: kernels count them in 32 bits. */
export const MAX_SIZE: number = 2 ** 31 - 1;

/** Number of elements of a shape: the product of its axes, 1 for a scalar. */
export function sizeOf(shape: readonly number[]): number {
  let size = 1;
  for (const length of shape) size *= length;
  return size;
}

/** Writes a shape the way error messages show it: `[2, 3]`. */
export function formatShape(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}

/** Whether two shapes have the same axes. */
export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((length, axis) => length === b[axis]);
}

/**
 * Throws unless `shape` is a list of whole numbers >= 0 whose product is a size that a tensor may have.
 *
 * @returns that size
 * @throws ShapeError naming what it is instead
 */
export function checkShape(operation: string, shape: readonly number[]): number {
  if (!Array.isArray(shape)) {
    throw new ShapeError(
      `${operation}: shape must be a list of axis lengths such as [2, 3], got ${describeValue(shape)}`,
      { shape },
    );
  }
  let size = 1;
  for (let axis = 0; axis < shape.length; axis++) {
    const length: unknown = shape[axis];
    if (!Number.isInteger(length) || (length as number) < 0) {
      const axes = shape.map(describeValue).join(", ");
      throw new ShapeError(`${operation}: axes must be whole numbers >= 0, got [${axes}]`, { shape });
    }
    size *= length as number;
  }
  if (size > MAX_SIZE) {
    throw new ShapeError(
      `${operation}: shape ${formatShape(shape)} has ${size} numbers, a tensor holds at most ${MAX_SIZE}`,
      { shape, limit: MAX_SIZE },
    );
  }
  return size;
}

/** Turns an axis that may count from the end (-1 is the last) into an index from 0. */
export function resolveAxis(operation: string, axis: number, rank: number): number {
  if (!Number.isInteger(axis))
    throw new ShapeError(`${operation}: axis must be a whole number, got ${describeValue(axis)}`, { axis, rank });
  const resolved = axis < 0 ? axis + rank : axis;
  if (resolved < 0 || resolved >= rank) {
    throw new ShapeError(`${operation}: axis ${axis} does not exist in a tensor of ${rank} axes`, { axis, rank });
  }
  return resolved;
}

/** A shape seen from one axis: [outer, length, inner]. Reductions and slices need no more than that. */
export interface AxisView {
  outer: number;
  length: number;
  inner: number;
}

/** Splits a shape at `axis` (already resolved). */
export function viewAtAxis(shape: readonly number[], axis: number): AxisView {
  return { outer: sizeOf(shape.slice(0, axis)), length: shape[axis], inner: sizeOf(shape.slice(axis + 1)) };
}

/**
 * The shape that two operands broadcast to: axes are aligned at the end, and an axis of 1 stretches.
 *
 * @param shownA what a message shows of the first operand, where `a` is only a part of its shape
 * @param shownB the same of the second
 * @throws ShapeError if an axis differs and neither is 1
 */
export function broadcastShapes(
  operation: string,
  a: readonly number[],
  b: readonly number[],
  shownA: readonly number[] = a,
  shownB: readonly number[] = b,
): number[] {
  const rank = Math.max(a.length, b.length);
  const out = new Array<number>(rank);
  for (let i = 1; i <= rank; i++) {
    const lengthA = a[a.length - i] ?? 1;
    const lengthB = b[b.length - i] ?? 1;
    if (lengthA !== lengthB && lengthA !== 1 && lengthB !== 1) {
      throw new ShapeError(
        `${operation}: shapes do not broadcast: a is ${formatShape(shownA)}, b is ${formatShape(shownB)}`,
        { a: shownA, b: shownB },
      );
    }
    out[rank - i] = lengthA === 1 ? lengthB : lengthA;
  }
  return out;
}
