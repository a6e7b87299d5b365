/** heed/generation: from a prompt to a text, and the probabilities behind it. */
export {
  addBias,
  applyTemperature,
  argmax,
  forbid,
  forbidRepeatedNgrams,
  keepTopK,
  keepTopP,
  likeliest,
  penalizeRepetition,
  toProbabilities,
} from "../generation/logits.ts";
export type { Scores } from "../generation/logits.ts";
export type {
  BeamOptions,
  GenerateCommon,
  GenerateOptions,
  GreedyOptions,
  SampleOptions,
} from "../generation/options.ts";
export type { Prompt } from "../generation/prompt.ts";
export type { FinishReason, TokenLogprob } from "../generation/sample.ts";
export { Generation, generate } from "../generation/generate.ts";
export type {
  GeneratedSequence,
  GenerationPiece,
  GenerationRequest,
  GenerationResult,
  GenerationUsage,
} from "../generation/generate.ts";
export { chat } from "../generation/chat.ts";
export type { ChatOptions, ChatTemplating } from "../generation/chat.ts";
export { nextTokens, score } from "../generation/score.ts";
export type { NextToken, ScoreResult } from "../generation/score.ts";
export type { GenerationDefaults, LanguageModel } from "../language-model.ts";
export { AbortError, ConfigError, DivergedError, HeedError } from "../errors.ts";
