/** A model in one GGUF file, which brings everything: the config, the tokenizer and the weights. */
import { FormatError } from "../errors.ts";
import type { GenerationDefaults } from "../language-model.ts";
import { tokenizerFromGGUF } from "../tokenizer/tokenizer-gguf.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { TensorArray } from "./architectures/tensor-rules.ts";
import type { Checkpoint, CheckpointTensor, TokenizerDescription } from "./checkpoint.ts";
import { ggufTensorNames, readGGUFConfig } from "./gguf-config.ts";
import { GGML_TYPES, readGGUFHeader } from "./gguf-header.ts";
import type { GGUFHeader, GGUFValue } from "./gguf-header.ts";
import { readNumbers } from "./numbers.ts";
import { readBeginning } from "./small-file.ts";
import type { ModelFile } from "./source.ts";

type Metadata = ReadonlyMap<string, GGUFValue>;

/** Enough for small vocabularies; more is read as needed. */
const FIRST_BYTES = 2 ** 20;

/** Tensors that belong to the config: divisors of rotary frequencies. */
const SETTINGS = /^rope_(freqs|factors_long|factors_short)\.weight$/;
/** Most numbers that such a tensor may have. */
const MAX_SETTINGS = 2 ** 16;

/**
 * Opens a GGUF file: reads its header, and not more of the file than that.
 *
 * @throws FormatError for what is wrong or not supported
 */
export async function openGGUF(file: ModelFile): Promise<Checkpoint> {
  const { metadata, tensors: infos } = await readHeader(file);
  const parts = metadata.get("split.count");
  if (typeof parts === "number" && parts > 1)
    throw new FormatError(
      `${file.name}: this is one of ${parts} parts of a model; join them with llama.cpp's llama-gguf-split --merge`,
      { file: file.name, parts },
    );
  const tensors = new Map<string, CheckpointTensor>();
  for (const { type, ...info } of [...infos].sort((a, b) => a.begin - b.begin))
    tensors.set(info.name, { ...info, dtype: GGML_TYPES.get(type)?.name ?? String(type), file });
  const { architecture, config } = readGGUFConfig(metadata, await withSettings(tensors), file.name);
  return {
    format: "gguf",
    type: architecture,
    config,
    file: file.name,
    describedBy: `the metadata of ${file.name}`,
    tensors,
    names: ggufTensorNames(architecture),
    files: [file],
    generationDefaults: async () => readRoles(metadata, config.vocabSize),
    tokenizer: async () => (hasTokenizer(metadata) ? readTokenizer(metadata, file.name) : undefined),
    describeTokenizer: async () => describeTokenizer(metadata),
  };
}

/** Reads the header with as much of the file as it takes, twice as much each time. */
async function readHeader(file: ModelFile): Promise<GGUFHeader> {
  let bytes = await readBeginning(file, FIRST_BYTES);
  for (;;) {
    try {
      return readGGUFHeader(bytes, file.name, file.size);
    } catch (error) {
      const needed = error instanceof FormatError ? error.details.needed : undefined;
      if (typeof needed !== "number") throw error;
      bytes = await readBeginning(file, Math.max(needed, 2 * bytes.length), bytes);
    }
  }
}

/** The tensors as the config sees them: shapes, and the numbers of those that are settings. */
async function withSettings(tensors: ReadonlyMap<string, CheckpointTensor>): Promise<Map<string, TensorArray>> {
  const seen = new Map<string, TensorArray>();
  for (const [name, { shape, dtype, file, begin, end }] of tensors) {
    let data = new Float32Array(0);
    if (SETTINGS.test(name)) {
      const where = `${file.name}: tensor "${name}"`;
      if (shape.length !== 1 || shape[0] > MAX_SETTINGS)
        throw new FormatError(`${where} must be a list of at most ${MAX_SETTINGS} numbers`, { file: file.name, name });
      data = new Float32Array(shape[0]);
      const bytes = new Uint8Array(end - begin);
      await file.read(begin, bytes);
      readNumbers(dtype, bytes, data, where);
    }
    seen.set(name, { shape, data });
  }
  return seen;
}

function hasTokenizer(metadata: Metadata): boolean {
  const model = metadata.get("tokenizer.ggml.model");
  return model !== undefined && model !== "none" && model !== "no_vocab";
}

/** The tokenizer, with errors that name the file. */
function readTokenizer(metadata: Metadata, file: string): Tokenizer {
  try {
    return tokenizerFromGGUF(metadata);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    // The parts that files of all kinds share speak of tokenizer.json.
    throw new FormatError(`${file}: ${error.message.replace(/^(GGUF|tokenizer(\.json)?): /, "")}`, {
      ...error.details,
      file,
    });
  }
}

/** An id outside the vocabulary, be it -1, stands for none. A turn ends a text as well as the end of a text does. */
function readRoles(metadata: Metadata, vocabSize: number): GenerationDefaults {
  const ids = (...names: string[]): number[] =>
    names
      .map((name) => metadata.get(`tokenizer.ggml.${name}_token_id`))
      .filter((id): id is number => Number.isInteger(id) && (id as number) >= 0 && (id as number) < vocabSize);
  const [bosId] = ids("bos");
  const [padId] = ids("padding");
  const eosIds = [...new Set(ids("eos", "eot", "eom"))];
  return {
    ...(bosId !== undefined && { bosId }),
    ...(eosIds.length > 0 && { eosIds }),
    ...(padId !== undefined && { padId }),
  };
}

function describeTokenizer(metadata: Metadata): TokenizerDescription | undefined {
  if (!hasTokenizer(metadata)) return undefined;
  const tokens = metadata.get("tokenizer.ggml.tokens");
  return {
    kind: String(metadata.get("tokenizer.ggml.model")),
    vocabSize: Array.isArray(tokens) ? tokens.length : 0,
    chatTemplate: metadata.has("tokenizer.chat_template"),
  };
}
