import { readFileSync } from "node:fs";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { HeedError } from "../../src/errors.ts";
import { type GGUFValue, readGGUFHeader } from "../../src/formats/gguf-header.ts";
import { BPETokenizer } from "../../src/tokenizer/bpe.ts";
import { byteSymbols } from "../../src/tokenizer/byte-level.ts";
import { tokenizerFromGGUF } from "../../src/tokenizer/tokenizer-gguf.ts";
import { tokenizerFromJSON } from "../../src/tokenizer/tokenizer-json.ts";
import type { AddedToken } from "../../src/tokenizer/special.ts";
import type { Tokenizer } from "../../src/tokenizer/tokenizer.ts";
import { dataPath, describeWithData } from "../data.ts";

interface Parity {
  texts: string[];
  encodings: Record<string, { ids: number[][]; decoded?: string[] }>;
}

const metadataOf = (path: string): ReadonlyMap<string, GGUFValue> =>
  readGGUFHeader(readFileSync(dataPath(path)), path).metadata;

/** The metadata of a file in which every key begins with "tokenizer.ggml." unless it has a dot. */
function metadata(entries: Record<string, unknown>): Map<string, unknown> {
  return new Map(
    Object.entries(entries).map(([key, value]) => [key.includes(".") ? key : `tokenizer.ggml.${key}`, value]),
  );
}

/** A byte-level vocabulary: the bytes, then "th", "the", " the", then two control tokens. */
const bytes = {
  model: "gpt2",
  pre: "gpt-2",
  tokens: [...byteSymbols, "th", "the", "Ġthe", "<s>", "<pad>", "<tool>"],
  merges: ["t h", "th e", "Ġ the"],
  token_type: [...new Array<number>(259).fill(1), 3, 3, 4],
  bos_token_id: 259,
  eos_token_id: 259,
};
const id = (character: string): number => byteSymbols.indexOf(character === " " ? "Ġ" : character);

/** A SentencePiece vocabulary without bytes: "ab" and "bc" have the same score, "abc" a lower one. */
const pieces = {
  model: "llama",
  tokens: ["<unk>", "<s>", "</s>", "▁", "a", "b", "c", "ab", "bc", "abc", "▁a", "<mark>"],
  scores: [0, 0, 0, -20, -21, -22, -23, -1, -1, -2, -9, 0],
  token_type: [2, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 4],
};

function messageOf(make: () => unknown): string {
  try {
    make();
    return "no error";
  } catch (error) {
    if (!(error instanceof HeedError)) throw error;
    return `${error.name}: ${error.message}`;
  }
}

