/** heed: the public surface, in the order of the chapters. */
export * from "./public/tensor.ts";
export * from "./public/model.ts";
export * from "./public/tokenizer.ts";
export * from "./public/generation.ts";
export * from "./public/formats.ts";
export * from "./public/training.ts";
