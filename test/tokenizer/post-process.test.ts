import { describe, expect, it } from "vitest";
import { FormatError, TokenizerError } from "../../src/errors.ts";
import { readPostProcessor } from "../../src/tokenizer/post-process.ts";

const template = (name: string, id: number): object => ({
  type: "TemplateProcessing",
  single: [{ SpecialToken: { id: name, type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
  pair: [{ Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 1 } }],
  special_tokens: { [name]: { id: name, ids: [id], tokens: [name] } },
});
const BERT = { sep: ["[SEP]", 5], cls: ["[CLS]", 4] };

describe("readPostProcessor", () => {
  it.each<[string, object | null, number[], number[]]>([
    ["none", null, [], []],
    ["ByteLevel", { type: "ByteLevel" }, [], []],
    ["a template", template("<s>", 1), [1], []],
    ["Roberta", { type: "RobertaProcessing", ...BERT, trim_offsets: true }, [4], [5]],
    ["Bert", { type: "BertProcessing", ...BERT }, [4], [5]],
    ["Llama 3", { type: "Sequence", processors: [{ type: "ByteLevel" }, template("<s>", 1)] }, [1], []],
    [
      "one around another",
      { type: "Sequence", processors: [{ type: "BertProcessing", ...BERT }, template("<s>", 1)] },
      [1, 4],
      [5],
    ],
  ])("%s", (_, json, before, after) => {
    expect(readPostProcessor(json)).toEqual({ json, before, after });
  });

  it("refuses the rest by name", () => {
    const inner = { type: "Sequence", processors: [{ type: "Other" }] };
    expect(() => readPostProcessor(inner)).toThrow(/post_processor.processors\[0\] of type "Other" is not supported/);
    expect(() => readPostProcessor(inner)).toThrow(TokenizerError);
    expect(() => readPostProcessor({ type: "BertProcessing", sep: ["x"], cls: ["y", 1] })).toThrow(FormatError);
    expect(() => readPostProcessor({ type: "BertProcessing", cls: ["y", 1] })).toThrow(
      /post_processor.sep must be an array/,
    );
  });
});