describe("tokenizerFromGGUF, byte-level", () => {
  const tokenizer = tokenizerFromGGUF(metadata(bytes));

  it("merges, and finds user-defined tokens always and control tokens where allowed", () => {
    expect(tokenizer.encode("the the")).toEqual([257, 258]);
    expect(tokenizer.encode("the<tool>")).toEqual([257, 261]);
    expect(tokenizer.encode("<s>")).toEqual([..."<s>"].map(id));
    expect(tokenizer.encode("<s>", { allowedSpecial: "all" })).toEqual([259]);
    expect(tokenizer.decode([258, 261, 259])).toBe(" the<tool><s>");
    expect([...tokenizer.specialTokens.keys()]).toEqual(["<s>", "<pad>"]);
    expect([tokenizer.bosId, tokenizer.eosId]).toEqual([259, 259]);
  });

  it("puts BOS and EOS where the file says so", () => {
    const both = tokenizerFromGGUF(metadata({ ...bytes, add_bos_token: true, add_eos_token: true }));
    expect(both.encode("the", { addSpecialTokens: true })).toEqual([259, 257, 259]);
    expect(tokenizer.encode("the", { addSpecialTokens: true })).toEqual([257]);
    // Llama 3's files need not say it.
    const llama3 = { ...bytes, pre: "llama-bpe" };
    expect(tokenizerFromGGUF(metadata(llama3)).encode("the", { addSpecialTokens: true })).toEqual([259, 257]);
    const without = tokenizerFromGGUF(metadata({ ...llama3, add_bos_token: false }));
    expect(without.encode("the", { addSpecialTokens: true })).toEqual([257]);
  });

  it("takes the tokens with a role as control tokens where no types are given", () => {
    const untyped = tokenizerFromGGUF(metadata({ ...bytes, token_type: undefined }));
    expect([...untyped.specialTokens.keys()]).toEqual(["<s>"]);
  });

  it("ignores ids that are none, and names empty tokens", () => {
    const odd = { ...bytes, tokens: bytes.tokens.with(260, ""), bos_token_id: 4294967295, padding_token_id: -1 };
    const made = tokenizerFromGGUF(metadata(odd));
    expect([made.bosId, made.eosId, made.idToToken(260)]).toEqual([undefined, 259, "[EMPTY_260]"]);
  });

  it("reads one chat template, or several by name", () => {
    const one = { ...bytes, "tokenizer.chat_template": "{{ x }}" };
    expect(tokenizerFromGGUF(metadata(one)).chatTemplate).toBe("{{ x }}");
    const several = { ...one, "tokenizer.chat_templates": ["rag"], "tokenizer.chat_template.rag": "{{ y }}" };
    expect(tokenizerFromGGUF(metadata(several)).chatTemplate).toEqual({ default: "{{ x }}", rag: "{{ y }}" });
    expect(tokenizer.chatTemplate).toBeUndefined();
  });

  it("gives a tokenizer.json that does the same", () => {
    for (const pre of ["gpt-2", "llama3", "qwen2", "starcoder", "gpt-4o", "deepseek-v3", "falcon", "default"]) {
      const made = tokenizerFromGGUF(metadata({ ...bytes, pre }));
      const back = tokenizerFromJSON(JSON.parse(JSON.stringify(made.toJSON())) as object);
      const text = "the 1234's the<tool>你好\r\n  THE the";
      expect(back.encode(text, { addSpecialTokens: true }), pre).toEqual(made.encode(text, { addSpecialTokens: true }));
    }
  });
});

describe("tokenizerFromGGUF, SentencePiece", () => {
  it("joins by score, the leftmost of equals first", () => {
    const tokenizer = tokenizerFromGGUF(metadata({ ...pieces, add_space_prefix: false }));
    expect(tokenizer.encode("abc")).toEqual([9]); // ab, then abc
    expect(tokenizer.encode("abcbc")).toEqual([9, 8]);
    const higher = tokenizerFromGGUF(
      metadata({ ...pieces, add_space_prefix: false, scores: pieces.scores.with(8, 0) }),
    );
    expect(higher.encode("abcab")).toEqual([9, 7]); // bc first, then abc
  });

  it("puts a space before the text and behind added tokens", () => {
    const tokenizer = tokenizerFromGGUF(metadata(pieces));
    expect(tokenizer.encode("a")).toEqual([10]);
    expect(tokenizer.encode("")).toEqual([]);
    expect(tokenizer.encode("a<mark>a", { addSpecialTokens: true })).toEqual([1, 10, 11, 10]);
    expect(tokenizer.decode([10, 10])).toBe("a a");
    const without = tokenizerFromGGUF(metadata({ ...pieces, add_space_prefix: false, add_bos_token: false }));
    expect(without.encode("a a", { addSpecialTokens: true })).toEqual([4, 10]);
    expect(without.decode([10])).toBe(" a");
  });

  it("makes one unknown token of what has no token", () => {
    const tokenizer = tokenizerFromGGUF(metadata(pieces));
    expect(tokenizer.encode("aéèa")).toEqual([10, 0, 4]);
    const named = tokenizerFromGGUF(metadata({ ...pieces, unknown_token_id: 6 }));
    expect(named.encode("é")).toEqual([3, 6]);
  });
});

