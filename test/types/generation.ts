/** The compiler refuses what `generate` would refuse, and knows what comes back. Checked by `tsc`, never run. */
import { generate, nextTokens, score } from "heed/generation";
import type {
  BeamOptions,
  GenerateOptions,
  GenerationPiece,
  GenerationResult,
  GreedyOptions,
  LanguageModel,
  NextToken,
  SampleOptions,
} from "heed/generation";

declare const lm: LanguageModel;

/** Compiles only for values of exactly this type. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const isTrue = <T extends true>(value: T): T => value;

// What is right compiles.
export const right: GenerateOptions[] = [
  {},
  { strategy: "greedy", maxNewTokens: 5, minNewTokens: 1, stop: "x", eosIds: [1], logprobs: 2 },
  {
    stop: ["a", "b"] as const,
    repetitionPenalty: 1.2,
    noRepeatNgram: 2,
    logitBias: { 5: -Infinity },
    onAbort: "return",
  },
  { strategy: "sample", temperature: 0.8, topK: 40, topP: 0.95, seed: 7 },
  {
    strategy: "beam",
    numBeams: 4,
    numReturnSequences: 2,
    lengthPenalty: 1,
    lengthNormalization: "full",
    earlyStopping: "never",
  },
];
export const prompts: unknown[] = [
  generate(lm, "text"),
  generate(lm, [1, 2]),
  generate(lm, [1, 2] as const),
  generate({ model: lm.model }, [1]),
];

/** Awaiting gives the result, iterating the pieces. */
export async function results(): Promise<void> {
  const result = await generate(lm, "text");
  isTrue<Same<typeof result, GenerationResult>>(true);
  isTrue<Same<typeof result.finishReason, "stop" | "length" | "context" | "aborted">>(true);
  for await (const piece of generate(lm, "text")) isTrue<Same<typeof piece, GenerationPiece>>(true);
  isTrue<Same<ReturnType<typeof nextTokens>, NextToken[]>>(true);
  isTrue<Same<ReturnType<typeof score>["logprobs"], number[]>>(true);
  // @ts-expect-error the seed is there only after sampling
  const seed: number = result.seed;
  void seed;
}

// @ts-expect-error an unknown option
generate(lm, "text", { maxTokens: 5 });
// @ts-expect-error an unknown option beside a strategy
generate(lm, "text", { strategy: "sample", topA: 0.1 });
// @ts-expect-error an unknown strategy
generate(lm, "text", { strategy: "nucleus" });

// @ts-expect-error temperature belongs to sampling, and greedy is the default
generate(lm, "text", { temperature: 0.8 });
// @ts-expect-error topK belongs to sampling
generate(lm, "text", { strategy: "greedy", topK: 4 });
// @ts-expect-error seed belongs to sampling
generate(lm, "text", { strategy: "beam", seed: 4 });
// @ts-expect-error numBeams belongs to beam search
generate(lm, "text", { strategy: "sample", numBeams: 4 });
// @ts-expect-error numBeams belongs to beam search
generate(lm, "text", { numBeams: 4 });
// @ts-expect-error sampling must be named
export const unnamed: SampleOptions = { temperature: 1 };
// @ts-expect-error beam search must be named
export const unnamedBeam: BeamOptions = { numBeams: 2 };
// @ts-expect-error another strategy
export const greedy: GreedyOptions = { strategy: "beam" };

// @ts-expect-error a number as text
generate(lm, "text", { maxNewTokens: "5" });
// @ts-expect-error one token is a list of one
generate(lm, "text", { eosIds: 3 });
// @ts-expect-error stop is text
generate(lm, "text", { stop: [3] });
// @ts-expect-error a choice of two
generate(lm, "text", { onAbort: "ignore" });
// @ts-expect-error a choice of three
generate(lm, "text", { strategy: "beam", earlyStopping: "always" });
// @ts-expect-error a choice of two
generate(lm, "text", { strategy: "beam", lengthNormalization: "whole" });
// @ts-expect-error a controller is not its signal
generate(lm, "text", { signal: new AbortController() });
// @ts-expect-error a prompt is a text or tokens
generate(lm, 5);
// @ts-expect-error tokens are numbers
generate(lm, ["a"]);
// @ts-expect-error the model alone is no language model
generate(lm.model, "text");
// @ts-expect-error a tokenizer alone is no language model
score({ tokenizer: lm.tokenizer }, "text");
// @ts-expect-error an unknown option
nextTokens(lm, "text", { topP: 0.5 });
// @ts-expect-error a list of prompts is no prompt
generate(lm, [[1, 2]]);
