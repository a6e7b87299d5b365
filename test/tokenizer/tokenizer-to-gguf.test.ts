/** Tokenizers go into GGUF metadata and come back with the same ids; what cannot be said is refused by name. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { BPETokenizer } from "../../src/tokenizer/bpe.ts";
import { CharTokenizer } from "../../src/tokenizer/char.ts";
import { tokenizerFromGGUF } from "../../src/tokenizer/tokenizer-gguf.ts";
import { tokenizerFromJSON } from "../../src/tokenizer/tokenizer-json.ts";
import { tokenizerToGGUF } from "../../src/tokenizer/tokenizer-to-gguf.ts";
import type { Tokenizer } from "../../src/tokenizer/tokenizer.ts";
import { dataPath, describeWithData } from "../data.ts";

const corpus = "The sea, the sea, the open sea! It's 1234 times as blue; it's fresh, it's ever free. the the the";
const trained = BPETokenizer.train(corpus, { vocabSize: 300, specialTokens: ["<|endoftext|>", "<pad>"] });

/** The same tokenizer with parts of its `tokenizer.json` changed. */
function changed(change: (json: Record<string, unknown> & { model: Record<string, unknown> }) => void): Tokenizer {
  const json = structuredClone(trained.toJSON()) as Record<string, unknown> & { model: Record<string, unknown> };
  change(json);
  return tokenizerFromJSON(json);
}

/** SentencePiece's kind, with all bytes; `merges` by rank. */
function pieces(
  merges: string[],
  change: Record<string, unknown> = {},
  model: Record<string, unknown> = {},
): Tokenizer {
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
  const made = new Set(merges.map((merge) => merge.replace(" ", "")));
  const tokens = ["<unk>", "<s>", "</s>", ...bytes, "▁", "a", "b", "c", ...made];
  const [unk, bos, eos] = tokens;
  const special = [unk, bos, eos].map((content, id) => ({ id, content, special: true, normalized: false }));
  return tokenizerFromJSON({
    added_tokens: [...special, { id: tokens.length, content: "<mark>", special: false, normalized: false }],
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "Prepend", prepend: "▁" },
        { type: "Replace", pattern: { String: " " }, content: "▁" },
      ],
    },
    pre_tokenizer: null,
    post_processor: {
      type: "TemplateProcessing",
      single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
      special_tokens: { "<s>": { id: "<s>", ids: [1], tokens: ["<s>"] } },
    },
    decoder: {
      type: "Sequence",
      decoders: [
        { content: " ", pattern: { String: "▁" }, type: "Replace" },
        { type: "ByteFallback" },
        { type: "Fuse" },
        { type: "Strip", content: " ", start: 1, stop: 0 },
      ],
    },
    ...change,
    model: {
      ...{ type: "BPE", vocab: Object.fromEntries(tokens.map((token, id) => [token, id])), merges },
      ...{ unk_token: "<unk>", fuse_unk: true, byte_fallback: true, ...model },
    },
  });
}
const SCORED = ["a b", "▁ a", "ab c", "a bc", "b c"];

function expectSame(tokenizer: Tokenizer, texts: readonly string[], options: { vocabSize?: number } = {}): Tokenizer {
  const back = tokenizerFromGGUF(tokenizerToGGUF(tokenizer, options));
  for (const text of texts) {
    expect(back.encode(text), JSON.stringify(text)).toEqual(tokenizer.encode(text));
    const all = { allowedSpecial: "all", addSpecialTokens: true } as const;
    expect(back.encode(text, all), JSON.stringify(text)).toEqual(tokenizer.encode(text, all));
  }
  expect([back.bosId, back.eosId, back.chatTemplate]).toEqual([
    tokenizer.bosId,
    tokenizer.eosId,
    tokenizer.chatTemplate,
  ]);
  return back;
}

