/** What `generate` can be asked for. The strategy decides which options exist; every option works or throws. */
import { ConfigError, checkInteger, checkNumber, checkOptions, checkSignal } from "../errors.ts";
import type { LanguageModel } from "../language-model.ts";

/** Options of every strategy. */
export interface GenerateCommon {
  /** The greatest number of tokens to write. Default 128. */
  maxNewTokens?: number;
  /** End-of-text tokens are not written before this many tokens are. Default 0. */
  minNewTokens?: number;
  /** Writing ends where one of these texts would appear; it is not part of the result. Needs a tokenizer. */
  stop?: string | readonly string[];
  /** Tokens that end the text; they are not part of the result. Default: the model's; [] for none. */
  eosIds?: readonly number[];
  /** For each written token, report this many of the likeliest tokens. Default 0. */
  logprobs?: number;
  /** Scores of tokens that have occurred, prompt included, are divided (if negative multiplied) by this (Keskar et al. 2019, §4.1). Default 1. */
  repetitionPenalty?: number;
  /** No run of this many tokens occurs twice, prompt included. Default 0: no limit. */
  noRepeatNgram?: number;
  /** Numbers added to the scores of tokens; -Infinity forbids one. */
  logitBias?: Readonly<Record<number, number>>;
  /** Stops the work. */
  signal?: AbortSignal;
  /** Whether stopping through the signal throws an `AbortError` or returns what there is. Default "throw". */
  onAbort?: "throw" | "return";
}

/** Always the likeliest token. */
export interface GreedyOptions extends GenerateCommon {
  strategy?: "greedy";
}

/** A token drawn at random, likelier ones more often. */
export interface SampleOptions extends GenerateCommon {
  strategy: "sample";
  /** Divides the scores: below 1 bolder, above 1 more adventurous. Default 1. */
  temperature?: number;
  /** Draw only from this many of the likeliest tokens (Fan et al. 2018). Default: all. */
  topK?: number;
  /** Draw only from the likeliest tokens that together reach this probability (Holtzman et al. 2019). Default 1. */
  topP?: number;
  /** Seed of the draws: the same seed, the same text. Default: a fresh one, given back as `seed` in the result. */
  seed?: number;
}

/** Several hypotheses side by side; the best whole text wins. */
export interface BeamOptions extends GenerateCommon {
  strategy: "beam";
  /** Hypotheses kept side by side. Default 4. */
  numBeams?: number;
  /** How many of the best texts to return, at most numBeams. Default 1. */
  numReturnSequences?: number;
  /** A text's score is its log-probability / length ^ lengthPenalty: above 0 favours long texts. Default 1. */
  lengthPenalty?: number;
  /** Which length: of the written part with its end-of-text token, as Hugging Face, or of the whole with the prompt, without it, as onnxruntime. Default "generated". */
  lengthNormalization?: "generated" | "full";
  /** true: end with numBeams finished texts. false: end when no running one seems able to win. "never": when none can. Default false. */
  earlyStopping?: boolean | "never";
}

/** Options of `generate`. */
export type GenerateOptions = GreedyOptions | SampleOptions | BeamOptions;

/** Common options with their defaults. */
export type ResolvedCommon = Required<Omit<GenerateCommon, "stop" | "signal">> &
  Pick<GenerateCommon, "signal"> & { stop: readonly string[] };

type BeamSettings = Required<
  Pick<BeamOptions, "numBeams" | "numReturnSequences" | "lengthPenalty" | "lengthNormalization" | "earlyStopping">
>;

/** Everything a strategy needs, defaults filled in. */
export type ResolvedOptions =
  | (ResolvedCommon & { strategy: "greedy" })
  | (ResolvedCommon & { strategy: "sample"; temperature: number; topK: number; topP: number; seed: number })
  | (ResolvedCommon & { strategy: "beam" } & BeamSettings);

/** More hypotheses than anybody can want, and few enough that a step ends. */
const MAX_BEAMS = 4096;

