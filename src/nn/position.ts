/** Places of tokens as vectors. Attention itself does not see order; positions tell it. */
import { ConfigError, checkInteger } from "../errors.ts";
import { rotaryTable } from "../ops/rotary.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * Fixed sinusoidal positions (Vaswani et al. 2017, §3.5): column 2i is sin(position / 10000^(2i / dModel)), column 2i + 1
 * the cosine. These are the angles of rotary positions, added to the input instead of turning queries and keys.
 *
 * @returns [positions, dModel]
 */
export function sinusoidalPositions(positions: number, dModel: number): Tensor {
  checkInteger("sinusoidalPositions", "positions", positions, 0);
  checkInteger("sinusoidalPositions", "dModel", dModel, 0);
  if (dModel % 2 !== 0) throw new ConfigError(`sinusoidalPositions: dModel must be even, got ${dModel}`, { dModel });
  const { sin, cos } = rotaryTable(positions, dModel); // [positions, dModel / 2]
  const table = new Float32Array(positions * dModel);
  for (let i = 0; i < sin.length; i++) {
    table[2 * i] = sin[i];
    table[2 * i + 1] = cos[i];
  }
  return new Tensor(table, [positions, dModel]);
}
