/** Beam search gives the same tokens as onnxruntime's, in seventy searches over a published GPT-2. */
import { readFileSync } from "node:fs";
import { beforeAll, expect, it } from "vitest";
import { generate } from "../../src/generation/generate.ts";
import type { LanguageModel } from "../../src/language-model.ts";
import { loadModel } from "../../src/load.ts";
import { describeBackends } from "../backends.ts";
import { dataPath, describeWithData } from "../data.ts";

/** A search as onnxruntime was asked for it; lengths include the prompt. */
interface BeamCase {
  readonly input_ids: number[];
  readonly max_length: number;
  readonly min_length?: number;
  readonly num_beams: number;
  readonly length_penalty: number;
  readonly repetition_penalty: number;
  readonly no_repeat_ngram_size?: number;
  readonly early_stopping?: 0 | 1;
  readonly num_return_sequences: number;
  readonly eos?: number;
  readonly eos_token_id?: number;
  readonly sequences: number[][];
}

/** What fills a row after its end. */
const PADDING = 98;

describeWithData("beam search and onnxruntime's", () => {
  describeBackends(() => {
    const { cases, casesWithEos } = JSON.parse(readFileSync(dataPath("tiny-gpt2", "beam-cases.json"), "utf8")) as {
      cases: BeamCase[];
      casesWithEos: BeamCase[];
    };
    let lm: LanguageModel;
    beforeAll(async () => {
      lm = await loadModel(dataPath("tiny-gpt2"));
    });

    async function search(given: BeamCase): Promise<number[][]> {
      const { input_ids: prompt, eos = given.eos_token_id as number } = given;
      const { sequences } = await generate(lm, prompt, {
        strategy: "beam",
        numBeams: given.num_beams,
        numReturnSequences: given.num_return_sequences,
        lengthPenalty: given.length_penalty,
        lengthNormalization: "full",
        earlyStopping: given.early_stopping === 1,
        maxNewTokens: given.max_length - prompt.length,
        minNewTokens: Math.max(0, (given.min_length ?? 0) - prompt.length),
        repetitionPenalty: given.repetition_penalty,
        noRepeatNgram: given.no_repeat_ngram_size ?? 0,
        eosIds: [eos],
      });
      return sequences.map(({ tokens }) => {
        const row = [...prompt, ...tokens];
        return [...row, ...new Array<number>(given.max_length - row.length).fill(PADDING)];
      });
    }

    it("the cases are thirty and forty, and some of them end before their greatest length", () => {
      expect([cases.length, casesWithEos.length]).toEqual([30, 40]);
      const ended = [...cases, ...casesWithEos].filter(({ sequences }) =>
        sequences.some((row) => row[row.length - 1] === PADDING),
      );
      expect(ended.length).toBe(7);
    });

    it.each(cases.map((each, number) => ({ number, each })))(
      "search $number writes the same tokens",
      async ({ each }) => {
        expect(await search(each)).toEqual(each.sequences);
      },
    );

    it.each(casesWithEos.map((each, number) => ({ number, each })))(
      "search $number with an end-of-text token writes the same tokens",
      async ({ each }) => {
        expect(await search(each)).toEqual(each.sequences);
      },
    );
  });
});