const COMMON = [
  "strategy",
  "maxNewTokens",
  "minNewTokens",
  "stop",
  "eosIds",
  "logprobs",
  "repetitionPenalty",
  "noRepeatNgram",
  "logitBias",
  "signal",
  "onAbort",
];
const OWN = {
  greedy: [] as string[],
  sample: ["temperature", "topK", "topP", "seed"],
  beam: ["numBeams", "numReturnSequences", "lengthPenalty", "lengthNormalization", "earlyStopping"],
};

/**
 * Checks options and fills in defaults.
 *
 * @throws ConfigError for an unknown option, one that belongs to another strategy, or a value out of range
 */
export function resolveOptions(lm: LanguageModel, options: GenerateOptions): ResolvedOptions {
  if (options === null) throw new ConfigError("generate: options must be an object, got null");
  const strategy = options.strategy ?? "greedy";
  if (!Object.hasOwn(OWN, strategy))
    throw new ConfigError(`generate: strategy must be "greedy", "sample" or "beam", got ${String(strategy)}`, {
      strategy,
    });
  checkStrategyOptions(strategy, options);
  const common = resolveCommon(lm, options);
  switch (options.strategy) {
    case "sample":
      return { ...common, strategy: "sample", ...resolveSample(options) };
    case "beam":
      return { ...common, strategy: "beam", ...resolveBeam(options) };
    default:
      return { ...common, strategy: "greedy" };
  }
}

/** An option of another strategy is named as such, so that nobody believes it was heard. */
function checkStrategyOptions(strategy: keyof typeof OWN, options: GenerateOptions): void {
  for (const [other, names] of Object.entries(OWN)) {
    const stray = names.find((name) => other !== strategy && (options as Record<string, unknown>)[name] !== undefined);
    if (stray !== undefined) {
      throw new ConfigError(
        `generate: option "${stray}" belongs to strategy "${other}", not "${strategy}"; set strategy: "${other}" or leave it out`,
        { option: stray, strategy },
      );
    }
  }
  checkOptions(`generate (${strategy})`, options, [...COMMON, ...OWN[strategy]]);
}

function resolveCommon(lm: LanguageModel, options: GenerateCommon): ResolvedCommon {
  const {
    maxNewTokens = 128,
    minNewTokens = 0,
    logprobs = 0,
    repetitionPenalty = 1,
    noRepeatNgram = 0,
    logitBias = {},
    onAbort = "throw",
  } = options;
  const { vocabSize } = lm.model.config;
  checkInteger("generate", "maxNewTokens", maxNewTokens, 1);
  checkInteger("generate", "minNewTokens", minNewTokens, 0);
  if (minNewTokens > maxNewTokens)
    throw new ConfigError(`generate: minNewTokens ${minNewTokens} exceeds maxNewTokens ${maxNewTokens}`, {
      minNewTokens,
      maxNewTokens,
    });
  checkInteger("generate", "logprobs", logprobs, 0, vocabSize);
  checkNumber("generate", "repetitionPenalty", repetitionPenalty, Number.MIN_VALUE);
  checkInteger("generate", "noRepeatNgram", noRepeatNgram, 0);
  checkBias(logitBias, vocabSize);
  checkSignal(options.signal, "generate");
  if (onAbort !== "throw" && onAbort !== "return")
    throw new ConfigError(`generate: onAbort must be "throw" or "return", got ${String(onAbort)}`, { onAbort });
  return {
    maxNewTokens,
    minNewTokens,
    ...resolveEnds(lm, options),
    logprobs,
    repetitionPenalty,
    noRepeatNgram,
    logitBias,
    onAbort,
    signal: options.signal,
  };
}

function checkBias(bias: Readonly<Record<number, number>>, vocabSize: number): void {
  const plain = typeof bias === "object" && bias !== null && !Array.isArray(bias) && !(bias instanceof Map);
  if (!plain) throw new ConfigError(`generate: logitBias must be an object from tokens to numbers, such as { 7: -2 }`);
  for (const [id, value] of Object.entries(bias)) {
    checkInteger("generate", "logitBias token", id === "" ? id : Number(id), 0, vocabSize - 1);
    if (typeof value === "number" && !Number.isNaN(value) && value !== Infinity) continue;
    throw new ConfigError(`generate: logitBias of token ${id} must be a number or -Infinity, got ${String(value)}`, {
      id,
      value,
    });
  }
}

