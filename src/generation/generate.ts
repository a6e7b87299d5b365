/** Text generation: one call for all strategies, awaited as a whole or read as it is written. */
import { AbortError, ConfigError } from "../errors.ts";
import type { LanguageModel } from "../language-model.ts";
import { beamSearch } from "./beam.ts";
import { resolveOptions } from "./options.ts";
import type { GenerateOptions, ResolvedOptions } from "./options.ts";
import { promptTokens } from "./prompt.ts";
import type { Prompt } from "./prompt.ts";
import { chooseBySampling, chooseGreedily, writeTokens } from "./sample.ts";
import type { FinishReason, TokenLogprob, WrittenToken } from "./sample.ts";
import { TextWriter } from "./stop.ts";

/** One token of a text as it is written. */
export interface GenerationPiece {
  /** The text that has become certain with this token; all pieces' texts together are the result's text. */
  text: string;
  token: number;
  /** Natural logarithm of the probability that the model gave this token, before penalties and temperature. */
  logprob: number;
  /** The likeliest tokens at this place, with the option `logprobs`. */
  topLogprobs?: TokenLogprob[];
}

/** One finished text. */
export interface GeneratedSequence {
  text: string;
  tokens: number[];
  /** Beam search: log-probability / length ^ lengthPenalty. Otherwise the sum of the log-probabilities. */
  score: number;
  finishReason: FinishReason;
}

/** What a generation cost. */
export interface GenerationUsage {
  promptTokens: number;
  /** Tokens written. */
  completionTokens: number;
  /** Milliseconds until the first token (beam search: until the whole text). */
  timeToFirstToken: number;
  /** Written tokens per second, the reading of the prompt included. */
  tokensPerSecond: number;
}

/** A whole generation; the fields before `sequences` are those of the best one. */
export interface GenerationResult {
  /** What was written, without the prompt and without any stop text. */
  text: string;
  /** The tokens written, without the end-of-text token; those that spell a stop text are among them. */
  tokens: number[];
  /** The model's log-probability of each token, in nats, before penalties and temperature. */
  logprobs: number[];
  /** With the option `logprobs`: the likeliest tokens at each place. */
  topLogprobs?: TokenLogprob[][];
  /** "stop": an end-of-text token or a stop text. "length": maxNewTokens. "context": the model's context is full. "aborted": the signal, or the reader left. */
  finishReason: FinishReason;
  usage: GenerationUsage;
  /** Sampling: the seed that gives this text again. */
  seed?: number;
  /** All texts, best first. */
  sequences: GeneratedSequence[];
}

/** What a generation begins with. */
export interface GenerationRequest {
  readonly prompt: Prompt;
  readonly options: GenerateOptions;
}

/** What is known of a generation while it runs. */
interface Progress {
  written: WrittenToken[];
  text: string;
  finishReason: FinishReason;
  sequences?: GeneratedSequence[];
  started: number;
  firstToken?: number;
  promptTokens: number;
  seed?: number;
  withTop: boolean;
}

/**
 * A text being generated. Await it for the whole `GenerationResult`, or iterate over its pieces; leaving the loop stops
 * the work. It starts when it is first awaited or read, and its options are checked then. Beam search knows its text only
 * at the end, and its pieces come then. Await it after the loop, not inside: inside, it waits for the loop to end.
 */