describe("tokenizerToGGUF", () => {
  it.each(["gpt2", "cl100k_base", "o200k_base"] as const)("keeps what was trained with the split of %s", (pattern) => {
    const tokenizer = BPETokenizer.train(corpus, { vocabSize: 300, specialTokens: ["<|endoftext|>"], pattern });
    expectSame(tokenizer, [corpus, "<|endoftext|>the"]);
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 40 }), (text) => {
        expectSame(tokenizer, [text]);
      }),
      { numRuns: 50 },
    );
  });

  it("writes what llama.cpp asks for", () => {
    const metadata = tokenizerToGGUF(trained, { padId: 1 });
    expect([...metadata.keys()]).toEqual(
      [
        ...["model", "pre", "merges", "tokens", "token_type", "bos_token_id", "eos_token_id", "padding_token_id"],
        ...["add_bos_token", "add_eos_token"],
      ].map((name) => `tokenizer.ggml.${name}`),
    );
    const get = (name: string): unknown => metadata.get(`tokenizer.ggml.${name}`);
    expect(["model", "pre", "bos_token_id", "padding_token_id", "add_bos_token"].map(get)).toEqual([
      ...["gpt2", "gpt-2", 0, 1, false],
    ]);
    expect((get("merges") as string[])[0]).toBe(trained.merges[0].join(" "));
    expect([...(get("token_type") as Int32Array).subarray(0, 3)]).toEqual([3, 3, 1]);
  });

  it("fills ids without a token", () => {
    const holes = changed((json) => {
      json.added_tokens = [{ id: 310, content: "[PAD305]", special: true, normalized: false }];
    });
    const back = expectSame(holes, [corpus, "[PAD304][PAD305]"], { vocabSize: 320 });
    expect(back.vocabSize).toBe(320);
    const spelt = [304, 305, 310, 319].map((id) => back.idToToken(id));
    expect(spelt).toEqual(["[PAD304]", "[PAD305]]", "[PAD305]", "[PAD319]"]);
    expect((tokenizerToGGUF(holes).get("tokenizer.ggml.token_type") as Int32Array)[305]).toBe(5);
  });

  it("keeps chat templates, one or several by name", () => {
    const templates: unknown[] = [
      "{{ x }}",
      [
        { name: "default", template: "{{ x }}" },
        { name: "rag", template: "{{ y }}" },
      ],
    ];
    for (const chat_template of templates) expectSame(tokenizerFromJSON(trained.toJSON(), { chat_template }), ["the"]);
  });

  it("keeps BOS and EOS around a text", () => {
    const roles = { bos_token: "<pad>", eos_token: "<|endoftext|>", add_bos_token: true, add_eos_token: true };
    const back = expectSame(tokenizerFromJSON(trained.toJSON(), roles), ["the"]);
    expect(back.encode("", { addSpecialTokens: true })).toEqual([1, 0]);
  });

  it("tells merges of characters as scores", () => {
    const metadata = tokenizerToGGUF(pieces(SCORED));
    const [scores, types] = ["scores", "token_type"].map((name) => metadata.get(`tokenizer.ggml.${name}`));
    expect([...(scores as Float32Array).subarray(259)]).toEqual([0, 0, 0, 0, -1, -2, -3, -4, 0]);
    expect([...(types as Int32Array).subarray(0, 4)]).toEqual([2, 3, 3, 6]);
    expect((types as Int32Array).at(-1)).toBe(4);
    const tokenizer = pieces(SCORED);
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("a", "b", "c", " ", "é", "<mark>", "<s>") }), (text) => {
        expectSame(tokenizer, [text]);
      }),
    );
  });

  it("knows Gemma's kind, without a space in front and with a split that finds nothing", () => {
    const gemma = pieces(SCORED, {
      normalizer: { type: "Replace", pattern: { String: " " }, content: "▁" },
      pre_tokenizer: { type: "Split", pattern: { String: " " }, behavior: "MergedWithPrevious", invert: false },
      decoder: {
        type: "Sequence",
        decoders: [
          { type: "Replace", pattern: { String: "▁" }, content: " " },
          { type: "ByteFallback" },
          { type: "Fuse" },
        ],
      },
    });
    expect(tokenizerToGGUF(gemma).get("tokenizer.ggml.add_space_prefix")).toBe(false);
    expectSame(gemma, ["a abc", " a", "<mark> é"]);
  });
});

const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: true };
const metaspace = { type: "Metaspace", replacement: "▁", prepend_scheme: "first", split: false };