/** What ends a text: tokens and texts. A stop text that is a special token of its own never appears as text; the token ends it. */
function resolveEnds(lm: LanguageModel, options: GenerateCommon): Pick<ResolvedCommon, "stop" | "eosIds"> {
  const { model, tokenizer, generationDefaults } = lm;
  const { eosIds = generationDefaults?.eosIds ?? (tokenizer?.eosId === undefined ? [] : [tokenizer.eosId]) } = options;
  if (!Array.isArray(eosIds))
    throw new ConfigError(`generate: eosIds must be a list of tokens, got ${String(eosIds)}`, { eosIds });
  for (const id of eosIds) checkInteger("generate", "eosIds", id, 0, model.config.vocabSize - 1);
  const stop = readStop(options.stop);
  if (stop.length > 0 && tokenizer === undefined)
    throw new ConfigError("generate: stop needs a tokenizer; without one end on tokens through eosIds");
  const special = (text: string): number[] => {
    const id = tokenizer?.tokenToId(text);
    return id !== undefined && tokenizer?.decode([id], { skipSpecial: true }) === "" ? [id] : [];
  };
  return { stop, eosIds: [...eosIds, ...stop.flatMap(special)] };
}

function readStop(stop: string | readonly string[] | undefined): readonly string[] {
  const texts = stop === undefined ? [] : typeof stop === "string" ? [stop] : stop;
  if (!Array.isArray(texts))
    throw new ConfigError(`generate: stop must be a text or a list of texts, got ${String(stop)}`, { stop });
  const bad = texts.find((text) => typeof text !== "string" || text === "");
  if (bad !== undefined)
    throw new ConfigError(`generate: stop must be non-empty strings, got ${JSON.stringify(bad)}`, { stop });
  return texts;
}

function resolveSample(options: SampleOptions): { temperature: number; topK: number; topP: number; seed: number } {
  const { temperature = 1, topK = 0, topP = 1, seed = freshSeed() } = options;
  if (temperature === 0)
    throw new ConfigError(
      'generate: temperature must be above 0; for always the likeliest token use strategy: "greedy"',
      { temperature },
    );
  checkNumber("generate", "temperature", temperature, Number.MIN_VALUE);
  if (options.topK !== undefined) checkInteger("generate", "topK", topK, 1);
  checkNumber("generate", "topP", topP, Number.MIN_VALUE, 1);
  checkInteger("generate", "seed", seed, Number.MIN_SAFE_INTEGER);
  return { temperature, topK, topP, seed };
}

function freshSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0];
}

function resolveBeam(options: BeamOptions): BeamSettings {
  const {
    numBeams = 4,
    numReturnSequences = 1,
    lengthPenalty = 1,
    lengthNormalization = "generated",
    earlyStopping = false,
  } = options;
  checkInteger("generate", "numBeams", numBeams, 1, MAX_BEAMS);
  checkInteger("generate", "numReturnSequences", numReturnSequences, 1);
  if (numReturnSequences > numBeams)
    throw new ConfigError(`generate: numReturnSequences ${numReturnSequences} exceeds numBeams ${numBeams}`, {
      numReturnSequences,
      numBeams,
    });
  checkNumber("generate", "lengthPenalty", lengthPenalty, -Number.MAX_VALUE);
  if (lengthNormalization !== "generated" && lengthNormalization !== "full")
    throw new ConfigError(
      `generate: lengthNormalization must be "generated" or "full", got ${String(lengthNormalization)}`,
      { lengthNormalization },
    );
  if (typeof earlyStopping !== "boolean" && earlyStopping !== "never")
    throw new ConfigError(`generate: earlyStopping must be true, false or "never", got ${String(earlyStopping)}`, {
      earlyStopping,
    });
  return { numBeams, numReturnSequences, lengthPenalty, lengthNormalization, earlyStopping };
}
