/** Every family of models in heed and in llama.cpp: the same weights, once as a GGUF file and once as a folder. */
import { ConfigError, describeModel, loadModel, saveModel } from "heed";
import type { LanguageModel } from "heed";
import type { Llama } from "../adapters/llama-sequence.ts";
import {
  agrees,
  compareGreedy,
  computeInLlama,
  describeAgreement,
  matrixDifference,
  rowsInHeed,
} from "./compare-model.ts";
import type { Computed } from "./compare-model.ts";
import { randomModel, randomPrompt, smallTokenizer } from "./random-model.ts";
import { LENGTHS, SHAPES, VOCABULARY, toleranceOf } from "./shapes.ts";
import type { ModelShape } from "./shapes.ts";
import { resultLine } from "./table.ts";

/** The seed of the weights and of the prompt. */
export const SEEDS = { weights: 3, prompt: 5 } as const;

/** What a check needs. */
export interface CheckContext {
  readonly llama: Llama;
  /** A folder for files, with a slash at its end. */
  readonly folder: string;
  readonly isWanted: (name: string) => boolean;
}

/** Compares all shapes; returns whether all agree, and the values that the tests want. */
export async function checkFamilies({ llama, folder, isWanted }: CheckContext): Promise<{
  isEqual: boolean;
  stored: { shape: ModelShape; prompt: number[]; computed: Computed }[];
}> {
  const stored: { shape: ModelShape; prompt: number[]; computed: Computed }[] = [];
  const prompt = randomPrompt(LENGTHS.prompt, VOCABULARY.tokenizer, SEEDS.prompt);
  const results: boolean[] = [];
  for (const shape of SHAPES.filter(({ name }) => isWanted(name))) {
    try {
      const computed = await checkShape(shape, { llama, folder, prompt });
      results.push(computed !== false);
      if (typeof computed === "object" && shape.stored) stored.push({ shape, prompt, computed });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      console.log(resultLine(false, shape.name, reason.split("\n")[0]));
      results.push(false);
    }
  }
  return { isEqual: results.every(Boolean), stored };
}

/** heed's two ways of reading a model. */
interface Pair {
  readonly folder: LanguageModel;
  readonly file: LanguageModel;
}

/** Compares one shape; false if it differs, true if there is nothing to store. */
async function checkShape(
  shape: ModelShape,
  { llama, folder, prompt }: { llama: Llama; folder: string; prompt: readonly number[] },
): Promise<Computed | boolean> {
  const { name, architecture, config } = shape;
  const model = randomModel(config, SEEDS.weights);
  const made = { model, tokenizer: smallTokenizer(VOCABULARY.tokenizer) };
  // llama.cpp treats tokens in another way where the name of a file contains "phi3".
  const path = `${folder}shape-${SHAPES.indexOf(shape)}`;
  if (architecture === undefined) return isRefused(name, () => saveModel(made, `${path}.gguf`));
  await saveModel(made, `${path}.gguf`, { dtype: "f32" });
  await saveModel(made, path, { dtype: "f32" });
  const pair: Pair = { folder: await loadModel(path), file: await loadModel(`${path}.gguf`) };
  try {
    const { architecture: written } = await describeModel(`${path}.gguf`);
    if (written !== architecture) throw new Error(`the file is of architecture ${written}, not ${architecture}`);
    const computed = await computeInLlama(llama, `${path}.gguf`, prompt, LENGTHS.written);
    return compare(shape, computed, pair, prompt) && computed;
  } finally {
    for (const lm of Object.values(pair)) lm.model.dispose();
  }
}

function compare(
  { name, config }: ModelShape,
  computed: Computed,
  { folder, file }: Pair,
  prompt: readonly number[],
): boolean {
  const differences = [folder, file].map((lm) => matrixDifference(computed.rows, rowsInHeed(lm, prompt)));
  const agreements = [folder, file].map((lm) => compareGreedy(lm, prompt, computed.tokens));
  const allowed = toleranceOf(config);
  const isSame = differences.every((difference) => difference <= allowed) && agreements.every(agrees);
  const worst = agreements.find((each) => !agrees(each)) ?? agreements[1];
  console.log(resultLine(isSame, name, `${numbers(differences)}  ${describeAgreement(worst)}`));
  return isSame;
}

function numbers(differences: readonly number[]): string {
  return differences.map((difference) => difference.toExponential(1).padStart(8)).join("  ");
}

/** A model that GGUF files have no words for must not become another one. */
async function isRefused(name: string, save: () => Promise<void>): Promise<boolean> {
  const error: unknown = await save().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  const isRight = error instanceof ConfigError;
  console.log(resultLine(isRight, name, isRight ? "refused, as it must be" : `not refused: ${String(error)}`));
  return isRight;
}
