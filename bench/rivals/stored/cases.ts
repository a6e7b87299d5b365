/** Decoding with weights as files store them: the same GGUF files, which heed writes, in heed and in llama.cpp. */
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { resolveConfig, saveModel } from "heed";
import { randomTokens } from "../../seeded.ts";
import type { DecoderName, StoredName } from "../adapter.ts";
import { side } from "../case.ts";
import type { Case, Runtime, Side } from "../case.ts";
import { DECODERS, makeDecoder } from "../files/decoder.ts";
import { smallTokenizer } from "../models/random-model.ts";
import { CACHE } from "../places.ts";

/** The forms in which weights are stored. */
export const STORED_NAMES: readonly StoredName[] = ["f32", "f16", "bf16", "q8_0", "q4_0"];

/** Raise it when the files change. */
const VERSION = 1;

const PROMPT_TOKENS = 16;
const NEW_TOKENS = 24;
/** The rest of the vocabulary has mere names; nobody here writes text. */
const TOKENIZER_SIZE = 263;

/** Paths of a decoder's files, made if they are not there. */
async function storedFiles(name: DecoderName): Promise<Record<StoredName, string>> {
  const path = (stored: StoredName): string => `${CACHE}stored-${name}-${VERSION}-${stored}.gguf`;
  const missing = STORED_NAMES.filter((stored) => !existsSync(path(stored)));
  if (missing.length > 0) {
    mkdirSync(CACHE, { recursive: true });
    const model = makeDecoder(name);
    for (const stored of missing) {
      const unfinished = path(stored).replace(/\.gguf$/, ".unfinished.gguf");
      await saveModel({ model, tokenizer: smallTokenizer(TOKENIZER_SIZE) }, unfinished, { dtype: stored });
      renameSync(unfinished, path(stored));
    }
    model.dispose();
  }
  return Object.fromEntries(STORED_NAMES.map((stored) => [stored, path(stored)])) as Record<StoredName, string>;
}

function sidesOf(stored: StoredName, threads: number): Side[] {
  const isNew = Number(process.versions.node.split(".")[0]) >= 24;
  const runtimes: Runtime[] = isNew ? ["node"] : ["node", "node24"];
  return [
    ...runtimes.map((runtime) => side("heed", runtime, threads, undefined, stored)),
    side("node-llama-cpp", "node", threads, undefined, stored),
  ];
}

function storedCase(model: DecoderName, threads: number): Case {
  const { nLayers, nKvHeads, headDim, vocabSize } = resolveConfig(DECODERS[model]);
  return {
    subject: "stored",
    name: `stored ${model} decode ${NEW_TOKENS} tokens, ${threads} thread${threads === 1 ? "" : "s"}`,
    group: `stored ${model} ${threads}`,
    unit: "tokens/s",
    amount: NEW_TOKENS,
    tolerance: 1e-4,
    headline: true,
    sides: STORED_NAMES.flatMap((stored) => sidesOf(stored, threads)),
    work: async () => ({
      kind: "stored",
      files: await storedFiles(model),
      prompt: randomTokens(PROMPT_TOKENS, vocabSize, 2),
      newTokens: NEW_TOKENS,
      cacheBytesPerToken: 2 * nLayers * nKvHeads * headDim * Float32Array.BYTES_PER_ELEMENT,
    }),
  };
}

/** The cases of this subject. */
export function storedCases(): Case[] {
  return (["15M", "110M"] as const).flatMap((model) => [1, 2].map((threads) => storedCase(model, threads)));
}
