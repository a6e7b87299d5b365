/** Tensors as text for people. */
import { formatShape } from "./shape.ts";

/** Axes longer than this show only their ends. */
const EDGE = 3;

/** Formats numbers of a shape as nested rows, long axes shortened: `Tensor [2, 2] [[1, 2], [3, 4]]`. */
export function formatTensor(data: Float32Array, shape: readonly number[]): string {
  const build = (axis: number, start: number, stride: number): string => {
    if (axis === shape.length) return formatNumber(data[start]);
    const inner = stride / shape[axis];
    const item = (index: number) => build(axis + 1, start + index * inner, inner);
    const length = shape[axis];
    const items = (from: number, to: number): string =>
      Array.from({ length: to - from }, (_, i) => item(from + i)).join(", ");
    if (length <= 2 * EDGE) return `[${items(0, length)}]`;
    return `[${items(0, EDGE)}, … ${items(length - EDGE, length)}]`;
  };
  return `Tensor ${formatShape(shape)} ${build(0, 0, data.length)}`;
}

function formatNumber(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toPrecision(4);
}
