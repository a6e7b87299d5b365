/** The decoder-only transformer: tokens in, a score for every possible next token out. */
import { noGrad } from "../autograd/graph.ts";
import type { ArrayMemory } from "../backend/backend.ts";
import { backendMemory } from "../backend/current.ts";
import { ConfigError, ShapeError, checkOptions, describeValue } from "../errors.ts";
import { Dropout } from "../nn/dropout.ts";
import { Embedding } from "../nn/embedding.ts";
import { assignParameters, blank, seeded } from "../nn/init.ts";
import type { Initializer, ParameterValues } from "../nn/init.ts";
import { KVCache } from "../nn/kv-cache.ts";
import { Linear } from "../nn/linear.ts";
import { Module, observeUnder } from "../nn/module.ts";
import type { ForwardContext } from "../nn/module.ts";
import type { LayerNorm, RMSNorm } from "../nn/norm.ts";
import { sinusoidalPositions } from "../nn/position.ts";
import { add, div, mul } from "../ops/arithmetic.ts";
import { readIds } from "../ops/ids.ts";
import { reshape, slice } from "../ops/layout.ts";
import { linear } from "../ops/matmul.ts";
import { tanh } from "../ops/pointwise.ts";
import { rotaryTable } from "../ops/rotary.ts";
import type { RotaryTable } from "../ops/rotary.ts";
import { allocate, scope, untrack } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { TransformerBlock, initStd, makeNorm } from "./block.ts";
import { checkFlag, checkPositions, resolveConfig } from "./config.ts";
import type { ModelConfig, ResolvedConfig } from "./config.ts";
import { summarize } from "./summary.ts";

/** Options of the constructor. */
export interface TransformerOptions {
  /** Seed of the initial weights. Default 0. */
  seed?: number;
  /**
   * Values for every parameter, by name, instead of initial weights: arrays are copied, tensors are taken over, whatever
   * form they hold their numbers in.
   */
  parameters?: ParameterValues;
  /** Where these come from, for `summary()`: the name of a file. */
  origin?: string;
}

/** Options of `forward`. */
export interface ForwardOptions extends ForwardContext {
  /** Past tokens; the new ones are appended to it. Nothing is recorded for `backward` then. */
  kvCache?: KVCache;
  /** Compute logits of the last position only: [batch, 1, vocabSize]. Default false. */
  lastOnly?: boolean;
}

/** Options of `newCache`. */
export interface CacheOptions {
  /** Sequences side by side. Default 1. */
  batch?: number;
}

/** From so many tokens on, memory matters more than the time of a scope. */
const LONG_PROMPT = 8;

/** Tokens that the first tables of rotary angles reach: a context of 131,072 would take tens of megabytes that few texts need. */
export const FIRST_POSITIONS = 1024;

/**
 * A decoder-only transformer.
 *
 * ```ts
 * const model = new Transformer({ vocabSize: 256, contextLength: 64, dModel: 64, nLayers: 2, nHeads: 4 }, { seed: 1 });
 * model.forward([72, 101, 108, 108]).shape; // [1, 4, 256]
 * ```
 */
export class Transformer extends Module {
  /** Every setting, defaults filled in. */
  readonly config: ResolvedConfig;
  /** [vocabSize, dModel] */
  readonly tokenEmbedding: Embedding;
  /** [contextLength, dModel], where positions are learnt. */
  readonly positionEmbedding: Embedding | undefined;
  readonly blocks: TransformerBlock[];
  readonly finalNorm: LayerNorm | RMSNorm;
  /** [vocabSize, dModel]; absent where the head shares the token embedding. */
  readonly lmHead: Linear | undefined;
  readonly #dropout: Dropout;
  readonly #origin: string | undefined;
  /** Angles of layers that see everything and of those that slide; the same table unless the config tells them apart. */
  #rotary: { full: RotaryTable; sliding: RotaryTable } | undefined;
  /** With "dynamic" scaling: angles for the longest text seen beyond the original context. */
  #stretched: RotaryTable | undefined;
  readonly #sinusoids: Tensor | undefined;
  /** Tables that positions are read from; no parameters, but as much in use. */
  readonly #tables: Tensor[] = [];
  /** The backend's memory that everything lies in, as far as there was room. */
  #home: ArrayMemory | null = null;