export class Generation implements PromiseLike<GenerationResult>, AsyncIterable<GenerationPiece> {
  readonly #lm: LanguageModel;
  readonly #prepare: () => GenerationRequest;
  readonly #progress: Progress = {
    written: [],
    text: "",
    finishReason: "aborted",
    started: 0,
    promptTokens: 0,
    withTop: false,
  };
  #result: Promise<GenerationResult> | null = null;

  /** @param prepare gives prompt and options when the work begins; what it throws rejects the generation */
  constructor(lm: LanguageModel, prepare: () => GenerationRequest) {
    this.#lm = lm;
    this.#prepare = prepare;
  }

  /** Pieces as they are written. A generation can be read once; afterwards it can still be awaited. */
  [Symbol.asyncIterator](): AsyncIterator<GenerationPiece, void> {
    if (this.#result !== null)
      throw new ConfigError(
        "generate: this generation was already read or awaited; call generate again, or use the result's text",
      );
    const { promise, resolve, reject } = deferred<GenerationResult>();
    this.#result = promise;
    this.#progress.started = performance.now();
    const pieces = this.#read(resolve, reject);
    return {
      next: () => pieces.next(),
      return: async () => {
        await pieces.return();
        resolve(toResult(this.#progress)); // a generator that never started runs no `finally`
        return { done: true, value: undefined };
      },
    };
  }

  /** Runs the generation, if nobody has read it yet, and passes its result on. */
  then<A = GenerationResult, B = never>(
    onFulfilled?: ((result: GenerationResult) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    if (this.#result === null) void drain(this[Symbol.asyncIterator]());
    return (this.#result as unknown as Promise<GenerationResult>).then(onFulfilled, onRejected);
  }

  /** Handles a failure, as a promise's `catch` does. */
  catch<B = never>(onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<GenerationResult | B> {
    return this.then(undefined, onRejected);
  }

  /** Runs `onSettled` when the generation has ended in whatever way, as a promise's `finally` does. */
  finally(onSettled?: (() => void) | null): Promise<GenerationResult> {
    return this.then().finally(onSettled);
  }

  async *#read(
    resolve: (result: GenerationResult) => void,
    reject: (reason: unknown) => void,
  ): AsyncGenerator<GenerationPiece, void> {
    try {
      yield* run(this.#lm, this.#prepare(), this.#progress);
    } catch (error) {
      reject(error);
      throw error;
    } finally {
      resolve(toResult(this.#progress)); // after reject this does nothing; after a reader left it gives what there is
    }
  }
}

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (reason: unknown) => void } {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((onValue, onReason) => {
    resolve = onValue;
    reject = onReason;
  });
  promise.catch(() => {}); // whoever reads the pieces gets the error there; nobody need await the result
  return { promise, resolve, reject };
}

async function drain(pieces: AsyncIterator<unknown, void>): Promise<void> {
  try {
    while (!(await pieces.next()).done);
  } catch {
    // The promise of the result carries the error.
  }
}

/**
 * Continues a prompt.
 *
 * ```ts
 * const result = await generate(lm, "The sea", { maxNewTokens: 20 });
 * for await (const piece of generate(lm, "The sea", { strategy: "sample", seed: 7 })) process.stdout.write(piece.text);
 * ```
 *
 * @param prompt a text, which gets what the tokenizer's template adds ("" means begin-of-text alone), or tokens as they are
 * @param options `strategy` decides which exist: "greedy" (default), "sample", "beam"
 * @returns await it or iterate over it; it rejects with a ConfigError for options that are unknown, belong to another
 *   strategy or are out of range, and for a prompt that exceeds the context, and with an AbortError through the signal,
 *   which is looked at between two tokens
 */
export function generate(lm: LanguageModel, prompt: Prompt, options: GenerateOptions = {}): Generation {
  return new Generation(lm, () => ({ prompt, options }));
}

async function* run(
  lm: LanguageModel,
  { prompt, options: given }: GenerationRequest,
  progress: Progress,
): AsyncGenerator<GenerationPiece, void> {
  const tokens = promptTokens("generate", lm, prompt);
  const options = resolveOptions(lm, given);
  progress.promptTokens = tokens.length;
  progress.withTop = options.logprobs > 0;
  if (options.strategy === "sample") progress.seed = options.seed;
  yield* options.strategy === "beam" ? runBeams(lm, tokens, options, progress) : runOne(lm, tokens, options, progress);
}

/** Greedy search and sampling: pieces leave as soon as their text is certain. */
async function* runOne(
  lm: LanguageModel,
  tokens: readonly number[],
  options: Exclude<ResolvedOptions, { strategy: "beam" }>,
  progress: Progress,
): AsyncGenerator<GenerationPiece, void> {
  const choose = options.strategy === "sample" ? chooseBySampling(options) : chooseGreedily;
  const source = writeTokens(lm, tokens, options, choose);
  const writer = new TextWriter(lm.tokenizer, tokens, options.stop);
  const waiting: GenerationPiece[] = [];
  let stopped = false;
  try {
    while (!stopped) {
      const next = await source.next();
      if (next.done) {
        progress.finishReason = next.value;
        break;
      }
      progress.firstToken ??= performance.now();
      progress.written.push(next.value);
      const { text, stopped: hasStopped } = writer.push(next.value.token);
      stopped = hasStopped;
      progress.text += text;
      waiting.push(toPiece(next.value, text, options.logprobs > 0));
      if (!writer.pending) yield* waiting.splice(0);
    }
    if (stopped) progress.finishReason = "stop";
  } catch (error) {
    if (!(error instanceof AbortError) || options.onAbort === "throw") throw error;
  }
  const rest = stopped ? "" : writer.flush();
  progress.text += rest;
  if (waiting.length > 0) waiting[waiting.length - 1].text += rest;
  yield* waiting;
}

/** Beam search: the best text is known only at the end; its pieces leave then. */
async function* runBeams(
  lm: LanguageModel,
  tokens: readonly number[],
  options: Extract<ResolvedOptions, { strategy: "beam" }>,
  progress: Progress,
): AsyncGenerator<GenerationPiece, void> {
  const hypotheses = await beamSearch(lm, tokens, options);
  progress.firstToken = performance.now();
  const read = hypotheses.map(({ written, score, finishReason }) => {
    const pieces = toPieces(lm, tokens, written, options);
    const sequence = {
      text: pieces.map(({ text }) => text).join(""),
      tokens: written.map(({ token }) => token),
      score,
      finishReason,
    };
    return { pieces, sequence };
  });
  progress.sequences = read.map(({ sequence }) => sequence);
  if (hypotheses.length === 0) return;
  progress.written = hypotheses[0].written;
  progress.text = read[0].sequence.text;
  progress.finishReason = hypotheses[0].finishReason;
  yield* read[0].pieces;
}

/** The pieces of a finished text. */
function toPieces(
  lm: LanguageModel,
  prompt: readonly number[],
  written: readonly WrittenToken[],
  { stop, logprobs }: ResolvedOptions,
): GenerationPiece[] {
  const writer = new TextWriter(lm.tokenizer, prompt, stop);
  let stopped = false;
  const pieces = written.map((token) => {
    const pushed = stopped ? { text: "", stopped } : writer.push(token.token);
    stopped = pushed.stopped;
    return toPiece(token, pushed.text, logprobs > 0);
  });
  if (!stopped && pieces.length > 0) pieces[pieces.length - 1].text += writer.flush();
  return pieces;
}

function toPiece({ token, logprob, topLogprobs }: WrittenToken, text: string, withTop: boolean): GenerationPiece {
  return withTop ? { text, token, logprob, topLogprobs } : { text, token, logprob };
}

function toResult(progress: Progress): GenerationResult {
  const { written, text, finishReason, started, firstToken } = progress;
  const tokens = written.map(({ token }) => token);
  const logprobs = written.map(({ logprob }) => logprob);
  const seconds = (performance.now() - started) / 1000;
  return {
    text,
    tokens,
    logprobs,
    ...(progress.withTop && { topLogprobs: written.map(({ topLogprobs }) => topLogprobs) }),
    finishReason,
    usage: {
      promptTokens: progress.promptTokens,
      completionTokens: tokens.length,
      timeToFirstToken: (firstToken ?? performance.now()) - started,
      tokensPerSecond: seconds > 0 ? tokens.length / seconds : 0,
    },
    ...(progress.seed !== undefined && { seed: progress.seed }),
    sequences: progress.sequences ?? [
      { text, tokens, score: logprobs.reduce((total, logprob) => total + logprob, 0), finishReason },
    ],
  };
}
