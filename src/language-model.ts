/** A model and the tokenizer it was trained with: what loading gives and what generation takes. Types only. */
import type { Transformer } from "./model/transformer.ts";
import type { Tokenizer } from "./tokenizer/tokenizer.ts";

/** Ids with a role in generation, from generation_config.json or config.json. */
export interface GenerationDefaults {
  /** Begins a text; the prompt "" stands for it. */
  bosId?: number;
  /** Any of these ends a text. */
  eosIds?: readonly number[];
  /** Fills rows of a batch. */
  padId?: number;
}

/**
 * A model with, where there is one, its tokenizer. A plain object: `{ model, tokenizer }` is one.
 *
 * Without a tokenizer prompts are lists of ids.
 */
export interface LanguageModel {
  readonly model: Transformer;
  readonly tokenizer?: Tokenizer;
  readonly generationDefaults?: GenerationDefaults;
}
