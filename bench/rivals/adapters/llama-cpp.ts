/**
 * llama.cpp through node-llama-cpp, on the processor: a 32-bit cache, and the least that the package lets one ask for,
 * `controlledEvaluate`, which gives the likeliest next token.
 */
import { statSync } from "node:fs";
import { unsupported } from "../adapter.ts";
import type { Adapter, DecodeWork, PrefillWork, Prepared, SideOptions, StoredWork, Work } from "../adapter.ts";
import { MemoryGrowth } from "../stored/memory.ts";
import { LlamaSequence, openLlama, toRow } from "./llama-sequence.ts";
import type { Llama } from "./llama-sequence.ts";
import { packageVersion } from "./packages.ts";

const CONTEXT_SIZE = 512;
/** It rounds inputs too: to the 16 bits of the weights, or to 8 bits where these are in blocks. */
const ROUNDING = { f16: 2e-3, bf16: 2e-2, q8_0: 5e-2, q4_0: 5e-2 } as const;

const NOTE = "32-bit cache, flash attention off";

async function preparePrefill(llama: Llama, threads: number, { files, tokens }: PrefillWork): Promise<Prepared> {
  const sequence = await LlamaSequence.open(llama, files.gguf, { threads, contextSize: CONTEXT_SIZE });
  const { logits } = await sequence.evaluate(tokens, true);
  const prefill = async (): Promise<unknown> => {
    await sequence.forget(0);
    return (await sequence.evaluate(tokens)).token;
  };
  return { check: { row: toRow(logits) }, note: NOTE, run: prefill, release: () => sequence.close() };
}

async function prepareDecode(
  llama: Llama,
  threads: number,
  path: string,
  { prompt, newTokens }: Pick<DecodeWork, "prompt" | "newTokens">,
): Promise<Prepared> {
  const sequence = await LlamaSequence.open(llama, path, { threads, contextSize: CONTEXT_SIZE });
  const { token: first, logits } = await sequence.evaluate(prompt, true);
  const decode = async (): Promise<number[]> => {
    await sequence.forget(prompt.length);
    const tokens = [first as number];
    for (let i = 0; i < newTokens; i++) tokens.push((await sequence.evaluate([tokens[i]])).token as number);
    return tokens;
  };
  const check = { row: toRow(logits), tokens: await decode() };
  return { check, note: NOTE, run: decode, release: () => sequence.close() };
}

/** It maps the file into memory, so that the whole of it counts; and it may keep a second form of the weights for its kernels. */
async function prepareStored(
  llama: Llama,
  { threads, stored = "f32" }: SideOptions,
  { files, prompt, newTokens, cacheBytesPerToken }: StoredWork,
): Promise<Prepared> {
  const path = files[stored];
  const growth = new MemoryGrowth();
  const prepared = await prepareDecode(llama, threads, path, { prompt, newTokens });
  const memory = growth.measure(statSync(path).size + CONTEXT_SIZE * cacheBytesPerToken);
  const { row, tokens } = prepared.check;
  // Rounded inputs change the order of near scores, so tokens are compared only where nothing is rounded.
  const check = stored === "f32" ? { row, tokens } : { row, rounding: ROUNDING[stored] };
  return { ...prepared, check: { ...check, of: stored }, memory };
}

/** Opens llama.cpp. */
export async function openLlamaCpp(options: SideOptions): Promise<Adapter> {
  const { threads } = options;
  const llama = await openLlama(threads);
  return {
    describe: () => ({
      version: packageVersion("node-llama-cpp"),
      backend: `native, ${threads} thread${threads === 1 ? "" : "s"}`,
    }),
    prepare: async (work: Work) => {
      if (work.kind === "prefill") return preparePrefill(llama, threads, work);
      if (work.kind === "decode") return prepareDecode(llama, threads, work.files.gguf, work);
      if (work.kind === "stored") return prepareStored(llama, options, work);
      return unsupported("node-llama-cpp", work);
    },
  };
}
