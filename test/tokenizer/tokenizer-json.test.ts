import { readFileSync } from "node:fs";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { FormatError, HeedError, TokenizerError } from "../../src/errors.ts";
import { BPETokenizer } from "../../src/tokenizer/bpe.ts";
import type { Tokenizer } from "../../src/tokenizer/tokenizer.ts";
import { tokenizerFromJSON } from "../../src/tokenizer/tokenizer-json.ts";
import { dataPath, describeWithData } from "../data.ts";

interface Parity {
  texts: string[];
  encodings: Record<string, { ids: number[][]; decoded?: string[] }>;
}

const read = (path: string): string => readFileSync(dataPath("tokenizers", path), "utf8");

describeWithData("parity with the reference tokenizers", () => {
  let parity: Parity;
  beforeAll(() => {
    parity = JSON.parse(readFileSync(dataPath("tokenizers/parity.json"), "utf8")) as Parity;
  });

  describe.each<[string, () => Tokenizer, "all" | undefined]>([
    ["gpt2", () => BPETokenizer.fromGPT2(read("gpt2/encoder.json"), read("gpt2/vocab.bpe")), undefined],
    ["cl100k_base", () => BPETokenizer.fromTiktoken(read("tiktoken/cl100k_base.tiktoken"), "cl100k_base"), undefined],
    ["o200k_base", () => BPETokenizer.fromTiktoken(read("tiktoken/o200k_base.tiktoken"), "o200k_base"), undefined],
    ["stories260K", () => tokenizerFromJSON(read("../stories260K/tokenizer.json")), "all"],
    ["codegen", () => tokenizerFromJSON(read("codegen/tokenizer.json")), "all"],
    ["phi3", () => tokenizerFromJSON(read("phi3/tokenizer.json")), "all"],
    ["whisper", () => tokenizerFromJSON(read("whisper/tokenizer.json")), "all"],
    ["qwen3", () => tokenizerFromJSON(read("qwen3/tokenizer.json")), "all"],
  ])("%s", (name, make, allowedSpecial) => {
    let tokenizer: Tokenizer;
    beforeAll(() => {
      tokenizer = make();
    });

    it("gives the same ids", () => {
      for (const [i, text] of parity.texts.entries()) {
        expect(tokenizer.encode(text, { allowedSpecial }), JSON.stringify(text)).toEqual(parity.encodings[name].ids[i]);
      }
    });

    it("decodes to the same text, at once and as a stream", () => {
      for (const [i, tokens] of parity.encodings[name].ids.entries()) {
        const decoded = tokenizer.decode(tokens);
        expect(decoded).toBe(
          parity.encodings[name].decoded?.[i] ?? parity.texts[i].replace(/\p{Surrogate}/gu, "\uFFFD"),
        );
        const stream = tokenizer.decoder();
        expect(tokens.map((token) => stream.push(token)).join("") + stream.flush()).toBe(decoded);
      }
    });

    it("gives offsets that run through the text", () => {
      for (const text of parity.texts) {
        const { tokens, offsets } = tokenizer.encodeWithOffsets(text, { allowedSpecial });
        expect(tokens).toEqual(tokenizer.encode(text, { allowedSpecial }));
        let covered = 0;
        for (const [start, end] of offsets) {
          expect(start).toBeLessThanOrEqual(covered);
          expect(end).toBeGreaterThanOrEqual(covered);
          covered = end;
        }
        expect(covered).toBe(text.length);
      }
    });

    it("gives the same ids to a text that comes in chunks", () => {
      for (const [i, text] of parity.texts.entries()) {
        const chunks = Array.from({ length: Math.ceil(text.length / 5) }, (_, at) => text.slice(5 * at, 5 * at + 5));
        const tokens = [...tokenizer.encodeChunks(chunks, { allowedSpecial })].flat();
        expect(tokens, JSON.stringify(text)).toEqual(parity.encodings[name].ids[i]);
        expect(tokenizer.countTokens(text, { allowedSpecial })).toBe(tokens.length);
      }
    });

    it("writes what it has read", () => {
      const json = JSON.stringify(tokenizer);
      const again = tokenizerFromJSON(json);
      expect(JSON.stringify(again) === json).toBe(true); // without printing megabytes
      expect(again.encode(parity.texts.join("\n"))).toEqual(tokenizer.encode(parity.texts.join("\n")));
    });
  });
});

