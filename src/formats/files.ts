/** The files of a model, by the names that Hugging Face gave them. */

/** Names of the files that heed reads and writes. */
export const FILES = {
  config: "config.json",
  weights: "model.safetensors",
  tokenizer: "tokenizer.json",
  generation: "generation_config.json",
} as const;