  /**
   * @throws ConfigError for sizes that do not fit together or no runtime could hold, an unknown option, or parameters that
   *   are not exactly those of the model
   */
  constructor(config: ModelConfig, options: TransformerOptions = {}) {
    super();
    checkOptions("Transformer", options, ["seed", "parameters", "origin"]);
    const { seed = 0 } = options;
    if (options.seed !== undefined && options.parameters !== undefined)
      throw new ConfigError("Transformer: seed has no effect on given parameters; give one of the two");
    if (options.origin !== undefined && (typeof options.origin !== "string" || options.parameters === undefined))
      throw new ConfigError("Transformer: origin must be a text and stand beside parameters");
    this.config = resolveConfig(config);
    this.#origin = options.origin;
    checkPositions(this.config);
    const { vocabSize, contextLength, dModel, nLayers, position } = this.config;
    const init: Initializer = options.parameters === undefined ? seeded(seed) : blank();
    const std = initStd(dModel);
    this.tokenEmbedding = new Embedding(init, vocabSize, dModel, std);
    this.positionEmbedding = position === "learned" ? new Embedding(init, contextLength, dModel, std) : undefined;
    this.blocks = Array.from({ length: nLayers }, () => new TransformerBlock(init, this.config));
    this.finalNorm = makeNorm(init, this.config);
    this.lmHead = this.config.tieEmbeddings ? undefined : new Linear(init, dModel, vocabSize, { bias: false, std });
    this.#dropout = new Dropout(this.config.dropout);
    if (position === "rotary") this.#makeRotaryTables(Math.min(contextLength, FIRST_POSITIONS));
    this.#sinusoids = position === "sinusoidal" ? this.#keep(sinusoidalPositions(contextLength, dModel)) : undefined;
    if (options.parameters !== undefined) assignParameters(this.parameters(), options.parameters);
  }

  /**
   * Scores of every possible next token, at every position.
   *
   * @param tokens one sequence, or several of equal length
   * @returns logits [batch, seq, vocabSize], or [batch, 1, vocabSize] with `lastOnly`
   * @throws ShapeError for no tokens, uneven rows, an id that is not in the vocabulary, or more tokens than the context;
   *   ConfigError for an option that is unknown or of the wrong kind
   */
  forward(tokens: readonly number[] | readonly (readonly number[])[], options: ForwardOptions = {}): Tensor {
    checkForwardOptions(options);
    return options.kvCache === undefined
      ? this.#forward(tokens, options)
      : noGrad(() => this.#forward(tokens, options));
  }

  #makeRotaryTables(positions: number): void {
    const { contextLength, rotaryDim, ropeTheta, ropeScaling: scaling, slidingRopeTheta } = this.config;
    const length = scaling?.type === "dynamic" ? scaling.originalContextLength : contextLength;
    const full = this.#keepAngles(rotaryTable(positions, rotaryDim, ropeTheta, { scaling, length }));
    const sliding =
      slidingRopeTheta === null ? full : this.#keepAngles(rotaryTable(positions, rotaryDim, slidingRopeTheta));
    this.#rotary = { full, sliding };
  }