describeWithData("stories260K", () => {
  const load = (): Tokenizer => tokenizerFromJSON(readFileSync(dataPath("stories260K/tokenizer.json"), "utf8"));

  it("knows BOS from its template and EOS from its name", () => {
    const tokenizer = load();
    expect([tokenizer.vocabSize, tokenizer.bosId, tokenizer.eosId]).toEqual([512, 1, 2]);
  });

  it("adds BOS only on demand", () => {
    const tokenizer = load();
    const plain = tokenizer.encode("Once");
    expect(tokenizer.encode("Once", { addSpecialTokens: true })).toEqual([1, ...plain]);
    expect(tokenizer.encode("", { addSpecialTokens: true })).toEqual([1]);
    const { tokens, offsets } = tokenizer.encodeWithOffsets("Once", { addSpecialTokens: true });
    expect(tokens).toEqual([1, ...plain]);
    expect(offsets[0]).toEqual([0, 0]);
    expect(offsets.at(-1)?.[1]).toBe(4);
    expect(tokenizer.decode(tokens, { skipSpecial: true })).toBe("Once");
  });

  it("writes unknown characters as bytes", () => {
    const tokenizer = load();
    const tokens = tokenizer.encode("漢");
    expect(tokens.slice(-3).map((token) => tokenizer.idToToken(token))).toEqual(["<0xE6>", "<0xBC>", "<0xA2>"]);
    expect(tokenizer.tokenBytes(tokens.at(-1) as number)).toEqual(Uint8Array.of(0xa2));
    expect(tokenizer.encodeWithOffsets("a漢b").offsets.slice(-4)).toEqual([
      [1, 2],
      [1, 2],
      [1, 2],
      [2, 3],
    ]);
  });

  it("turns text into tokens and back", () => {
    const tokenizer = load();
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text.replaceAll("▁", " "));
      }),
    );
  });
});

/** A small well-formed file of characters, changed in places. */
function json(changes: Record<string, unknown> = {}, model: Record<string, unknown> = {}): object {
  return {
    decoder: { type: "Fuse" },
    ...changes,
    model: { type: "BPE", vocab: { "?": 0, a: 1, b: 2, ab: 3 }, merges: ["a b"], ...model },
  };
}

function template(single: object[], special_tokens: object = {}): object {
  return json({ post_processor: { type: "TemplateProcessing", single, special_tokens } });
}

function decoders(...parts: object[]): object {
  return json({ decoder: { type: "Sequence", decoders: parts } });
}

function doubling(times: number): object[] {
  return Array.from({ length: times }, () => ({ type: "Replace", pattern: { String: "a" }, content: "aa" }));
}

/** Lists deeper than the stack. */
function nested(): unknown {
  return JSON.parse("[".repeat(20_000) + "]".repeat(20_000));
}