const wrong: Record<string, [Record<string, unknown>, string]> = {
  "no model": [
    {},
    "TokenizerError: tokenizerFromGGUF: tokenizer.ggml.model nothing is not supported; supported: gpt2, llama",
  ],
  WordPiece: [{ ...bytes, model: "bert" }, 'tokenizer.ggml.model "bert" is not supported'],
  Unigram: [{ ...bytes, model: "t5" }, 'tokenizer.ggml.model "t5" is not supported'],
  RWKV: [{ ...bytes, model: "rwkv" }, 'tokenizer.ggml.model "rwkv" is not supported'],
  "unknown split": [
    { ...bytes, pre: "gpt-7" },
    'TokenizerError: tokenizerFromGGUF: tokenizer.ggml.pre "gpt-7" is not supported; supported: gpt-2 ',
  ],
  "split of another type": [{ ...bytes, pre: 7 }, "tokenizer.ggml.pre 7 is not supported"],
  "several splits in one name": [{ ...bytes, pre: "gpt-2 phi-2" }, "is not supported"],
  "no tokens": [
    { ...bytes, tokens: undefined },
    "FormatError: GGUF: tokenizer.ggml.tokens must be an array of strings, got nothing",
  ],
  "numbers for tokens": [{ ...bytes, tokens: [1, 2] }, "tokenizer.ggml.tokens must be an array of strings, got [1,2]"],
  "token twice": [
    { ...bytes, tokens: bytes.tokens.with(260, "the") },
    'tokenizer.ggml.tokens[260] must be other than tokens[257], got "the"',
  ],
  "no merges": [{ ...bytes, merges: undefined }, "tokenizer.ggml.merges must be an array of strings, got nothing"],
  "merge of one": [{ ...bytes, merges: ["th"] }, "FormatError: "],
  "merge of an unknown token": [{ ...bytes, merges: ["x y"] }, 'needs "xy"'],
  "too few types": [
    { ...bytes, token_type: [1, 2] },
    "tokenizer.ggml.token_type must be an array of 262 numbers, one for each token, got [1,2]",
  ],
  "types in letters": [
    { ...bytes, token_type: bytes.tokens },
    "tokenizer.ggml.token_type must be an array of 262 numbers",
  ],
  "flag in letters": [
    { ...bytes, add_bos_token: "yes" },
    'tokenizer.ggml.add_bos_token must be true or false, got "yes"',
  ],
  "BOS without an id": [
    { ...bytes, bos_token_id: undefined, add_bos_token: true },
    "tokenizer.ggml.bos_token_id must be the id of a token, because add_bos_token is true, got nothing",
  ],
  "chat template in numbers": [
    { ...bytes, "tokenizer.chat_template": 5 },
    'tokenizer.chat_template "default" must be a string, got 5',
  ],
  "names of templates in numbers": [
    { ...bytes, "tokenizer.chat_templates": 5 },
    "tokenizer.chat_templates must be an array of names",
  ],
  "no scores": [{ ...pieces, scores: undefined }, "tokenizer.ggml.scores must be an array of numbers, got nothing"],
  "score that is no number": [
    { ...pieces, scores: pieces.scores.with(4, NaN) },
    "GGUF: the score of token 4 is not a number",
  ],
  "control token of 5000 characters": [
    { ...bytes, tokens: bytes.tokens.with(260, "x".repeat(5000)) },
    "at most 4096 characters",
  ],
};

describe("what cannot be read", () => {
  it.each(Object.entries(wrong))("%s", (_, [entries, message]) => {
    expect(messageOf(() => tokenizerFromGGUF(metadata(entries)))).toContain(message);
  });

  it("is refused with an error of heed, whatever the values are", () => {
    const keys = [...Object.keys(bytes), "scores", "add_bos_token", "add_space_prefix", "unknown_token_id"];
    const value = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom(undefined, NaN, -1, 2 ** 40, 5n, new DataView(new ArrayBuffer(8))),
    );
    fc.assert(
      fc.property(fc.constantFrom(bytes, pieces), fc.constantFrom(...keys), value, (entries, key, changed) => {
        messageOf(() => tokenizerFromGGUF(metadata({ ...entries, [key]: changed })));
      }),
      { numRuns: 500 },
    );
  });
});