  /** Makes the tables of angles long enough for a text of `length` tokens. The shorter ones stay for what was recorded with them. */
  #reach(length: number): void {
    const positions = this.#rotary?.full.positions ?? length;
    if (length <= positions) return;
    this.#makeRotaryTables(Math.min(this.config.contextLength, Math.max(length, 2 * positions)));
    this.#home = null; // so that they move to where the others are
  }

  #keepAngles({ cos, sin, positions, headDim }: RotaryTable): RotaryTable {
    const [cosTable, sinTable] = [cos, sin].map((table) => this.#keep(new Tensor(table, [positions, headDim / 2])));
    return {
      get cos() {
        return cosTable.data;
      },
      get sin() {
        return sinTable.data;
      },
      positions,
      headDim,
    };
  }

  /** What differs between layers: their angles and how far they see. */
  #layerContext(layer: number, length: number): { rotaryTable?: RotaryTable; window?: number } {
    const { slidingWindow, slidingLayers, rotaryLayers } = this.config;
    const slides = slidingWindow !== null && (slidingLayers?.[layer] ?? true);
    const angles = slides ? this.#rotary?.sliding : this.#anglesFor(length);
    return {
      ...((rotaryLayers?.[layer] ?? true) && { rotaryTable: angles }),
      ...(slides && { window: slidingWindow }),
    };
  }

  /** Angles for a text of `length` tokens: "dynamic" scaling makes them anew whenever the text has become longer than before. */
  #anglesFor(length: number): RotaryTable | undefined {
    const { ropeScaling: scaling, rotaryDim, ropeTheta } = this.config;
    if (scaling?.type !== "dynamic" || length <= scaling.originalContextLength) return this.#rotary?.full;
    if (this.#stretched?.positions !== length) this.#stretched = rotaryTable(length, rotaryDim, ropeTheta, { scaling });
    return this.#stretched;
  }

  #keep(table: Tensor): Tensor {
    untrack(table); // a model outlives the scope that it was made in
    this.#tables.push(table);
    return table;
  }

  /** Moves parameters and tables into the memory of the backend that will work on them. */
  #settle(): void {
    const memory = backendMemory();
    memory.settle();
    if (memory === this.#home) return;
    const arrays = [...this.parameters().values(), ...this.#tables];
    const idle = memory.mark() === 0;
    const missing = arrays.filter((array) => !array.moveInto(memory));
    if (missing.length === 0 || idle) this.#home = memory; // else there may be more room when nothing is lent
  }

  #forward(tokens: readonly number[] | readonly (readonly number[])[], options: ForwardOptions): Tensor {
    const { kvCache, lastOnly = false, observe } = options;
    const past = kvCache?.length ?? 0;
    if (kvCache !== undefined && kvCache.nLayers !== this.config.nLayers)
      throw new ShapeError(
        `forward: the cache has ${kvCache.nLayers} of the model's ${this.config.nLayers} layers; use model.newCache()`,
      );
    const { ids, batch, seq } = this.#readTokens(tokens, past);
    this.#reach(past + seq);
    this.#settle();
    kvCache?.reserve(seq);
    const { dModel, embeddingScale, logitSoftcap, vocabSize } = this.config;
    const embedded = reshape(this.tokenEmbedding.forward(ids), [batch, seq, dModel]);
    const scaled = embeddingScale === 1 ? embedded : mul(embedded, embeddingScale);
    let x = this.#dropout.forward(this.#addPositions(scaled, past), options); // [batch, seq, dModel]
    observe?.("embedded", x);
    const isLong = kvCache !== undefined && observe === undefined && seq >= LONG_PROMPT;
    let free = isLong ? allocate(x.size) : null;
    this.blocks.forEach((block, layer) => {
      const context = {
        dropoutRandom: options.dropoutRandom,
        observe: observeUnder(observe, `blocks.${layer}`),
        layer,
        kvCache,
        ...this.#layerContext(layer, past + seq),
      };
      if (free === null) x = block.forward(x, context);
      else [x, free] = inPlace(free, x, () => block.forward(x, context));
      observe?.(`blocks.${layer}`, x);
    });
    kvCache?.advance(seq);
    if (lastOnly) x = slice(x, { axis: 1, start: seq - 1 }); // [batch, 1, dModel]
    const normed = this.finalNorm.forward(x);
    observe?.("finalNorm", normed);
    const logits = linear(reshape(normed, [-1, dModel]), this.lmHead?.weight ?? this.tokenEmbedding.weight); // [rows, vocabSize]
    const bent = logitSoftcap === null ? logits : mul(tanh(div(logits, logitSoftcap)), logitSoftcap);
    return reshape(bent, [batch, lastOnly ? 1 : seq, vocabSize]);
  }

  #addPositions(x: Tensor, past: number): Tensor {
    const places = this.positionEmbedding?.weight ?? this.#sinusoids;
    return places === undefined ? x : add(x, slice(places, { start: past, end: past + x.shape[1] })); // + [seq, dModel]
  }

  /** Checks tokens; gives them row after row, [batch · seq]. */
  #readTokens(
    tokens: readonly number[] | readonly (readonly number[])[],
    past: number,
  ): { ids: Int32Array; batch: number; seq: number } {
    const { vocabSize, contextLength } = this.config;
    const { ids, shape } = readIds("forward", "tokens", tokens, vocabSize);
    if (ids.length === 0) throw new ShapeError("forward: needs at least one token");
    const [batch, seq] = shape.length === 1 ? [1, shape[0]] : shape;
    if (past + seq > contextLength) {
      const held = past === 0 ? "" : ` after ${past} cached ones`;
      throw new ShapeError(`forward: ${seq} tokens${held} exceed the context of ${contextLength}; give fewer tokens`, {
        seq,
        past,
        contextLength,
      });
    }
    return { ids, batch, seq };
  }

  /**
   * An empty cache that fits this model.
   *
   * @throws ConfigError unless batch is a whole number from 1 on
   */
  newCache(options: CacheOptions = {}): KVCache {
    checkOptions("newCache", options, ["batch"]);
    const { batch = 1 } = options;
    const { nLayers, nKvHeads, headDim, contextLength } = this.config;
    return new KVCache({ batch, nLayers, nKvHeads, headDim, maxLength: contextLength });
  }

  /** A table of layers, shapes and parameter counts. */
  summary(): string {
    return summarize(this.config, this.parameters(), this.#origin);
  }

  /** Gives the weights up, whose memory may be used again at once; using the model afterwards throws a `DisposedError`. */
  dispose(): void {
    for (const array of [...this.parameters().values(), ...this.#tables]) array.release();
    this.#home = null;
  }
}

// Declared here too, so that the types need no newer library than the rest.
declare global {
  interface SymbolConstructor {
    readonly dispose: unique symbol;
  }
}

/** A model can be the subject of `using`, where the runtime has explicit resource management. */
export interface Transformer {
  /** The same as `dispose()`. */
  [Symbol.dispose](): void;
}

/**
 * Runs a block in a scope of its own and puts its result into `free`; gives back the array of x, which is free then. A prompt
 * so needs the memory of one block and not of all.
 */
function inPlace(free: Float32Array, x: Tensor, run: () => Tensor): [Tensor, Float32Array] {
  scope(() => free.set(run().data));
  return [new Tensor(free, x.shape), x.data];
}

function checkForwardOptions(options: ForwardOptions): void {
  checkOptions("forward", options, ["kvCache", "lastOnly", "dropoutRandom", "observe"]);
  const { kvCache, lastOnly = false, dropoutRandom, observe } = options;
  const refuse = (name: string, expected: string, value: unknown): never => {
    throw new ConfigError(`forward: ${name} must be ${expected}, got ${describeValue(value)}`, { name, value });
  };
  if (kvCache !== undefined && !(kvCache instanceof KVCache))
    refuse("kvCache", "a KVCache from model.newCache()", kvCache);
  checkFlag("forward", "lastOnly", lastOnly);
  if (dropoutRandom !== undefined && typeof dropoutRandom?.uniform !== "function")
    refuse("dropoutRandom", "a Random", dropoutRandom);
  if (observe !== undefined && typeof observe !== "function") refuse("observe", "a function", observe);
}

/** Whether a parameter may be held as a `StoredMatrix`: those that inputs are multiplied by, or rows are read from. */
export function canBeStored(name: string, shape: readonly number[]): boolean {
  return shape.length === 2 && name !== "positionEmbedding.weight";
}

/** Throws unless a model's vocabulary can hold every id of a tokenizer. */
export function checkVocabulary(operation: string, model: Transformer, tokenizerVocabSize: number): void {
  if (tokenizerVocabSize <= model.config.vocabSize) return;
  throw new ConfigError(
    `${operation}: the tokenizer has ${tokenizerVocabSize} tokens, the model only ${model.config.vocabSize}; build the model with vocabSize: tokenizer.vocabSize`,
    { tokenizer: tokenizerVocabSize, model: model.config.vocabSize },
  );
}

if (typeof Symbol.dispose === "symbol") {
  Object.defineProperty(Transformer.prototype, Symbol.dispose, {
    value: Transformer.prototype.dispose,
    configurable: true,
    writable: true,
  });
}
