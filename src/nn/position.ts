/** Places of tokens as vectors. Attention itself does not see order; positions tell it. */
import { kernels } from "../backend/current.ts";
import { ConfigError, checkInteger } from "../errors.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * Fixed sinusoidal positions (Vaswani et al. 2017, §3.5): column 2i is sin(position / 10000^(2i / dModel)), column 2i + 1
 * the cosine.
 *
 * @returns [positions, dModel]
 */
export function sinusoidalPositions(positions: number, dModel: number): Tensor {
  checkInteger("sinusoidalPositions", "positions", positions, 0);
  checkInteger("sinusoidalPositions", "dModel", dModel, 0);
  if (dModel % 2 !== 0) throw new ConfigError(`sinusoidalPositions: dModel must be even, got ${dModel}`, { dModel });
  const half = dModel / 2;
  const exponents = Float32Array.from({ length: half }, (_, i) => -((2 * i) / dModel) * LOG_10000);
  const frequencies = new Float32Array(half);
  kernels().exp(frequencies, exponents, 0, half);
  const angles = new Float32Array(positions * half); // [positions, dModel / 2]
  for (let position = 0; position < positions; position++) {
    for (let i = 0; i < half; i++) angles[position * half + i] = position * frequencies[i];
  }
  const sin = new Float32Array(angles.length);
  const cos = new Float32Array(angles.length);
  kernels().sin(sin, angles, 0, angles.length);
  kernels().cos(cos, angles, 0, angles.length);
  const table = new Float32Array(positions * dModel);
  for (let i = 0; i < angles.length; i++) {
    table[2 * i] = sin[i];
    table[2 * i + 1] = cos[i];
  }
  return new Tensor(table, [positions, dModel]);
}

const LOG_10000 = 9.210340371976184;
