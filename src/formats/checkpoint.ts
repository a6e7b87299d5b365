/** What the files of a model say before any weight is read: the same for all formats. */
import type { GenerationDefaults } from "../language-model.ts";
import type { ResolvedConfig } from "../model/config.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { TensorNames } from "./architectures/tensor-rules.ts";
import type { ModelFile } from "./source.ts";

/** A tensor of a file. */
export interface CheckpointTensor {
  /** As the file calls it. */
  readonly name: string;
  /** Axis lengths, outermost first. */
  readonly shape: readonly number[];
  /** How the file holds the numbers, such as "F32", "BF16", "I64" or "Q4_K". */
  readonly dtype: string;
  /** The file that it lies in. */
  readonly file: ModelFile;
  /** First byte, from the beginning of the file. */
  readonly begin: number;
  /** One past the last byte. */
  readonly end: number;
}

/** What is known of a tokenizer without making it. */
export interface TokenizerDescription {
  /** As the file calls it: "BPE", "Unigram" … in tokenizer.json; "gpt2", "llama" … in GGUF files; "llama2.c". */
  readonly kind: string;
  /** Number of ids; 0 where the files do not tell. */
  readonly vocabSize: number;
  /** Whether there is a template for chats. */
  readonly chatTemplate: boolean;
}

/** The way in which weights are written down. */
export type CheckpointFormat = "safetensors" | "gguf" | "llama2c";

/** A model whose headers have been read and checked. */
export interface Checkpoint {
  readonly format: CheckpointFormat;
  /** The model_type of config.json, or the general.architecture of a GGUF file. */
  readonly type: string;
  readonly config: ResolvedConfig;
  /** The file or files of weights, for messages. */
  readonly file: string;
  /** What describes the model, for messages: "config.json", or "the metadata of x.gguf". */
  readonly describedBy: string;
  /** By name, in the order of the data, file after file. */
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
  /** What tensors are called; undefined if as in heed. */
  readonly names: TensorNames | undefined;
  /** Every file that is read, those of the tokenizer included. */
  readonly files: readonly ModelFile[];
  /** The ids with a role that the files name beside the tokenizer. */
  generationDefaults(): Promise<GenerationDefaults>;
  /** The tokenizer; undefined if there is none. Throws a TokenizerError for a kind that heed does not know. */
  tokenizer(): Promise<Tokenizer | undefined>;
  /** What the tokenizer is, be it of a kind that heed knows or not; undefined if there is none. */
  describeTokenizer(): Promise<TokenizerDescription | undefined>;
}
