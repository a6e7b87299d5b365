/** heed/tokenizer: from text to token ids and back. */
export type {
  ChatTemplate,
  DecodeOptions,
  EncodeOptions,
  Encoding,
  StreamDecoder,
  Tokenizer,
  TokenizerRoles,
} from "../tokenizer/tokenizer.ts";
export { CharTokenizer } from "../tokenizer/char.ts";
export type { CharTrainOptions } from "../tokenizer/char.ts";
export { splitGPT2 } from "../tokenizer/pre-tokenize.ts";
export { encodeTextbook, mergeSteps, spellBytes } from "../tokenizer/textbook.ts";
export type { Textbook } from "../tokenizer/textbook.ts";
export { BPETokenizer } from "../tokenizer/bpe.ts";
export type { BPEParts } from "../tokenizer/bpe.ts";
export type { BPEModelParts } from "../tokenizer/bpe-model.ts";
export type { Vocab, Vocabulary } from "../tokenizer/vocabulary.ts";
export type { TiktokenName } from "../tokenizer/tiktoken.ts";
export { padTokens, truncateTokens } from "../tokenizer/limits.ts";
export type { PadOptions, TruncateOptions } from "../tokenizer/limits.ts";
export type { AddedToken } from "../tokenizer/special.ts";
export type { BPETrainOptions, BPETrainProgress, Merge } from "../tokenizer/train.ts";
export { applyChatTemplate } from "../tokenizer/chat-template.ts";
export type { ChatMessage, ChatTemplateOptions } from "../tokenizer/chat-template.ts";
export { encodeChat } from "../tokenizer/chat-tokens.ts";
export type { EncodeChatOptions } from "../tokenizer/chat-tokens.ts";
export { tokenizerFromJSON } from "../tokenizer/tokenizer-json.ts";
export { tokenizerFromGGUF } from "../tokenizer/tokenizer-gguf.ts";
export { tokenizerFromLlama2c } from "../tokenizer/tokenizer-llama2c.ts";
export { AbortError, ConfigError, FormatError, HeedError, TokenizerError } from "../errors.ts";
