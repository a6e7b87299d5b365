/** llama.cpp's answers, written down for the tests of heed. */
import type { Computed } from "./compare-model.ts";
import { SEEDS } from "./parity-families.ts";
import type { ModelShape } from "./shapes.ts";

/** One model of the file. */
export interface StoredAnswer {
  name: string;
  /** general.architecture of its GGUF file. */
  architecture: string;
  config: ModelShape["config"];
  /** Of the weights. */
  seed: number;
  prompt: number[];
  /** Logits after so many tokens of the prompt. */
  rows: { after: number; logits: number[] }[];
  /** What llama.cpp writes then. */
  tokens: number[];
}

/** The file. */
export interface StoredAnswers {
  about: string;
  answers: StoredAnswer[];
}

/** Rows that are kept: inside the first window, and after the whole prompt. */
const KEPT = [7, 40];

/** The text of the file: a line for each model. */
export function makeFixtures(
  version: string,
  stored: readonly { shape: ModelShape; prompt: number[]; computed: Computed }[],
): string {
  const answers = stored.map(({ shape, prompt, computed }): StoredAnswer => {
    const { name, architecture = "", config } = shape;
    const rows = KEPT.map((after) => ({
      after,
      logits: computed.rows[after - 1].map((logit) => Number(logit.toPrecision(6))),
    }));
    return { name, architecture, config, seed: SEEDS.weights, prompt, rows, tokens: computed.tokens };
  });
  const about = `Logits and greedy tokens of llama.cpp (node-llama-cpp ${version}); made by: npm run bench:rivals -- make-fixtures`;
  return `{"about":${JSON.stringify(about)},"answers":[\n${answers.map((answer) => JSON.stringify(answer)).join(",\n")}\n]}\n`;
}
