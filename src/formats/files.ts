/** The files of a model, by the names that Hugging Face gave them. */

/** Names of the files that heed reads and writes. */
export const FILES = {
  config: "config.json",
  weights: "model.safetensors",
  index: "model.safetensors.index.json",
  tokenizer: "tokenizer.json",
  tokenizerConfig: "tokenizer_config.json",
  chatTemplate: "chat_template.jinja",
  generation: "generation_config.json",
} as const;
