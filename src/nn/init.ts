/** Where parameters start. */
import { ConfigError } from "../errors.ts";
import { Random } from "../random.ts";
import { formatShape, sizeOf } from "../tensor/shape.ts";
import { Parameter } from "./module.ts";

/** Makes parameters; layers ask for them by the role they play. */
export interface Initializer {
  /** Normally distributed around 0 with standard deviation `std`. */
  normal(shape: readonly number[], std: number): Parameter;
  /** `value` everywhere. */
  constant(shape: readonly number[], value: number): Parameter;
}

/** Draws weights from a seeded generator. */
export function seeded(seed: number): Initializer {
  const random = new Random(seed);
  return {
    normal(shape, std) {
      const data = new Float32Array(sizeOf(shape));
      for (let i = 0; i < data.length; i++) data[i] = random.normal() * std;
      return new Parameter(data, shape);
    },
    constant: (shape, value) => new Parameter(new Float32Array(sizeOf(shape)).fill(value), shape),
  };
}

/** Leaves every parameter at 0, for models whose weights come from elsewhere. */
export function blank(): Initializer {
  const make = (shape: readonly number[]): Parameter => new Parameter(new Float32Array(sizeOf(shape)), shape);
  return { normal: make, constant: make };
}

/** Copies `values` over parameters of the same names; every name and size must match. */
export function assignParameters(
  parameters: ReadonlyMap<string, Parameter>,
  values: ReadonlyMap<string, Float32Array>,
): void {
  for (const name of values.keys()) {
    if (!parameters.has(name)) throw new ConfigError(`parameters: the model has no parameter "${name}"`, { name });
  }
  for (const [name, parameter] of parameters) {
    const value = values.get(name);
    if (value === undefined)
      throw new ConfigError(`parameters: "${name}" ${formatShape(parameter.shape)} is missing`, { name });
    if (value.length !== parameter.size) {
      throw new ConfigError(
        `parameters: "${name}" needs ${parameter.size} numbers ${formatShape(parameter.shape)}, got ${value.length}`,
        { name },
      );
    }
    parameter.data.set(value);
  }
}
