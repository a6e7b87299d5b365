/** Tokens become vectors: rows of a table. */
import { kernels } from "../backend/current.ts";
import { record } from "../autograd/graph.ts";
import { ShapeError } from "../errors.ts";
import { allocate } from "../tensor/scope.ts";
import { formatShape } from "../tensor/shape.ts";
import type { StoredMatrix } from "../tensor/stored.ts";
import { checkTensor } from "../tensor/tensor.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { readIds } from "./ids.ts";
import type { Ids } from "./ids.ts";

/**
 * The rows of `weight` that `ids` name: ids [...] and weight [rows, cols] give [..., cols].
 *
 * @throws ShapeError if an id is not a row of the table
 */
export function embedding(weight: Tensor, ids: Ids): Tensor {
  checkTensor("embedding", "weight", weight, "a tensor", "the ids come second: embedding(weight, ids)");
  if (weight.shape.length !== 2)
    throw new ShapeError(`embedding: weight must be [rows, cols], got ${formatShape(weight.shape)}`, {
      weight: weight.shape,
    });
  const [tableRows, cols] = weight.shape;
  const read = readIds("embedding", "ids", ids, tableRows);
  const count = read.ids.length;
  const out = allocate(count * cols);
  if (weight.stored === null) kernels().gather(out, weight.data, read.ids, count, cols, 0, count);
  else widenRows(out, weight.stored, read.ids);
  return record("embedding", out, [...read.shape, cols], [weight], (gradOut) => {
    const gradTable = allocate(weight.size);
    kernels().scatterAdd(gradTable, gradOut, read.ids, count, tableRows, cols, 0, tableRows);
    return [gradTable];
  });
}

/** The rows of a stored table that `ids` name; widened one by one, since the others would be for nothing. */
function widenRows(out: Float32Array, { bytes, rowBytes, form, shape }: StoredMatrix, ids: Int32Array): void {
  const [, cols] = shape;
  ids.forEach((id, i) => {
    const row = bytes.subarray(id * rowBytes, (id + 1) * rowBytes);
    kernels().widen(out.subarray(i * cols, (i + 1) * cols), row, form, cols, 0, 1);
  });
}