describeWithData("parity with llama.cpp and the Rust library", () => {
  let parity: Parity;
  beforeAll(() => {
    parity = JSON.parse(readFileSync(dataPath("tokenizers/parity.json"), "utf8")) as Parity;
  });

  describe.each(["gpt-2", "llama-spm", "phi-3"])("llama.cpp's %s", (name) => {
    const file = `tokenizers/llama.cpp/ggml-vocab-${name}.gguf`;
    let tokenizer: BPETokenizer;
    beforeAll(() => {
      tokenizer = tokenizerFromGGUF(metadataOf(file));
    });

    it("gives the ids of its test file", () => {
      const texts = readFileSync(dataPath(`${file}.inp`), "utf8").split("\n__ggml_vocab_test__\n");
      const lines = readFileSync(dataPath(`${file}.out`), "utf8").split("\n");
      expect(texts.length).toBeGreaterThan(40);
      for (const [i, text] of texts.entries()) {
        const expected = lines[i].trim() === "" ? [] : lines[i].trim().split(" ").map(Number);
        expect(tokenizer.encode(text), JSON.stringify(text)).toEqual(expected);
      }
    });

    it("writes a tokenizer.json that gives the same ids", () => {
      const back = tokenizerFromJSON(JSON.stringify(tokenizer.toJSON()));
      for (const text of parity.texts) {
        expect(back.encode(text), JSON.stringify(text)).toEqual(tokenizer.encode(text));
      }
    });
  });

  const encodings: [string, string, "all" | undefined][] = [
    ["tokenizers/llama.cpp/ggml-vocab-gpt-2.gguf", "gpt2", undefined],
    ["tokenizers/llama.cpp/ggml-vocab-phi-3.gguf", "phi3", "all"],
    ["stories260K/gguf/stories260K-f32.gguf", "stories260K", "all"],
    ["stories260K/gguf/stories260K-Q8_0.gguf", "stories260K", "all"],
  ];
  it.each(encodings)("%s gives the ids of %s", (path, name, allowedSpecial) => {
    const tokenizer: Tokenizer = tokenizerFromGGUF(metadataOf(path));
    const { ids, decoded } = parity.encodings[name];
    for (const [i, text] of parity.texts.entries()) {
      expect(tokenizer.encode(text, { allowedSpecial }), JSON.stringify(text)).toEqual(ids[i]);
      if (decoded !== undefined) expect(tokenizer.decode(ids[i])).toBe(decoded[i]);
    }
  });

  it("makes Qwen 3's tokenizer of what a converter takes from its tokenizer.json", () => {
    const { model, added_tokens: added } = JSON.parse(
      readFileSync(dataPath("tokenizers/qwen3/tokenizer.json"), "utf8"),
    ) as { model: { vocab: Record<string, number>; merges: (string | string[])[] }; added_tokens: AddedToken[] };
    const tokens: string[] = [];
    for (const [token, id] of Object.entries(model.vocab)) tokens[id] = token;
    const types = tokens.map(() => 1);
    for (const { id, content, special } of added) [tokens[id], types[id]] = [content, special ? 3 : 4];
    const merges = model.merges.map((merge) => (typeof merge === "string" ? merge : merge.join(" ")));
    const tokenizer = tokenizerFromGGUF(metadata({ model: "gpt2", pre: "qwen2", tokens, token_type: types, merges }));
    for (const [i, text] of parity.texts.entries()) {
      const ids = tokenizer.encode(text, { allowedSpecial: "all" });
      expect(ids, JSON.stringify(text)).toEqual(parity.encodings.qwen3.ids[i]);
    }
  });

  it("reads phi-3's chat template and roles", () => {
    const tokenizer = tokenizerFromGGUF(metadataOf("tokenizers/llama.cpp/ggml-vocab-phi-3.gguf"));
    expect(tokenizer.chatTemplate).toContain("{% for message in messages %}");
    expect([tokenizer.bosId, tokenizer.eosId]).toEqual([1, 32000]);
    expect(tokenizer.encode("Hi", { addSpecialTokens: true })[0]).toBe(1);
  });
});
