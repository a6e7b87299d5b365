/** Beam search against a second one, written from the rules alone: no cache, no shortcuts, one plain list at each step. */
import { describe, expect, it } from "vitest";
import { generate } from "../../src/generation/generate.ts";
import type { BeamOptions } from "../../src/generation/options.ts";
import type { Transformer } from "../../src/model/transformer.ts";
import { freshLogprobs, tinyModel } from "./models.ts";

type Rules = Required<
  Pick<BeamOptions, "numBeams" | "maxNewTokens" | "lengthPenalty" | "lengthNormalization" | "earlyStopping">
> & { readonly eosIds: readonly number[] };

interface Text {
  readonly tokens: readonly number[];
  readonly score: number;
}

/**
 * The rules. Every running text is continued by every token, and the numBeams best of all continuations are looked at: those
 * with an end-of-text token are finished, and the numBeams best others run on. Of the finished texts the numBeams best are kept.
 * With numBeams finished texts the search ends if earlyStopping is true; if it is "never", when no running text could still
 * score better at any length; if it is false, when none would at the length it has: with its newest token, or, after
 * onnxruntime (normalisation "full"), without it, and there judged by the best continuation of all, finished or not.
 */
function referenceSearch(
  model: Transformer,
  prompt: readonly number[],
  { numBeams, maxNewTokens, lengthPenalty, lengthNormalization, earlyStopping, eosIds }: Rules,
): Text[] {
  const full = lengthNormalization === "full";
  const normalized = (total: number, length: number): number =>
    total / Math.max(1, full ? prompt.length + length : length) ** lengthPenalty;
  const byScore = (a: Text, b: Text): number => b.score - a.score;
  let running: { tokens: readonly number[]; total: number }[] = [{ tokens: [], total: 0 }];
  let finished: Text[] = [];
  for (let step = 1; step <= maxNewTokens; step++) {
    const continuations = running
      .flatMap(({ tokens, total }) =>
        Array.from(freshLogprobs(model, [...prompt, ...tokens]), (logprob, token) => ({
          before: tokens,
          token,
          total: total + logprob,
        })),
      )
      .sort((a, b) => b.total - a.total);
    const ended = continuations.slice(0, numBeams).filter(({ token }) => eosIds.includes(token));
    finished = [
      ...finished,
      ...ended.map(({ before, total }) => ({ tokens: before, score: normalized(total, full ? step - 1 : step) })),
    ]
      .sort(byScore)
      .slice(0, numBeams);
    running = continuations
      .filter(({ token }) => !eosIds.includes(token))
      .slice(0, numBeams)
      .map(({ before, token, total }) => ({ tokens: [...before, token], total }));
    if (finished.length < numBeams) continue;
    const worst = finished[numBeams - 1].score;
    if (earlyStopping === true) return finished;
    if (
      earlyStopping === false &&
      worst >= (full ? normalized(continuations[0].total, step - 1) : normalized(running[0].total, step))
    )
      return finished;
    const lengths = Array.from({ length: maxNewTokens - step + 2 }, (_, more) => step - 1 + more);
    if (
      earlyStopping === "never" &&
      lengths.every((length) => worst >= normalized(full ? continuations[0].total : running[0].total, length))
    )
      return finished;
  }
  return [...finished, ...running.map(({ tokens, total }) => ({ tokens, score: normalized(total, tokens.length) }))]
    .sort(byScore)
    .slice(0, numBeams);
}

const cases = (["generated", "full"] as const).flatMap((lengthNormalization) =>
  ([true, false, "never"] as const).flatMap((earlyStopping) =>
    [-0.2, 0, 0.5, 1, 3].map((lengthPenalty) => ({ lengthNormalization, earlyStopping, lengthPenalty })),
  ),
);

describe("beam search and a second one from its rules", () => {
  it.each(cases)(
    "write the same texts: normalisation $lengthNormalization, earlyStopping $earlyStopping, penalty $lengthPenalty",
    async (options) => {
      for (let seed = 1; seed <= 6; seed++) {
        const model = tinyModel(seed, { vocabSize: 6, contextLength: 12, dModel: 8, nLayers: 1 }, 1.5);
        for (const numBeams of [2, 3]) {
          for (const eosIds of [[0], [1, 4, 5]]) {
            const rules = { ...options, numBeams, eosIds, maxNewTokens: 8 };
            const expected = referenceSearch(model, [2, 3], rules);
            const { sequences } = await generate({ model }, [2, 3], {
              ...rules,
              strategy: "beam",
              numReturnSequences: numBeams,
            });
            expect(sequences.map(({ tokens }) => tokens)).toEqual(expected.map(({ tokens }) => tokens));
            sequences.forEach(({ score }, i) => expect(Math.abs(score - expected[i].score)).toBeLessThan(1e-4));
          }
        }
      }
    },
  );
});
