/** The vocabularies that tokenizers are compared with. They lie in the test data, which is no part of the project. */
import { existsSync } from "node:fs";
import { DATA } from "../places.ts";

/** Ranks as tiktoken has them, by the name of the encoding. */
export const TIKTOKEN_NAMES = ["r50k_base", "p50k_base", "cl100k_base", "o200k_base"] as const;

/** Models with a tokenizer.json. */
export const MODEL_NAMES = ["qwen3", "codegen", "whisper", "phi3", "stories260K"] as const;

/** An encoding of tiktoken. */
export type TiktokenName = (typeof TIKTOKEN_NAMES)[number];

/** A model's name. */
export type ModelName = (typeof MODEL_NAMES)[number];

/** A vocabulary, and the file that holds it. */
export type Vocabulary =
  { kind: "tiktoken"; name: TiktokenName; path: string } | { kind: "model"; name: ModelName; path: string };

/** Where the ranks of an encoding are. */
export function tiktokenVocabulary(name: TiktokenName): Vocabulary {
  return { kind: "tiktoken", name, path: `${DATA}tokenizers/tiktoken/${name}.tiktoken` };
}

/** Where the tokenizer.json of a model is. */
export function modelVocabulary(name: ModelName): Vocabulary {
  const folder = name === "stories260K" ? name : `tokenizers/${name}`;
  return { kind: "model", name, path: `${DATA}${folder}/tokenizer.json` };
}

/** Why a vocabulary cannot be used, if it cannot. */
export function whyAbsent({ path }: Vocabulary): string | undefined {
  return existsSync(path) ? undefined : `there is no ${path} (set HEED_DATA)`;
}
