/**
 * GGUF files whose matrices are of one of GGML's types, in heed and in llama.cpp. Two files of each: in one only the embedding is
 * of that type, which llama.cpp widens exactly as its rows are looked up; in the other all matrices are, which llama.cpp
 * multiplies by inputs that it rounds itself, to 8 bits where the weights are in blocks, else to the 16 bits of the weights.
 */
import { writeFileSync } from "node:fs";
import { Random, loadModel, presets, resolveConfig } from "heed";
import { decoderGGUF } from "../files/decoder-gguf.ts";
import type { GGUFTensor } from "../files/gguf.ts";
import { llamaWithUniformWeights } from "../../seeded.ts";
import {
  agrees,
  compareGreedy,
  computeInLlama,
  describeAgreement,
  matrixDifference,
  rowsInHeed,
} from "./compare-model.ts";
import type { CheckContext } from "./parity-families.ts";
import { BLOCK_TYPES, randomBlocks, typeNumber } from "./random-blocks.ts";
import { randomPrompt } from "./random-model.ts";
import { headLine, resultLine } from "./table.ts";

/** Rows of 256 numbers, which is a block of the K types. */
const CONFIG = resolveConfig(
  presets.llama({ vocabSize: 307, contextLength: 128, dModel: 256, nLayers: 2, nHeads: 4, nKvHeads: 2, dFf: 256 }),
);

const PROMPT = 24;
const WRITTEN = 50;

/** An 8-bit input is off by up to 1/254 of the greatest of its block; some hundred of them add up in each of the matrices on the way. */
const TOLERANCES: Readonly<Record<string, number>> = { F16: 2e-3, BF16: 2e-2 };
const TOLERANCE_8_BITS = 5e-2;

/** For what nobody rounds. */
const TOLERANCE_EXACT = 1e-4;

/** Compares all types; whether all agree. */
export async function checkQuantised(context: CheckContext): Promise<boolean> {
  const types = BLOCK_TYPES.filter(context.isWanted);
  if (types.length === 0) return true;
  console.log(headLine("type of the weights", "logits, what is allowed, tokens"));
  let isEqual = true;
  for (const type of types) {
    for (const isWhole of [false, true]) isEqual = (await checkType(type, isWhole, context)) && isEqual;
  }
  return isEqual;
}

async function checkType(type: string, isWhole: boolean, { llama, folder }: CheckContext): Promise<boolean> {
  const name = `${type}: ${isWhole ? "all matrices" : "the embedding"}`;
  const path = `${folder}${type}-${isWhole ? "all" : "embedding"}.gguf`;
  writeFileSync(path, Buffer.concat(makeFile(type, isWhole)));
  const prompt = randomPrompt(PROMPT, CONFIG.vocabSize, 7);
  try {
    const computed = await computeInLlama(llama, path, prompt, WRITTEN);
    const lm = await loadModel(path, isWhole ? {} : { dtype: "f32" });
    const difference = matrixDifference(computed.rows, rowsInHeed(lm, prompt));
    const agreement = compareGreedy(lm, prompt, computed.tokens);
    lm.model.dispose();
    const allowed = isWhole ? (TOLERANCES[type] ?? TOLERANCE_8_BITS) : TOLERANCE_EXACT;
    // Where inputs are rounded, near scores change places; these tokens are told, and only the logits decide.
    const isEqual = difference <= allowed && (isWhole || agrees(agreement));
    const numbers = `${difference.toExponential(1)}  ${allowed.toExponential(0)}  ${describeAgreement(agreement)}`;
    console.log(resultLine(isEqual, name, numbers));
    return isEqual;
  } catch (error) {
    console.log(resultLine(false, name, error instanceof Error ? error.message : String(error)));
    return false;
  }
}

/** A Llama with seeded weights whose matrices, or whose embedding, are random blocks. */
function makeFile(type: string, isWhole: boolean): Uint8Array[] {
  const random = new Random(11);
  const model = llamaWithUniformWeights(CONFIG, 1);
  const weights = new Map([...model.parameters()].map(([name, { data }]) => [name, data]));
  return decoderGGUF(CONFIG, weights, (tensor): GGUFTensor => {
    const { name, shape, data } = tensor;
    const isEmbedding = name.startsWith("token_embd");
    if (shape.length === 1 || !(isWhole || isEmbedding)) return tensor;
    const deviation = isEmbedding ? 0.5 : (name.startsWith("output.") ? 3 : 1.2) / Math.sqrt(shape[1]);
    return { name, shape, type: typeNumber(type), data: randomBlocks(type, data.length, deviation, random) };
  });
}
