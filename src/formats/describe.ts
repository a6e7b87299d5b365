/** A model's files in numbers and names. */
import type { ResolvedConfig } from "../model/config.ts";
import { sizeOf } from "../tensor/shape.ts";
import type { Checkpoint, CheckpointFormat, TokenizerDescription } from "./checkpoint.ts";
import { planBytes, planWeights } from "./weights.ts";

/** What is stored in one type. */
export interface StoredShare {
  readonly tensors: number;
  /** Numbers in these tensors. */
  readonly numbers: number;
  readonly bytes: number;
}

/** A tensor of a file. */
export interface TensorDescription {
  readonly name: string;
  readonly shape: readonly number[];
  /** Such as "F32" or "Q4_K". */
  readonly dtype: string;
  /** The file that it lies in. */
  readonly file: string;
  readonly bytes: number;
}

/** What files say of a model, as a plain object. */
export interface ModelDescription {
  readonly format: CheckpointFormat;
  /** The model_type of config.json, the general.architecture of a GGUF file, or "llama2.c". */
  readonly architecture: string;
  /** Number of parameters; a matrix that two layers share counts once. */
  readonly parameters: number;
  /** Bytes of all tensors. */
  readonly bytes: number;
  /** Bytes of the weights as `loadModel` holds them by default; a matrix that two layers share counts once. */
  readonly heldBytes: number;
  /** What is stored how, by type. */
  readonly dtypes: Readonly<Record<string, StoredShare>>;
  readonly contextLength: number;
  readonly vocabSize: number;
  readonly config: ResolvedConfig;
  readonly tokenizer: TokenizerDescription | undefined;
  /** In the order of the files. */
  readonly tensors: readonly TensorDescription[];
  /** Every file that would be read. */
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
}

/**
 * Describes an opened model.
 *
 * @throws FormatError if its tensors are not those of the config, or the files of the tokenizer are damaged
 */
export async function describeCheckpoint(checkpoint: Checkpoint): Promise<ModelDescription> {
  const { format, type, config, files } = checkpoint;
  const dtypes: Record<string, StoredShare> = {};
  const tensors = [...checkpoint.tensors.values()].map(({ name, shape, dtype, file, begin, end }) => {
    const bytes = end - begin;
    const before = dtypes[dtype] ?? { tensors: 0, numbers: 0, bytes: 0 };
    dtypes[dtype] = {
      tensors: before.tensors + 1,
      numbers: before.numbers + sizeOf(shape),
      bytes: before.bytes + bytes,
    };
    return { name, shape, dtype, file: file.name, bytes };
  });
  const plan = planWeights(checkpoint);
  const weights = plan.flatMap((planned) => planned.weights);
  return {
    format,
    architecture: type,
    parameters: weights.reduce((sum, { shape, isCopy }) => sum + (isCopy ? 0 : sizeOf(shape)), 0),
    bytes: tensors.reduce((sum, { bytes }) => sum + bytes, 0),
    heldBytes: planBytes(plan),
    dtypes,
    contextLength: config.contextLength,
    vocabSize: config.vocabSize,
    config,
    tokenizer: await checkpoint.describeTokenizer(),
    tensors,
    files: files.map(({ name, size }) => ({ name, bytes: size })),
  };
}
