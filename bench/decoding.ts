/** Choosing tokens: the functions on one row of scores at the sizes of real vocabularies, and whole texts by each strategy. */
import { Random, Transformer, applyTemperature, argmax, generate, keepTopK, keepTopP, toProbabilities } from "heed";
import type { GenerateOptions, Scores } from "heed";
import { VOCAB_SIZE, defaultConfig } from "../examples/default-model.ts";
import type { BenchCase, Subject } from "./harness.ts";
import { randomTokens } from "./seeded.ts";

/** As unequal as a model's: normal with this deviation puts 96 % of the probability on a tenth of the tokens. */
const LOGIT_STD = 3;

/** What happens to a row between the model and the token. */
const rowFunctions: readonly (readonly [name: string, apply: (row: Scores, random: Random) => number])[] = [
  ["argmax", (row) => argmax(row)],
  ["topK 40", (row) => (keepTopK(row, 40), row[0])],
  ["topP 0.95", (row) => (keepTopP(row, 0.95), row[0])],
  [
    "temperature 0.8, topK 40, topP 0.95 and a draw",
    (row, random) => {
      applyTemperature(row, 0.8);
      keepTopK(row, 40);
      keepTopP(row, 0.95);
      return random.categorical(toProbabilities(row));
    },
  ],
];

/** The functions change their row, so every run makes a copy first, and its time is part of the result. */
function rowCase(name: string, vocabSize: number, apply: (row: Scores, random: Random) => number): BenchCase {
  return {
    name: `decoding row of ${vocabSize.toLocaleString("en-US")} ${name}`,
    unit: "rows/s",
    work: 1,
    setup: () => {
      const random = new Random(1);
      const logits = Float32Array.from({ length: vocabSize }, () => LOGIT_STD * random.normal());
      const row = new Float32Array(vocabSize);
      return () => {
        row.set(logits);
        return apply(row, random);
      };
    },
  };
}

const NEW_TOKENS = 48;
const GREEDY = `decoding greedy ${NEW_TOKENS} tokens`;

function generateCase(name: string, options: GenerateOptions, baseline?: string): BenchCase {
  return {
    name,
    unit: "tokens/s",
    work: NEW_TOKENS,
    ...(baseline !== undefined && { baseline }),
    setup: () => {
      const model = new Transformer(defaultConfig(VOCAB_SIZE), { seed: 1 });
      const prompt = randomTokens(8, VOCAB_SIZE, 2);
      return async () => {
        const { tokens } = await generate({ model }, prompt, { ...options, maxNewTokens: NEW_TOKENS, eosIds: [] });
        if (tokens.length !== NEW_TOKENS) throw new Error(`wrote ${tokens.length} tokens instead of ${NEW_TOKENS}`);
        return tokens[NEW_TOKENS - 1];
      };
    },
  };
}

/** Choosing tokens. */
export const decoding: Subject = {
  name: "decoding",
  cases: [
    ...[32_000, 50_257].flatMap((vocabSize) => rowFunctions.map(([name, apply]) => rowCase(name, vocabSize, apply))),
    generateCase(GREEDY, { strategy: "greedy" }),
    generateCase(
      `decoding sample ${NEW_TOKENS} tokens, topK 40, topP 0.95`,
      { strategy: "sample", temperature: 0.8, topK: 40, topP: 0.95, seed: 1 },
      GREEDY,
    ),
    generateCase(`decoding beam 4 ${NEW_TOKENS} tokens`, { strategy: "beam", numBeams: 4 }, GREEDY),
  ],
};
