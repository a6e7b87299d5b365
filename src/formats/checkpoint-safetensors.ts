/**
 * A model in Hugging Face's form, or heed's own: config.json beside one safetensors file, or beside several with an index
 * (model.safetensors.index.json) that says which tensor lies in which.
 */
import { FileError, FormatError, describeValue } from "../errors.ts";
import type { GenerationDefaults } from "../language-model.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { tokenizerFromJSON } from "../tokenizer/tokenizer-json.ts";
import type { Checkpoint, CheckpointTensor, TokenizerDescription } from "./checkpoint.ts";
import { readConfig } from "./config-json.ts";
import type { Fields } from "./fields.ts";
import { readFields, readText } from "./fields.ts";
import { FILES } from "./files.ts";
import { mergeGenerationDefaults, readGenerationDefaults } from "./generation-json.ts";
import { namesOf } from "./names.ts";
import { headerEnd, parseHeader } from "./safetensors-header.ts";
import { openAll, readBeginning, readFieldsOf, readSmall } from "./small-file.ts";
import type { ModelFile, ModelSource } from "./source.ts";

/** Enough for the length of the header, and to know other kinds of files. */
const FIRST_BYTES = 24;

/** The files beside config.json and the weights. */
const SIDE_FILES = [FILES.generation, FILES.tokenizer, FILES.tokenizerConfig, FILES.chatTemplate];

type SideFiles = ReadonlyMap<string, ModelFile>;

/** What lies beside weights: config.json, read, and the small files. */
export interface Surroundings {
  readonly config: ModelFile;
  readonly fields: Fields;
  readonly described: ReturnType<typeof readConfig>;
  readonly side: SideFiles;
}

/**
 * Reads config.json and opens the small files. Weights are opened afterwards: where there is a cache, to open a file is to
 * download it, and a family that heed does not know should not cost that.
 *
 * @throws FormatError for what is wrong in config.json
 */
export async function openSurroundings(source: ModelSource, config: ModelFile): Promise<Surroundings> {
  const fields = (await readFieldsOf(config)) as Fields;
  return { config, fields, described: readConfig(fields), side: await openAll(source, SIDE_FILES) };
}

/**
 * Opens a model of which the weights are known to be there.
 *
 * @param weights a safetensors file, or the index of several
 * @throws FileError if a file that the index names is missing, FormatError for what is wrong in them
 */
export async function openSafetensors(
  source: ModelSource,
  { config, fields, described, side }: Surroundings,
  weights: ModelFile,
): Promise<Checkpoint> {
  const isIndex = /\.json$/i.test(weights.name);
  const shards = isIndex ? await openShards(source, weights) : [weights];
  const tensors = await readHeaders(shards);
  if (isIndex) await checkIndex(weights, tensors);
  return {
    format: "safetensors",
    ...described,
    file: weights.name,
    describedBy: config.name,
    tensors,
    names: namesOf(described.type),
    files: [config, ...side.values(), ...(isIndex ? [weights] : []), ...shards],
    generationDefaults: () => readDefaults(side.get(FILES.generation), fields, described.config.vocabSize),
    tokenizer: () => readTokenizer(side),
    describeTokenizer: () => describeTokenizer(side),
  };
}

/** The tensors of files, by name. */
async function readHeaders(files: readonly ModelFile[]): Promise<Map<string, CheckpointTensor>> {
  const tensors = new Map<string, CheckpointTensor>();
  for (const file of files) {
    const first = await readBeginning(file, FIRST_BYTES);
    const end = headerEnd(first, file.size, file.name);
    const head = end > first.length ? await readBeginning(file, end, first) : first;
    for (const [name, place] of parseHeader(head, file.size, file.name).tensors) {
      const other = tensors.get(name)?.file.name;
      if (other !== undefined)
        throw new FormatError(`${file.name}: the tensor ${describeValue(name)} is in ${other}, too`, {
          file: file.name,
          tensor: name,
        });
      tensors.set(name, { name, file, ...place });
    }
  }
  return tensors;
}

/** The "weight_map" of an index: the file of each tensor. */
async function readIndex(index: ModelFile): Promise<Map<string, string>> {
  const fields = (await readFieldsOf(index)) as Fields;
  const map = fields.value("weight_map");
  if (typeof map !== "object" || map === null || Array.isArray(map)) throw fields.wrong("weight_map", "an object", map);
  for (const [tensor, file] of Object.entries(map) as [string, unknown][]) {
    if (typeof file !== "string" || !/^[^/\\:\0]+\.safetensors$/.test(file))
      throw fields.wrong(
        `weight_map[${describeValue(tensor)}]`,
        "the plain name of a .safetensors file in the same folder",
        file,
      );
  }
  return new Map(Object.entries(map as Record<string, string>));
}

async function openShards(source: ModelSource, index: ModelFile): Promise<ModelFile[]> {
  const names = [...new Set((await readIndex(index)).values())].sort();
  const shards = await openAll(source, names);
  const missing = names.filter((name) => !shards.has(name));
  if (missing.length > 0)
    throw new FileError(
      `${source.place}: ${missing.length} of the ${names.length} files that ${index.name} names are missing: ${missing.slice(0, 5).join(", ")}`,
      { missing },
    );
  return [...shards.values()];
}

async function checkIndex(index: ModelFile, tensors: ReadonlyMap<string, CheckpointTensor>): Promise<void> {
  for (const [tensor, file] of await readIndex(index)) {
    if (tensors.get(tensor)?.file.name !== file)
      throw new FormatError(`${file}: the tensor ${describeValue(tensor)}, which ${index.name} names, is not there`, {
        file,
        tensor,
      });
  }
}

async function readDefaults(
  generation: ModelFile | undefined,
  config: Fields,
  vocabSize: number,
): Promise<GenerationDefaults> {
  const fields = await readFieldsOf(generation);
  return mergeGenerationDefaults(
    fields === undefined ? {} : readGenerationDefaults(fields, vocabSize),
    readGenerationDefaults(config, vocabSize),
  );
}

/** The tokenizer, with what stands beside it: its roles, and a chat template in a file of its own, which then is the one that counts. */
async function readTokenizer(side: SideFiles): Promise<Tokenizer | undefined> {
  const file = side.get(FILES.tokenizer);
  if (file === undefined) return undefined;
  return tokenizerFromJSON(readText(await readSmall(file), file.name), await readTokenizerConfig(side));
}

async function readTokenizerConfig(side: SideFiles): Promise<Record<string, unknown>> {
  const fields = await readFieldsOf(side.get(FILES.tokenizerConfig));
  const template = side.get(FILES.chatTemplate);
  return {
    ...fields?.values,
    ...(template !== undefined && { chat_template: readText(await readSmall(template), template.name) }),
  };
}

async function describeTokenizer(side: SideFiles): Promise<TokenizerDescription | undefined> {
  const file = side.get(FILES.tokenizer);
  if (file === undefined) return undefined;
  const { values } = readFields(await readSmall(file), file.name);
  const { type, vocab } = (values.model ?? {}) as { type?: unknown; vocab?: unknown };
  const added = Array.isArray(values.added_tokens) ? (values.added_tokens as ({ id?: unknown } | null)[]) : [];
  const ids: unknown[] = typeof vocab === "object" && vocab !== null ? Object.values(vocab) : [];
  const count = Array.isArray(vocab) ? vocab.length : new Set([...ids, ...added.map((token) => token?.id)]).size;
  return {
    kind: typeof type === "string" ? type : "unknown",
    vocabSize: count,
    chatTemplate: (await readTokenizerConfig(side)).chat_template != null,
  };
}
