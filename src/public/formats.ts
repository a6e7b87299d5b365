/** heed/formats: models from files and back. */
export { describeModel, loadModel } from "../load.ts";
export type {
  DescribeOptions,
  LoadOptions,
  LoadProgress,
  ModelDescription,
  ModelInput,
  SourceOptions,
  WeightType,
} from "../load.ts";
export type { StoredShare, TensorDescription } from "../formats/describe.ts";
export type { CheckpointFormat, TokenizerDescription } from "../formats/checkpoint.ts";
export type { FileHandle, FolderHandle } from "../formats/source.ts";
export { saveModel } from "../formats/save.ts";
export type { SaveOptions } from "../formats/save.ts";
export { SafetensorsFile, readSafetensors } from "../formats/safetensors.ts";
export { writeSafetensors } from "../formats/safetensors-writer.ts";
export type { TensorBytes, WritableTensor } from "../formats/safetensors-writer.ts";
export type { NamedArray, ReadSafetensorsOptions, SafetensorsTensor } from "../formats/safetensors.ts";
export type { DType } from "../formats/safetensors-header.ts";
export { GGML_TYPES, readGGUFHeader } from "../formats/gguf-header.ts";
export { writeGGUF } from "../formats/gguf-writer.ts";
export type { GGUFEntry, GGUFTensor } from "../formats/gguf-writer.ts";
export type { GGUFField } from "../formats/gguf-config.ts";
export type { GGMLType, GGUFArray, GGUFHeader, GGUFTensorInfo, GGUFValue } from "../formats/gguf-header.ts";
export { fromHuggingFace, toHuggingFace } from "../formats/names.ts";
export { modelTypeOf } from "../formats/config-json.ts";
export type { DescribedModel, ModelType } from "../formats/config-json.ts";
export type { Family } from "../formats/architectures/table.ts";
export type { RowData, TensorArray } from "../formats/architectures/tensor-rules.ts";
export { AbortError, ConfigError, FileError, FormatError, HeedError } from "../errors.ts";
