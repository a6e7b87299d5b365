/** llama.cpp as node-llama-cpp gives it: a sequence of tokens on the processor that grows, with scores of what comes next. */
import { importPackage } from "./packages.ts";

interface NextOptions {
  generateNext: { token?: boolean; logits?: boolean; options: { temperature: number } };
}

type Input = number | [token: number, options: NextOptions];

/** What comes after a token. */
export interface Next {
  /** The likeliest. */
  token?: number | null;
  logits?: ReadonlyMap<number, number>;
}

interface Sequence {
  controlledEvaluate(input: readonly Input[]): Promise<({ next: Next } | undefined)[]>;
  eraseContextTokenRanges(ranges: readonly { start: number; end: number }[]): Promise<void>;
  readonly nextTokenIndex: number;
}

interface Context {
  getSequence(): Sequence;
}

interface Model {
  createContext(options: object): Promise<Context>;
  tokenize(text: string): number[];
  detokenize(tokens: readonly number[]): string;
  dispose(): Promise<void>;
}

/** The library, ready to load models. */
export interface Llama {
  loadModel(options: { modelPath: string }): Promise<Model>;
  readonly systemInfo: string;
}

interface NodeLlamaCpp {
  getLlama(options: object): Promise<Llama>;
}

/** Opens the library; `threads` is the most that any model gets. */
export async function openLlama(threads: number): Promise<Llama> {
  const { getLlama } = await importPackage<NodeLlamaCpp>("node-llama-cpp");
  return getLlama({ gpu: false, build: "never", skipDownload: true, logLevel: "error", maxThreads: threads });
}

/** What a sequence needs to know. */
export interface SequenceOptions {
  threads: number;
  contextSize: number;
}

/** A model with one sequence: 32-bit cache, no flash attention. */
export class LlamaSequence {
  readonly model: Model;
  readonly #sequence: Sequence;

  constructor(model: Model, sequence: Sequence) {
    this.model = model;
    this.#sequence = sequence;
  }

  /** Loads a GGUF file. */
  static async open(llama: Llama, path: string, { threads, contextSize }: SequenceOptions): Promise<LlamaSequence> {
    const model = await llama.loadModel({ modelPath: path });
    const context = await model.createContext({
      contextSize,
      threads: { ideal: threads, min: threads },
      flashAttention: false,
      experimentalKvCacheKeyType: "F32",
      experimentalKvCacheValueType: "F32",
    });
    return new LlamaSequence(model, context.getSequence());
  }

  /** Reads tokens and gives what comes after the last. */
  async evaluate(tokens: readonly number[], logits = false): Promise<Next> {
    const last = tokens.length - 1;
    const outputs = await this.#sequence.controlledEvaluate([...tokens.slice(0, last), asked(tokens[last], logits)]);
    const next = outputs[last]?.next;
    if (next === undefined) throw new Error("llama.cpp gave nothing for the last token");
    return next;
  }

  /** Reads tokens and gives the scores after each of them. */
  async evaluateAll(tokens: readonly number[]): Promise<number[][]> {
    const outputs = await this.#sequence.controlledEvaluate(tokens.map((token) => asked(token, true)));
    return tokens.map((_, i) => toRow(outputs[i]?.next.logits));
  }

  /** Forgets the tokens from a place on. */
  async forget(from: number): Promise<void> {
    await this.#sequence.eraseContextTokenRanges([{ start: from, end: this.#sequence.nextTokenIndex }]);
  }

  /** Gives the model up. */
  close(): Promise<void> {
    return this.model.dispose();
  }
}

function asked(token: number, logits: boolean): Input {
  return [token, { generateNext: { token: true, ...(logits && { logits }), options: { temperature: 0 } } }];
}

/** Scores in the order of the tokens. */
export function toRow(logits: ReadonlyMap<number, number> | undefined): number[] {
  if (logits === undefined) throw new Error("llama.cpp gave no logits");
  const row = new Array<number>(logits.size);
  for (const [token, logit] of logits) row[token] = logit;
  return row;
}
