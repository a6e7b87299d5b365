/**
 * llama.cpp through node-llama-cpp, on the processor: 32-bit weights and cache, and the least that the package lets one ask for,
 * `controlledEvaluate`, which gives the likeliest next token.
 */
import { unsupported } from "../adapter.ts";
import type { Adapter, DecodeWork, PrefillWork, Prepared, SideOptions, Work } from "../adapter.ts";
import { importPackage, packageVersion } from "./packages.ts";

interface NextOptions {
  generateNext: { token?: boolean; logits?: boolean; options: { temperature: number } };
}

type Input = number | [token: number, options: NextOptions];
type Output = { next: { token?: number | null; logits?: ReadonlyMap<number, number> } } | undefined;

interface Sequence {
  controlledEvaluate(input: readonly Input[]): Promise<Output[]>;
  eraseContextTokenRanges(ranges: readonly { start: number; end: number }[]): Promise<void>;
  readonly nextTokenIndex: number;
}

interface Context {
  getSequence(): Sequence;
}

interface Model {
  createContext(options: object): Promise<Context>;
  dispose(): Promise<void>;
}

interface Llama {
  loadModel(options: { modelPath: string }): Promise<Model>;
  readonly systemInfo: string;
}

interface NodeLlamaCpp {
  getLlama(options: object): Promise<Llama>;
}

const CONTEXT_SIZE = 512;
const NOTE = "32-bit cache, flash attention off";

async function openSequence(llama: Llama, path: string, threads: number): Promise<[Model, Sequence]> {
  const model = await llama.loadModel({ modelPath: path });
  const context = await model.createContext({
    contextSize: CONTEXT_SIZE,
    threads: { ideal: threads, min: threads },
    flashAttention: false,
    experimentalKvCacheKeyType: "F32",
    experimentalKvCacheValueType: "F32",
  });
  return [model, context.getSequence()];
}

/** Reads tokens and gives what comes after the last. */
async function evaluate(
  sequence: Sequence,
  tokens: readonly number[],
  logits = false,
): Promise<NonNullable<Output>["next"]> {
  const last = tokens.length - 1;
  const generateNext = { token: true, ...(logits && { logits }), options: { temperature: 0 } };
  const outputs = await sequence.controlledEvaluate([...tokens.slice(0, last), [tokens[last], { generateNext }]]);
  const next = outputs[last]?.next;
  if (next === undefined) throw new Error("llama.cpp gave nothing for the last token");
  return next;
}

async function forget(sequence: Sequence, from: number): Promise<void> {
  await sequence.eraseContextTokenRanges([{ start: from, end: sequence.nextTokenIndex }]);
}

function toRow(logits: ReadonlyMap<number, number> | undefined): number[] {
  if (logits === undefined) throw new Error("llama.cpp gave no logits");
  const row = new Array<number>(logits.size);
  for (const [token, logit] of logits) row[token] = logit;
  return row;
}

async function preparePrefill(llama: Llama, threads: number, { files, tokens }: PrefillWork): Promise<Prepared> {
  const [model, sequence] = await openSequence(llama, files.gguf, threads);
  const { logits } = await evaluate(sequence, tokens, true);
  const prefill = async (): Promise<unknown> => {
    await forget(sequence, 0);
    return (await evaluate(sequence, tokens)).token;
  };
  return { check: { row: toRow(logits) }, note: NOTE, run: prefill, release: () => model.dispose() };
}

async function prepareDecode(
  llama: Llama,
  threads: number,
  { files, prompt, newTokens }: DecodeWork,
): Promise<Prepared> {
  const [model, sequence] = await openSequence(llama, files.gguf, threads);
  const { token: first, logits } = await evaluate(sequence, prompt, true);
  const decode = async (): Promise<number[]> => {
    await forget(sequence, prompt.length);
    const tokens = [first as number];
    for (let i = 0; i < newTokens; i++) tokens.push((await evaluate(sequence, [tokens[i]])).token as number);
    return tokens;
  };
  const check = { row: toRow(logits), tokens: await decode() };
  return { check, note: NOTE, run: decode, release: () => model.dispose() };
}

/** Opens llama.cpp. */
export async function openLlamaCpp({ threads }: SideOptions): Promise<Adapter> {
  const { getLlama } = await importPackage<NodeLlamaCpp>("node-llama-cpp");
  const llama = await getLlama({
    gpu: false,
    build: "never",
    skipDownload: true,
    logLevel: "error",
    maxThreads: threads,
  });
  return {
    describe: () => ({
      version: packageVersion("node-llama-cpp"),
      backend: `native, ${threads} thread${threads === 1 ? "" : "s"}`,
    }),
    prepare: async (work: Work) => {
      if (work.kind === "prefill") return preparePrefill(llama, threads, work);
      if (work.kind === "decode") return prepareDecode(llama, threads, work);
      return unsupported("node-llama-cpp", work);
    },
  };
}
