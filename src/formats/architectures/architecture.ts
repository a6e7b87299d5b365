/**
 * What one entry of the table of architectures says: how files of two kinds, Hugging Face's folders and GGUF files, write
 * down a model of that family. Every entry is a list of settings and a list of tensors; no entry has code of its own beyond that.
 */
import type { ModelConfig, ResolvedConfig } from "../../model/config.ts";
import type { Fields } from "../fields.ts";
import type { TensorArray, TensorNames } from "./tensor-rules.ts";

/** The tensors of a file, as far as settings depend on them: GGUF tells some by a tensor being there. */
export type FileTensors = ReadonlyMap<string, TensorArray>;

/**
 * One or several settings of a model, and how a file says them. Settings are read in the order of their list, and each
 * sees what the ones before it have read.
 */
export interface Setting {
  /** What the file says, as settings of `ModelConfig`. Throws a FormatError for what is wrong or not supported. */
  read(fields: Fields, known: Partial<ModelConfig>, tensors: FileTensors): Partial<ModelConfig>;
  /** The fields of a file that say what the config has. */
  write(config: ResolvedConfig): Record<string, unknown>;
}

/** How one kind of file describes the models of an architecture. */
export interface FileForm {
  readonly settings: readonly Setting[];
  readonly names: TensorNames;
}

/** A family of models. */
export interface Architecture {
  /** In Hugging Face's files. */
  readonly huggingFace: FileForm & {
    /** The class that Hugging Face's transformers loads such a model with. */
    readonly className: string;
    /** A model_type whose config.json holds this one's as a part: a text model with eyes. */
    readonly inside?: { readonly type: string; readonly part: string };
  };
  /** In GGUF files; absent where these use another architecture's form. */
  readonly gguf?: FileForm & {
    /** The value of general.architecture, which is also the first part of the other keys. */
    readonly architecture: string;
    /** Whether llama.cpp computes a model as heed does. One that it does not is read, but not written. Default: always. */
    readonly isFaithful?: (config: ResolvedConfig) => boolean;
    /** Tensors that hold a divisor for each rotary frequency. Default: files cannot say these. */
    readonly ropeTensors?: readonly string[];
  };
}
