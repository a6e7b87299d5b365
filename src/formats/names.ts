/**
 * A model's parameters under the names, and in the layout, of Hugging Face's checkpoints. The functions work on any values
 * that go with parameters: weights, gradients, moments; numbers or the bytes of other types.
 */
import type { TensorNames, RowData, TensorArray } from "./architectures/tensor-rules.ts";
import { fromFile, toFile } from "./architectures/tensor-rules.ts";
import { architectureOf } from "./architectures/table.ts";
import type { DescribedModel, ModelType } from "./config-json.ts";

/** What a type of model calls its tensors; heed's own format has heed's names. */
export function namesOf(type: ModelType): TensorNames | undefined {
  return type === "heed" ? undefined : architectureOf(type).huggingFace.names;
}

/**
 * Values under heed's parameter names as a Hugging Face checkpoint holds them. Values may be any subset of a model's
 * parameters, except that those go together that share a tensor: query, key and value in GPT-2.
 *
 * ```ts
 * const { config } = model;
 * toHuggingFace({ type: "gpt2", config }, model.parameters()).get("h.0.attn.c_attn.weight")?.shape; // [dModel, 3 · dModel]
 * ```
 *
 * @param model what `readConfig` says of it; `modelTypeOf(config)` finds the type of a model that was made here
 * @returns values in the order given; `data` is computed each time it is read, so that no second copy is held
 * @throws ConfigError for a name that the family does not have
 */
export function toHuggingFace<Data extends RowData>(
  { type, config }: DescribedModel,
  values: ReadonlyMap<string, TensorArray<Data>>,
): Map<string, TensorArray<Data>> {
  const names = namesOf(type);
  return names === undefined ? new Map(values) : toFile("toHuggingFace", names, config, values);
}

/**
 * Tensors of a Hugging Face checkpoint under heed's parameter names: the inverse of `toHuggingFace`.
 *
 * @param file its name, for messages
 * @returns values in the order given; `data` is computed each time it is read, so that no second copy is held
 * @throws FormatError naming the tensors that the family does not have
 */
export function fromHuggingFace<Data extends RowData>(
  { type, config }: DescribedModel,
  values: ReadonlyMap<string, TensorArray<Data>>,
  file: string = "checkpoint",
): Map<string, TensorArray<Data>> {
  const names = namesOf(type);
  return names === undefined ? new Map(values) : fromFile(file, names, config, values);
}
