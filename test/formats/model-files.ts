/** Small models as files in memory, of every format, for tests of loading. */
import { modelTypeOf, writeConfig } from "../../src/formats/config-json.ts";
import type { Checkpoint } from "../../src/formats/checkpoint.ts";
import { writeJSON } from "../../src/formats/fields.ts";
import { ggufArchitectureOf, toGGUF, writeGGUFMetadata } from "../../src/formats/gguf-config.ts";
import { GGML_TYPES } from "../../src/formats/gguf-header.ts";
import type { GGUFTensor } from "../../src/formats/gguf-writer.ts";
import { writeGGUF } from "../../src/formats/gguf-writer.ts";
import { toHuggingFace } from "../../src/formats/names.ts";
import { openCheckpoint } from "../../src/formats/open-checkpoint.ts";
import { quantize } from "../../src/formats/quantized/blocks.ts";
import type { QuantizedType } from "../../src/formats/quantized/blocks.ts";
import { writeSafetensors } from "../../src/formats/safetensors-writer.ts";
import type { WritableTensor } from "../../src/formats/safetensors-writer.ts";
import { openSource } from "../../src/formats/source.ts";
import type { Transformer } from "../../src/model/transformer.ts";
import type { NamedArray } from "../../src/formats/safetensors.ts";

/** The bytes of numbers in a type. */
export function encoded(type: QuantizedType, data: Float32Array): Uint8Array {
  const { items, bytes } = [...GGML_TYPES.values()].find(({ name }) => name === type) ?? { items: 1, bytes: 4 };
  const out = new Uint8Array((data.length / items) * bytes);
  quantize(type, data, out);
  return out;
}

/** A model's tensors under the names of Hugging Face's files. */
export function tensorsOf(model: Transformer): Map<string, NamedArray> {
  return toHuggingFace({ type: modelTypeOf(model.config), config: model.config }, model.parameters());
}

/** config.json and model.safetensors. `dtype` is that of the matrices; `change` may replace tensors. */
export function folderOf(
  model: Transformer,
  dtype: "F32" | "F16" | "BF16" = "F32",
  change: (tensors: Map<string, WritableTensor>) => void = () => {},
): Map<string, Uint8Array> {
  const tensors = new Map<string, WritableTensor>(tensorsOf(model));
  for (const [name, { shape, data }] of tensorsOf(model))
    if (dtype !== "F32" && shape.length === 2) tensors.set(name, { shape, dtype, bytes: encoded(dtype, data) });
  change(tensors);
  return new Map([
    ["config.json", writeJSON(writeConfig(model.config))],
    ["model.safetensors", writeSafetensors(tensors)],
  ]);
}

/** One GGUF file. @param type of its matrices */
export function ggufOf(model: Transformer, type: QuantizedType = "F32"): Uint8Array {
  const { config } = model;
  const architecture = ggufArchitectureOf(config) ?? "none";
  const tensors = new Map<string, GGUFTensor>();
  for (const [name, { shape, data }] of toGGUF({ architecture, config }, model.parameters())) {
    const own = shape.length === 2 ? type : "F32";
    tensors.set(name, { shape, type: own, bytes: encoded(own, data) });
  }
  return writeGGUF(writeGGUFMetadata(architecture, config), tensors);
}

/** The headers of files in memory. */
export async function openFiles(files: ReadonlyMap<string, Uint8Array>): Promise<Checkpoint> {
  return openCheckpoint("test", await openSource("test", files));
}
