/** heed/tokenizer: from text to token ids and back. */
export type { DecodeOptions, EncodeOptions, Encoding, StreamDecoder, Tokenizer } from "../tokenizer/tokenizer.ts";
export { CharTokenizer } from "../tokenizer/char.ts";
export type { CharTrainOptions } from "../tokenizer/char.ts";
export { splitGPT2 } from "../tokenizer/pre-tokenize.ts";
export { BPETokenizer } from "../tokenizer/bpe.ts";
export type { BPEModelParts, BPEParts } from "../tokenizer/bpe.ts";
export type { AddedToken } from "../tokenizer/special.ts";
export type { BPETrainOptions, Merge } from "../tokenizer/train.ts";
export { tokenizerFromJSON } from "../tokenizer/tokenizer-json.ts";
export { AbortError, ConfigError, FormatError, HeedError, TokenizerError } from "../errors.ts";
