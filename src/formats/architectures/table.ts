/** The table of architectures, in the order in which a model that fits several is given to one. */
import type { Architecture } from "./architecture.ts";
import { gemma, gemma2, gemma3 } from "./gemma.ts";
import { gptNeoX } from "./gpt-neox.ts";
import { gpt2 } from "./gpt2.ts";
import { llama, mistral, smolLM3 } from "./llama.ts";
import { olmo2 } from "./olmo2.ts";
import { phi3 } from "./phi3.ts";
import { qwen2, qwen3 } from "./qwen.ts";
import { stableLM } from "./stablelm.ts";

/** A family of models with a form of its own in Hugging Face's files: the model_type in config.json. */
export type Family =
  | "gpt2"
  | "llama"
  | "mistral"
  | "qwen2"
  | "qwen3"
  | "gemma"
  | "gemma2"
  | "gemma3_text"
  | "smollm3"
  | "olmo2"
  | "stablelm"
  | "phi3"
  | "gpt_neox";

/** Functions, so that a program that needs no table carries none. */
const ENTRIES: Readonly<Record<Family, () => Architecture>> = {
  gpt2,
  llama,
  mistral,
  qwen2,
  qwen3,
  gemma,
  gemma2,
  gemma3_text: gemma3,
  smollm3: smolLM3,
  olmo2,
  stablelm: stableLM,
  phi3,
  gpt_neox: gptNeoX,
};

/** All families. */
export const FAMILIES: readonly Family[] = /* @__PURE__ */ Object.keys(ENTRIES) as Family[];

/** Entries that were asked for. Making all of them anew for each question took most of the time of opening a small model. */
const made: Map<Family, Architecture> = /* @__PURE__ */ new Map();

/** What the table says of a family. */
export function architectureOf(family: Family): Architecture {
  const entry = made.get(family) ?? ENTRIES[family]();
  made.set(family, entry);
  return entry;
}
