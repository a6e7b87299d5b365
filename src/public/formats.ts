/** heed/formats: models from files and back. */
export { loadModel } from "../load.ts";
export type { LoadOptions, LoadProgress } from "../load.ts";
export { saveModel } from "../formats/save.ts";
export type { SaveOptions } from "../formats/save.ts";
export { SafetensorsFile, readSafetensors, writeSafetensors } from "../formats/safetensors.ts";
export type { NamedArray, ReadSafetensorsOptions, SafetensorsTensor } from "../formats/safetensors.ts";
export type { DType } from "../formats/safetensors-header.ts";
export { fromHuggingFace, toHuggingFace } from "../formats/names.ts";
export type { Family } from "../formats/names.ts";
export { AbortError, ConfigError, FileError, FormatError, HeedError } from "../errors.ts";
