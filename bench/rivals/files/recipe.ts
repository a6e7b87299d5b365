/**
 * The training of the comparison, nanoGPT's recipe for a CPU, as a file that every side can read: initial weights from heed, and
 * batches of random tokens, of which only the number matters for time.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { Transformer } from "heed";
import type { ModelConfig } from "heed";
import { randomTokens } from "../../seeded.ts";

/** Raise it when the files change, so that old ones are not taken for new ones. */
const VERSION = 1;

/** The model: GPT-2's kind with tanh-GELU, no biases, and the token table as the head. */
export const RECIPE_MODEL: ModelConfig & { contextLength: number } = {
  vocabSize: 65,
  contextLength: 64,
  dModel: 128,
  nLayers: 4,
  nHeads: 4,
  bias: false,
};

/** How it learns. The learning rate stands still: the schedule costs nothing. */
export const RECIPE_OPTIMIZER = {
  learningRate: 1e-3,
  beta1: 0.9,
  beta2: 0.99,
  eps: 1e-8,
  weightDecay: 0.1,
  gradClip: 1,
} as const;

const BATCH_SIZE = 12;
const BATCHES = 16;

/** [batchSize][seqLen]; targets follow inputs. */
export interface RecipeBatch {
  inputs: number[][];
  targets: number[][];
}

interface RecipeFile {
  model: typeof RECIPE_MODEL;
  optimizer: typeof RECIPE_OPTIMIZER;
  normEps: number;
  /** Where each parameter is in the file of weights, in numbers. */
  parameters: { name: string; shape: number[]; offset: number }[];
  weights: string;
  batches: RecipeBatch[];
}

/** The recipe, read. */
export interface Recipe extends Omit<RecipeFile, "parameters" | "weights"> {
  parameters: Map<string, { shape: number[]; data: Float32Array }>;
}

function makeBatch(tokens: readonly number[], batch: number): RecipeBatch {
  const seqLen = RECIPE_MODEL.contextLength;
  const window = (row: number, shift: number): number[] => {
    const start = (batch * BATCH_SIZE + row) * seqLen + shift;
    return tokens.slice(start, start + seqLen);
  };
  const rows = Array.from({ length: BATCH_SIZE }, (_, row) => row);
  return { inputs: rows.map((row) => window(row, 0)), targets: rows.map((row) => window(row, 1)) };
}

/** The path of the recipe, made in `folder` if it is not there. */
export function recipeFile(folder: string): string {
  const path = `${folder}recipe-${VERSION}.json`;
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  const model = new Transformer(RECIPE_MODEL, { seed: 1 });
  const parameters: RecipeFile["parameters"] = [];
  const chunks: Float32Array[] = [];
  let offset = 0;
  for (const [name, { shape, data, size }] of model.parameters()) {
    parameters.push({ name, shape: [...shape], offset });
    chunks.push(data);
    offset += size;
  }
  const all = new Float32Array(offset);
  chunks.forEach((chunk, i) => all.set(chunk, parameters[i].offset));
  const weights = `${folder}recipe-${VERSION}.f32`;
  writeFileSync(weights, new Uint8Array(all.buffer));
  const tokens = randomTokens(BATCHES * BATCH_SIZE * RECIPE_MODEL.contextLength + 1, RECIPE_MODEL.vocabSize, 2);
  const file: RecipeFile = {
    model: RECIPE_MODEL,
    optimizer: RECIPE_OPTIMIZER,
    normEps: model.config.normEps,
    parameters,
    weights,
    batches: Array.from({ length: BATCHES }, (_, i) => makeBatch(tokens, i)),
  };
  writeFileSync(`${path}.tmp`, JSON.stringify(file));
  renameSync(`${path}.tmp`, path);
  return path;
}

/** Reads a recipe. */
export function readRecipe(path: string): Recipe {
  const { parameters, weights, ...rest } = JSON.parse(readFileSync(path, "utf8")) as RecipeFile;
  const bytes = readFileSync(weights);
  const all = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  const read = new Map(
    parameters.map(({ name, shape, offset }) => {
      const size = shape.reduce((product, each) => product * each, 1);
      return [name, { shape, data: all.slice(offset, offset + size) }];
    }),
  );
  return { ...rest, parameters: read };
}

/** Calls `step` with one batch after another, beginning anew after the last. */
export function batchCycle<T>({ batches }: Recipe, step: (batch: RecipeBatch) => T): () => T {
  let count = 0;
  return () => step(batches[count++ % batches.length]);
}