describe("tokenizerFromJSON", () => {
  it("encodes though the normalizer leaves nothing of an added token", () => {
    const tokenizer = tokenizerFromJSON(
      json({
        normalizer: { type: "Replace", pattern: { String: "x" }, content: "" },
        added_tokens: [{ id: 4, content: "x", special: false, normalized: true }],
      }),
    );
    expect(tokenizer.encode("axb")).toEqual([3]);
  });

  it("reads strings and objects, merges as strings and as pairs", () => {
    for (const content of [json(), JSON.stringify(json()), json({}, { merges: [["a", "b"]] })]) {
      const tokenizer = tokenizerFromJSON(content);
      expect(tokenizer).toBeInstanceOf(BPETokenizer);
      expect(tokenizer.encode("aba")).toEqual([3, 1]);
      expect(tokenizer.decode([3, 1])).toBe("aba");
    }
  });

  it("writes merges as pairs where a spelling has a space", () => {
    const tokenizer = tokenizerFromJSON(json({}, { vocab: { " ": 0, a: 1, " a": 2 }, merges: [[" ", "a"]] }));
    expect(tokenizer.encode("a a")).toEqual([1, 2]);
    expect(tokenizerFromJSON(tokenizer.toJSON()).encode("a a")).toEqual([1, 2]);
  });

  it("uses the unknown token, fused or not", () => {
    expect(tokenizerFromJSON(json({}, { unk_token: "?" })).encode("xya")).toEqual([0, 0, 1]);
    const fused = tokenizerFromJSON(json({}, { unk_token: "?", fuse_unk: true }));
    expect(fused.encodeWithOffsets("xya漢")).toEqual({
      tokens: [0, 1, 0],
      offsets: [
        [0, 2],
        [2, 3],
        [3, 4],
      ],
    });
    expect(() => tokenizerFromJSON(json()).encode("xy")).toThrow(/no token for "x"/);
  });

  it("takes BOS and EOS from a template", () => {
    const tokenizer = tokenizerFromJSON(
      json({
        added_tokens: [
          { id: 4, content: "[A]", special: true },
          { id: 5, content: "[Z]", special: true },
        ],
        post_processor: {
          type: "TemplateProcessing",
          single: [
            { SpecialToken: { id: "[A]", type_id: 0 } },
            { Sequence: { id: "A", type_id: 0 } },
            { SpecialToken: { id: "[Z]", type_id: 0 } },
          ],
          special_tokens: { "[A]": { id: "[A]", ids: [4] }, "[Z]": { id: "[Z]", ids: [5] } },
        },
      }),
    );
    expect([tokenizer.bosId, tokenizer.eosId]).toEqual([4, 5]);
    expect(tokenizer.encodeWithOffsets("ab", { addSpecialTokens: true })).toEqual({
      tokens: [4, 3, 5],
      offsets: [
        [0, 0],
        [0, 2],
        [2, 2],
      ],
    });
  });

  it("keeps entries with the names of object properties", () => {
    const vocab = JSON.parse('{"__proto__": 0, "_": 1, "constructor": 2}') as object;
    const tokenizer = tokenizerFromJSON(json({}, { vocab, merges: [] }));
    expect(tokenizer.tokenToId("__proto__")).toBe(0);
    expect(tokenizerFromJSON(tokenizer.toJSON()).tokenToId("__proto__")).toBe(0);
    expect(tokenizer.tokenToId("toString")).toBeUndefined();
  });

  it.each<[string, object | string, RegExp]>([
    ["no JSON", "{", /not valid JSON/],
    ["an array", [], /the content must be an object, got \[\]/],
    ["null", "null", /the content must be an object, got null/],
    ["no model", { decoder: { type: "Fuse" } }, /model must be an object, got nothing/],
    ["no vocab", json({}, { vocab: undefined }), /model.vocab must be an object, got nothing/],
    ["no merges", json({}, { merges: undefined }), /model.merges must be an array, got nothing/],
    [
      "a fractional id",
      json({}, { vocab: { a: 0.5 } }),
      /model.vocab\["a"\] must be an integer from 0 to 16777215, got 0.5/,
    ],
    ["an enormous id", json({}, { vocab: { a: 1e12 } }), /must be an integer from 0 to 16777215/],
    ["an id twice", json({}, { vocab: { a: 0, b: 0, ab: 1 } }), /the id 0 belongs to both "a" and "b"/],
    [
      "an id that an added token has too",
      json({ added_tokens: [{ id: 3, content: "<s>" }] }),
      /the id 3 belongs to both "ab" and "<s>"/,
    ],
    [
      "two ids for one entry",
      json({ added_tokens: [{ id: 9, content: "ab" }] }),
      /"ab" has the id 3 in model.vocab and 9 in added_tokens/,
    ],
    [
      "a merge of an unknown token",
      json({}, { merges: ["a b", "b c"] }),
      /model.merges\[1\] needs "c", which is not in model.vocab/,
    ],
    ["a merge into an unknown token", json({}, { merges: ["b a"] }), /model.merges\[0\] needs "ba"/],
    [
      "a merge of three",
      json({}, { merges: ["a b c"] }),
      /model.merges\[0\] must be "a b" or \["a", "b"\], got "a b c"/,
    ],
    [
      "a merge of numbers",
      json({}, { merges: [[1, 2]] }),
      /model.merges\[0\] must be "a b" or \["a", "b"\], got \[1,2\]/,
    ],
    [
      "an unknown token that is not there",
      json({}, { unk_token: "<unk>" }),
      /model.unk_token "<unk>" is not in model.vocab/,
    ],
    [
      "a template without its token",
      template([{ SpecialToken: { id: "toString" } }]),
      /special_tokens\["toString"\] must be an object, got nothing/,
    ],
    [
      "a template with a foreign id",
      template([{ SpecialToken: { id: "s" } }, { Sequence: { id: "A" } }], { s: { ids: [77] } }),
      /puts in token 77, which is not in the vocabulary/,
    ],
    [
      "a strip of several characters",
      decoders({ type: "Fuse" }, { type: "Strip", content: "ab", start: 1, stop: 0 }),
      /content must be one character, got "ab"/,
    ],
    ["a decoder that multiplies", decoders(...doubling(7), { type: "Fuse" }), /replacements of decoder .* 128 times/],
    [
      "a normalizer that multiplies",
      json({ normalizer: { type: "Sequence", normalizers: doubling(26) } }),
      /replacements of normalizer .* 67108864 times/,
    ],
    ["a nested merge", json({}, { merges: [nested()] }), /model.merges\[0\] must be .*, got an array/],
    ...["normalizer", "pre_tokenizer", "post_processor", "decoder"].map((stage): [string, object, RegExp] => [
      `a nested ${stage}`,
      json({ [stage]: { type: "Fuse", foreign: nested() } }),
      new RegExp(`tokenizer.json: ${stage} is nested too deeply; at most 32 levels are allowed`),
    ]),
  ])("finds malformed: %s", (_, content, message) => {
    expect(() => tokenizerFromJSON(content)).toThrow(FormatError);
    expect(() => tokenizerFromJSON(content)).toThrow(message);
  });

  it.each<[string, object, RegExp]>([
    ["a model", json({}, { type: "Unigram" }), /model of type "Unigram" is not supported; supported: BPE/],
    ["a normalizer", json({ normalizer: { type: "Foreign" } }), /normalizer of type "Foreign"/],
    ["a pre-tokenizer", json({ pre_tokenizer: { type: "Foreign" } }), /pre_tokenizer of type "Foreign"/],
    ["a post-processor", json({ post_processor: { type: "Foreign" } }), /post_processor of type "Foreign"/],
    ["a template of two texts", template([{ Sequence: { id: "B" } }]), /single\[0\].Sequence "B"/],
    ["a template of no text", template([]), /single without Sequence/],
    ["a decoder", json({ decoder: { type: "WordPiece" } }), /decoder of type "WordPiece"/],
    ["no decoder", json({ decoder: null }), /decoder null is not supported/],
    ["a part of a decoder", decoders({ type: "Fuse" }, { type: "Metaspace" }), /decoders\[1\] of type "Metaspace"/],
    [
      "decoders in another order",
      decoders({ type: "Fuse" }, { type: "ByteFallback" }),
      /decoders\[1\] of type "ByteFallback"/,
    ],
    [
      "a strip at the end",
      decoders({ type: "Fuse" }, { type: "Strip", content: " ", start: 0, stop: 1 }),
      /decoders\[1\].stop 1/,
    ],
    ["dropout", json({}, { dropout: 0.1 }), /model.dropout 0.1/],
    ["a suffix", json({}, { end_of_word_suffix: "</w>" }), /model.end_of_word_suffix "<\/w>"/],
  ])("refuses by name: %s", (_, content, message) => {
    expect(() => tokenizerFromJSON(content)).toThrow(TokenizerError);
    expect(() => tokenizerFromJSON(content)).toThrow(message);
  });

  it("throws only its own errors, whatever the content", () => {
    const shape = fc.record(
      {
        model: fc.record(
          { type: fc.constant("BPE"), vocab: fc.object({ maxDepth: 1 }), merges: fc.anything() },
          { requiredKeys: [] },
        ),
        added_tokens: fc.anything(),
        normalizer: fc.anything(),
        pre_tokenizer: fc.anything(),
        post_processor: fc.anything(),
        decoder: fc.oneof(fc.constant({ type: "Fuse" }), fc.anything()),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.oneof(shape, fc.object(), fc.string()), (content) => {
        try {
          tokenizerFromJSON(content);
        } catch (error) {
          expect(error).toBeInstanceOf(HeedError);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("throws only its own errors for a file with a byte changed", () => {
    const text = JSON.stringify(BPETokenizer.train("the cat the hat", { vocabSize: 262, specialTokens: ["<s>"] }));
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.string({ unit: "binary-ascii", maxLength: 2 }), (at, insert) => {
        try {
          tokenizerFromJSON(text.slice(0, at) + insert + text.slice(at + 1));
        } catch (error) {
          expect(error).toBeInstanceOf(HeedError);
        }
      }),
      { numRuns: 300 },
    );
  });
});
