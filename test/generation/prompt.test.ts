/** Prompts become tokens: a text with the tokenizer's special tokens, a list as it is. */
import { describe, expect, it } from "vitest";
import { promptTokens } from "../../src/generation/prompt.ts";
import type { LanguageModel } from "../../src/language-model.ts";
import { tokenizerFromJSON } from "../../src/tokenizer/tokenizer-json.ts";
import { BPETokenizer } from "../../src/tokenizer/bpe.ts";
import { tinyModel } from "./models.ts";

/** A byte-level tokenizer whose template puts <s> before a text. */
function withTemplate(): LanguageModel {
  const json = JSON.parse(
    JSON.stringify(BPETokenizer.train("some words", { vocabSize: 258, specialTokens: ["<s>", "</s>"] })),
  ) as Record<string, unknown>;
  json.post_processor = {
    type: "TemplateProcessing",
    single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
    pair: [{ Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 1 } }],
    special_tokens: { "<s>": { id: "<s>", ids: [0], tokens: ["<s>"] } },
  };
  return { model: tinyModel(1, { vocabSize: 258 }), tokenizer: tokenizerFromJSON(json) };
}

describe("promptTokens", () => {
  const lm = withTemplate();
  const plain = lm.tokenizer?.encode("ab") ?? [];

  it("puts the template's tokens around a text and nothing around a list", () => {
    expect(promptTokens("test", lm, "ab")).toEqual([0, ...plain]);
    expect(promptTokens("test", lm, plain)).toEqual(plain);
  });

  it("reads a special token that is typed in the text as plain text", () => {
    expect(promptTokens("test", lm, "</s>")).not.toContain(1);
    expect(promptTokens("test", lm, "</s>")).toHaveLength(5);
  });

  it("takes the model's begin-of-text token for \"\", else the tokenizer's", () => {
    expect(promptTokens("test", { ...lm, generationDefaults: { bosId: 7 } }, "")).toEqual([7]);
    expect(promptTokens("test", lm, "")).toEqual([0]);
  });

  it("names the operation in its errors", () => {
    expect(() => promptTokens("score", lm, [])).toThrow("score: the prompt has no tokens; give at least one");
    expect(() => promptTokens("score", lm, null as unknown as string)).toThrow(
      "score: the prompt must be a text or a list of token ids, got null",
    );
  });
});
