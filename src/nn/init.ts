/** Where parameters start. */
import { ConfigError, describeValue } from "../errors.ts";
import { Random } from "../random.ts";
import { formatShape, sameShape, sizeOf } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
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

/** Leaves every parameter without numbers, for models whose weights come from elsewhere: `assignParameters` brings them. */
export function blank(): Initializer {
  const make = (shape: readonly number[]): Parameter => new Parameter(null, shape);
  return { normal: make, constant: make };
}

/** Values by name: numbers, or tensors that may hold them in another form. */
export type ParameterValues = ReadonlyMap<string, Float32Array | Tensor>;

/**
 * Gives parameters the `values` of the same names: arrays are copied, tensors taken over. Each value is read once, and none is kept while the next is read,
 * since it may be computed when it is asked for. So names are checked first, but sizes one by one: `checkParameters` is
 * for those who need all or nothing.
 *
 * @throws ConfigError unless every name and size matches
 */
export function assignParameters(parameters: ReadonlyMap<string, Parameter>, values: ParameterValues): void {
  checkNames(parameters, values);
  for (const [name, parameter] of parameters) {
    const value = fittingValue(name, parameter, values);
    if (value instanceof Tensor) parameter.adopt(value);
    else parameter.assign(value);
  }
}

/**
 * Checks that `assignParameters` would succeed.
 *
 * @throws ConfigError unless every name and size matches
 */
export function checkParameters(parameters: ReadonlyMap<string, Parameter>, values: ParameterValues): void {
  checkNames(parameters, values);
  for (const [name, parameter] of parameters) fittingValue(name, parameter, values);
}

function checkNames(parameters: ReadonlyMap<string, Parameter>, values: ParameterValues): void {
  if (typeof values?.get !== "function")
    throw new ConfigError(`parameters: must be a Map of Float32Arrays by name, got ${describeValue(values)}`);
  for (const name of values.keys()) {
    if (!parameters.has(name)) throw new ConfigError(`parameters: the model has no parameter "${name}"`, { name });
  }
  for (const [name, { shape }] of parameters) {
    if (!values.has(name)) throw new ConfigError(`parameters: "${name}" ${formatShape(shape)} is missing`, { name });
  }
}

function fittingValue(name: string, { shape, size }: Parameter, values: ParameterValues): Float32Array | Tensor {
  const value = values.get(name);
  if (value instanceof Tensor) {
    if (sameShape(value.shape, shape)) return value;
    throw new ConfigError(`parameters: "${name}" must be ${formatShape(shape)}, got ${formatShape(value.shape)}`, {
      name,
    });
  }
  if (!(value instanceof Float32Array))
    throw new ConfigError(`parameters: "${name}" must be a Float32Array, got ${describeValue(value)}`, { name });
  if (value.length === size) return value;
  throw new ConfigError(`parameters: "${name}" needs ${size} numbers ${formatShape(shape)}, got ${value.length}`, {
    name,
  });
}