describe("tokenizerToGGUF refuses", () => {
  it.each<[string, () => Tokenizer]>([
    ["a vocabulary without bytes, such as one of characters", () => CharTokenizer.train("hello")],
    [
      'the normalizer {"type":"Lowercase"} beside this split',
      () => changed((json) => (json.normalizer = { type: "Lowercase" })),
    ],
    [
      'the split {"type":"ByteLevel","add_prefix_space":true',
      () => changed((json) => (json.pre_tokenizer = { ...byteLevel, add_prefix_space: true })),
    ],
    [
      'the split {"type":"Sequence"',
      () =>
        changed((json) => {
          const split = { type: "Split", pattern: { Regex: "\\s+|\\S+" }, behavior: "Isolated", invert: false };
          json.pre_tokenizer = { type: "Sequence", pretokenizers: [split, { ...byteLevel, use_regex: false }] };
        }),
    ],
    ["an unknown token that stands for bytes", () => withoutBytes()],
    [
      'ignore_merges true beside the split "gpt-2"',
      () =>
        changed(({ model }) => {
          model.ignore_merges = true;
          (model.vocab as Record<string, number>).zzz = 300;
        }),
    ],
    [
      "the template",
      () =>
        changed((json) => {
          const token = { SpecialToken: { id: "<pad>", type_id: 0 } };
          json.post_processor = {
            type: "TemplateProcessing",
            single: [token, token, { Sequence: { id: "A", type_id: 0 } }],
            special_tokens: { "<pad>": { id: "<pad>", ids: [1], tokens: ["<pad>"] } },
          };
        }),
    ],
    ["merges that do not follow from a score for each token", () => pieces(["a b", "ab c", "b c"])],
    ["merges that do not follow from a score for each token", () => pieces(["ab c", "a b", "a bc", "b c"])],
    [
      'the split {"type":"Metaspace"',
      () =>
        pieces(SCORED, {
          normalizer: { type: "Replace", pattern: { String: " " }, content: "▁" },
          pre_tokenizer: metaspace,
        }),
    ],
    ['the normalizer {"type":"NFC"}', () => pieces(SCORED, { normalizer: { type: "NFC" } })],
    ['the decoder {"type":"Fuse"}', () => pieces(SCORED, { decoder: { type: "Fuse" } })],
  ])("%s", (what, make) => {
    const tokenizer = make();
    expect(() => tokenizerToGGUF(tokenizer)).toThrow(ConfigError);
    expect(() => tokenizerToGGUF(tokenizer)).toThrow(`tokenizerToGGUF: GGUF files have no place for ${what}`);
  });

  it("sizes that do not fit", () => {
    expect(() => tokenizerToGGUF(trained, { vocabSize: 10 })).toThrow("vocabSize must be an integer >= ");
    expect(() => tokenizerToGGUF(trained, { padId: 300 })).toThrow("padId must be an integer from 0 to ");
    expect(() => tokenizerToGGUF(trained, { size: 1 } as object)).toThrow('unknown option "size"');
  });
});

/** A byte-level vocabulary that lacks most bytes and has a token for them. */
function withoutBytes(): Tokenizer {
  return tokenizerFromJSON({
    added_tokens: [],
    ...{ normalizer: null, pre_tokenizer: byteLevel, post_processor: null, decoder: byteLevel },
    model: { type: "BPE", vocab: { "<unk>": 0, a: 1 }, merges: [], unk_token: "<unk>" },
  });
}

interface Parity {
  texts: string[];
  encodings: Record<string, { ids: number[][] }>;
}

describeWithData("vocabularies of others", () => {
  const read = (path: string): string => readFileSync(dataPath(path), "utf8");
  const json = (name: string): Tokenizer => tokenizerFromJSON(read(`${name}/tokenizer.json`));
  let parity: Parity;
  beforeAll(() => {
    parity = JSON.parse(read("tokenizers/parity.json")) as Parity;
  });

  it.each<[string, "all" | undefined, () => Tokenizer]>([
    [
      "gpt2",
      undefined,
      () => BPETokenizer.fromGPT2(read("tokenizers/gpt2/encoder.json"), read("tokenizers/gpt2/vocab.bpe")),
    ],
    [
      "cl100k_base",
      undefined,
      () => BPETokenizer.fromTiktoken(read("tokenizers/tiktoken/cl100k_base.tiktoken"), "cl100k_base"),
    ],
    ["qwen3", "all", () => json("tokenizers/qwen3")],
    ["codegen", "all", () => json("tokenizers/codegen")],
    ["phi3", "all", () => json("tokenizers/phi3")],
    ["stories260K", "all", () => json("stories260K")],
  ])("%s gives the same ids", { timeout: 60_000 }, (name, allowedSpecial, make) => {
    const tokenizer = make();
    const back = tokenizerFromGGUF(tokenizerToGGUF(tokenizer));
    expect([back.vocabSize, back.bosId, back.eosId]).toEqual([tokenizer.vocabSize, tokenizer.bosId, tokenizer.eosId]);
    for (const [i, text] of parity.texts.entries()) {
      expect(back.encode(text, { allowedSpecial }), JSON.stringify(text)).toEqual(parity.encodings[name].ids[i]);
    }
  });

  it("of whisper has a template of two tokens", () => {
    expect(() => tokenizerToGGUF(json("tokenizers/whisper"))).toThrow("no place for the template");
  });
});
