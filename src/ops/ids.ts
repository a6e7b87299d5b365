/** Lists of whole numbers: token ids and targets. */
import { ShapeError } from "../errors.ts";
import { formatShape } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Ids as a flat list or typed array, as equally long lists, or as a tensor of whole numbers. */
export type Ids = ArrayLike<number> | readonly (readonly number[])[] | Tensor;

/** Ids as a kernel reads them, with their shape. */
export interface IdArray {
  ids: Int32Array;
  shape: readonly number[];
}

/**
 * Reads ids and checks that each lies in [0, limit) or is the ignored one.
 *
 * @throws ShapeError naming the first bad id and where it stands
 */
export function readIds(operation: string, name: string, source: Ids, limit: number, ignored?: number): IdArray {
  const { flat, shape } = flattenIds(operation, name, source);
  const ids = new Int32Array(flat.length);
  for (let i = 0; i < flat.length; i++) {
    const id = flat[i];
    const valid = (Number.isInteger(id) && id >= 0 && id < limit) || (ignored !== undefined && id === ignored); // an absent id is not ignored
    if (!valid) {
      throw new ShapeError(
        `${operation}: ${name} must be whole numbers from 0 to ${limit - 1}, got ${String(id)} at position ${i}`,
        { id, position: i, limit },
      );
    }
    ids[i] = id;
  }
  return { ids, shape };
}

function flattenIds(
  operation: string,
  name: string,
  source: Ids,
): { flat: ArrayLike<number>; shape: readonly number[] } {
  if (source instanceof Tensor) return { flat: source.data, shape: source.shape };
  if (typeof source !== "object" || source === null || typeof source.length !== "number") {
    throw new ShapeError(
      `${operation}: ${name} must be a list of ids, got ${source === null ? "null" : typeof source}`,
    );
  }
  if (!Array.isArray(source[0])) return { flat: source as ArrayLike<number>, shape: [source.length] };
  const rows = source as readonly (readonly number[])[];
  const uneven = rows.findIndex((row) => !Array.isArray(row) || row.length !== rows[0].length);
  if (uneven !== -1) {
    throw new ShapeError(
      `${operation}: rows of ${name} must be equally long: row 0 has ${rows[0].length}, row ${uneven} has ${rows[uneven]?.length ?? "none"}; shape ${formatShape([rows.length, rows[0].length])} expected`,
    );
  }
  return { flat: rows.flat(), shape: [rows.length, rows[0].length] };
}
