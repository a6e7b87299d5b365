/** A model's parameters as files hold them: each in a type of its own, converted when its turn comes to be written. */
import { canBeStored } from "../model/transformer.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { RowData, TensorArray } from "./architectures/tensor-rules.ts";
import { dequantize, quantize } from "./quantized/blocks.ts";
import type { WeightType } from "./weights.ts";

/** What files call the types. */
export const FILE_TYPES: Readonly<Record<WeightType, "F32" | "F16" | "BF16" | "Q8_0" | "Q4_0">> = {
  f32: "F32",
  f16: "F16",
  bf16: "BF16",
  q8_0: "Q8_0",
  q4_0: "Q4_0",
};

/** The parameters of a model by name. */
export type Parameters = ReadonlyMap<string, Tensor>;

/** A type for each parameter. */
export type TypeOf = (name: string, parameter: Tensor) => WeightType;

/** How a parameter is held. */
export function heldType(parameter: Tensor): WeightType {
  return parameter.stored?.type ?? "f32";
}

/** Whether a type packs numbers in blocks, which only GGUF files have. */
export function isBlocks(type: WeightType): boolean {
  return type === "q8_0" || type === "q4_0";
}

/**
 * The types for a file of plain numbers. Default: as held, where blocks become 32-bit floats. What is always held as 32-bit
 * floats (norms, biases, learned positions) takes the type that all the matrices have, if that changes none of its numbers:
 * so a file that came in 16 bits goes out as it was.
 */
export function plainTypes(parameters: Parameters, asked: WeightType | undefined): TypeOf {
  if (asked !== undefined) return () => asked;
  const held: TypeOf = (_, parameter) => (isBlocks(heldType(parameter)) ? "f32" : heldType(parameter));
  const types = new Set<WeightType>();
  const others: Tensor[] = [];
  for (const [name, parameter] of parameters) {
    if (canBeStored(name, parameter.shape)) types.add(held(name, parameter));
    else others.push(parameter);
  }
  const [only] = types;
  return types.size === 1 && others.every(({ data }) => isExact(data, only)) ? () => only : held;
}

/** Whether numbers stay what they are in a type. */
function isExact(data: Float32Array, type: WeightType): boolean {
  if (type === "f32") return true;
  const again = new Float32Array(data.length);
  dequantize(FILE_TYPES[type], encode(data, type), again);
  return data.every((value, i) => Object.is(value, again[i]));
}

/** The types for a GGUF file, as llama.cpp has them: blocks where they fill the rows, vectors and positions as 32-bit floats. */
export function ggufTypes(asked: WeightType | undefined): TypeOf {
  return (name, parameter) => {
    const { shape } = parameter;
    if (!canBeStored(name, shape)) return "f32";
    const type = asked ?? heldType(parameter);
    return isBlocks(type) && shape[1] % 32 !== 0 ? "f16" : type;
  };
}

/** Parameters in the types of a file; `data` is made each time it is read, and is the model's own where nothing changes. */
export function savedValues(parameters: Parameters, typeOf: TypeOf): Map<string, TensorArray<RowData>> {
  return new Map(
    [...parameters].map(([name, parameter]) => {
      const type = typeOf(name, parameter);
      const value = {
        shape: parameter.shape,
        dtype: FILE_TYPES[type],
        get data() {
          return numbersOf(parameter, type);
        },
      };
      return [name, value];
    }),
  );
}

function numbersOf(parameter: Tensor, type: WeightType): RowData {
  if (type === "f32") return parameter.data;
  const { stored } = parameter;
  const bytes = stored?.type === type ? stored.bytes : encode(parameter.data, type);
  if (isBlocks(type)) return bytes;
  // Numbers of 16 bits, and not bytes, so that GPT-2's matrices can be transposed.
  const { buffer, byteOffset } = bytes.byteOffset % 2 === 0 ? bytes : new Uint8Array(bytes);
  return new Uint16Array(buffer, byteOffset, parameter.size);
}

function encode(data: Float32Array, type: WeightType): Uint8Array {
  const bits = { f32: 32, f16: 16, bf16: 16, q8_0: 8.5, q4_0: 4.5 };
  const out = new Uint8Array((data.length * bits[type]) / 8);
  quantize(FILE_TYPES[type], data, out);
  return out;
}
