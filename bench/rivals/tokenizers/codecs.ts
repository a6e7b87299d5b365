/** The tokenizers of heed and of the rivals, each as its package is best used, behind one pair of functions. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { importPackage, packageVersion } from "../adapters/packages.ts";
import type { Vocabulary } from "./vocabularies.ts";

/** Ids, in whatever kind of list the package has. */
export type TokenList = readonly number[] | Uint32Array;

/** A tokenizer that is ready. Strings that look like special tokens are text to encodings of tiktoken, and special to models. */
export interface Codec {
  encode(text: string): TokenList | Promise<TokenList>;
  /** Takes what its own `encode` gave. */
  decode(tokens: TokenList): string | Promise<string>;
}

/** A package: what it is, and how it loads a vocabulary. */
export interface Library {
  describe(): { version: string; backend: string };
  load(vocabulary: Vocabulary): Promise<Codec>;
}

const JAVASCRIPT = "JavaScript";

function only<Kind extends Vocabulary["kind"]>(
  library: string,
  kind: Kind,
  vocabulary: Vocabulary,
): Extract<Vocabulary, { kind: Kind }> {
  if (vocabulary.kind !== kind) throw new Error(`${library} does not take part with ${vocabulary.name}`);
  return vocabulary as Extract<Vocabulary, { kind: Kind }>;
}

/** heed: the file is read, and everything else is its own. */
export const heed: Library = {
  // Only its tokenizers are bundled into this part, so that importing them is as much as it is for a user.
  describe: () => ({ version: "this one", backend: JAVASCRIPT }),
  load: async ({ kind, name, path }) => {
    const { BPETokenizer, tokenizerFromJSON } = await import("heed/tokenizer");
    const text = readFileSync(path, "utf8");
    if (kind === "tiktoken") {
      const tokenizer = BPETokenizer.fromTiktoken(text, name);
      return { encode: (content) => tokenizer.encode(content), decode: (tokens) => tokenizer.decode(tokens) };
    }
    const tokenizer = tokenizerFromJSON(text);
    const options = { allowedSpecial: "all" } as const;
    return { encode: (content) => tokenizer.encode(content, options), decode: (tokens) => tokenizer.decode(tokens) };
  },
};

/** gpt-tokenizer brings each encoding as a module. */
export const gptTokenizer: Library = {
  describe: () => ({ version: packageVersion("gpt-tokenizer"), backend: JAVASCRIPT }),
  load: async (vocabulary) => {
    const { name } = only("gpt-tokenizer", "tiktoken", vocabulary);
    const { encode, decode } = await importPackage<{
      encode(text: string, options: { disallowedSpecial: Set<string> }): number[];
      decode(tokens: Iterable<number>): string;
    }>(`gpt-tokenizer/encoding/${name}`);
    const options = { disallowedSpecial: new Set<string>() };
    return { encode: (text) => encode(text, options), decode };
  },
};

/** ai-tokenizer brings each encoding as a module, too. */
export const aiTokenizer: Library = {
  describe: () => ({ version: packageVersion("ai-tokenizer"), backend: JAVASCRIPT }),
  load: async (vocabulary) => {
    const { name } = only("ai-tokenizer", "tiktoken", vocabulary);
    const { Tokenizer } = await importPackage<{
      Tokenizer: new (encoding: object) => {
        encode(text: string, allowedSpecial: string[], disallowedSpecial: string[]): number[];
        decode(tokens: TokenList): string;
      };
    }>("ai-tokenizer");
    const tokenizer = new Tokenizer(await importPackage<object>(`ai-tokenizer/encoding/${name}`));
    return { encode: (text) => tokenizer.encode(text, [], []), decode: (tokens) => tokenizer.decode(tokens) };
  },
};

/** What both ports of tiktoken have of an encoding. */
interface TiktokenRanks {
  pat_str: string;
  special_tokens: Record<string, number>;
  bpe_ranks: string;
}

/** tiktoken as WebAssembly, in the small build that gets its vocabulary from outside. */
export const tiktoken: Library = {
  describe: () => ({ version: packageVersion("tiktoken"), backend: "WebAssembly" }),
  load: async (vocabulary) => {
    const { name } = only("tiktoken", "tiktoken", vocabulary);
    const { Tiktoken } = await importPackage<{
      Tiktoken: new (
        ranks: string,
        special: Record<string, number>,
        pattern: string,
      ) => { encode_ordinary(text: string): Uint32Array; decode(tokens: Uint32Array): Uint8Array };
    }>("tiktoken/lite");
    const { bpe_ranks, special_tokens, pat_str } = await importPackage<TiktokenRanks>(`tiktoken/encoders/${name}`);
    const tokenizer = new Tiktoken(bpe_ranks, special_tokens, pat_str);
    const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
    return {
      encode: (text) => tokenizer.encode_ordinary(text),
      decode: (tokens) => utf8.decode(tokenizer.decode(tokens as Uint32Array)),
    };
  },
};

/** js-tiktoken, in its small build as well. */
export const jsTiktoken: Library = {
  describe: () => ({ version: packageVersion("js-tiktoken"), backend: JAVASCRIPT }),
  load: async (vocabulary) => {
    const { name } = only("js-tiktoken", "tiktoken", vocabulary);
    const { Tiktoken } = await importPackage<{
      Tiktoken: new (ranks: TiktokenRanks) => {
        encode(text: string, allowedSpecial: string[], disallowedSpecial: string[]): number[];
        decode(tokens: TokenList): string;
      };
    }>("js-tiktoken/lite");
    const tokenizer = new Tiktoken(await importPackage<TiktokenRanks>(`js-tiktoken/ranks/${name}`));
    return { encode: (text) => tokenizer.encode(text, [], []), decode: (tokens) => tokenizer.decode(tokens) };
  },
};

/** A tokenizer of the Rust library, as far as it is in use. */
export interface RustTokenizer {
  encode(text: string, pair: null, options: object): Promise<RustEncoding>;
  encodeBatch(texts: readonly string[], options: object): Promise<RustEncoding[]>;
  decode(ids: TokenList, skipSpecialTokens: boolean): Promise<string>;
  decodeBatch(ids: readonly TokenList[], skipSpecialTokens: boolean): Promise<string[]>;
  setPreTokenizer(preTokenizer: object): void;
  train(files: readonly string[]): void;
  save(path: string): void;
}

/** What it makes of a text. */
export interface RustEncoding {
  getIds(): number[];
}

/** Node's binding of the Rust library. */
export interface RustTokenizers {
  Tokenizer: (new (model: object) => RustTokenizer) & { fromString(json: string): RustTokenizer };
  BPE: { empty(): object };
  byteLevelPreTokenizer(addPrefixSpace: boolean, useRegex: boolean): object;
}

/** How texts are given to the Rust library. */
export const RUST_OPTIONS = { addSpecialTokens: false } as const;

/** The Rust library of Hugging Face through its own binding for Node, one text at a time on one thread. */
export const rustTokenizers: Library = {
  describe: () => ({ version: packageVersion("tokenizers"), backend: "native" }),
  load: async (vocabulary) => {
    const { path } = only("tokenizers", "model", vocabulary);
    const { Tokenizer } = await importPackage<RustTokenizers>("tokenizers");
    const tokenizer = Tokenizer.fromString(readFileSync(path, "utf8"));
    return {
      encode: async (text) => (await tokenizer.encode(text, null, RUST_OPTIONS)).getIds(),
      decode: (tokens) => tokenizer.decode(tokens, false),
    };
  },
};

/** Tokenizers.js, the same in JavaScript. */
export const hfTokenizers: Library = {
  describe: () => ({ version: packageVersion("@huggingface/tokenizers"), backend: JAVASCRIPT }),
  load: async (vocabulary) => {
    const { path } = only("@huggingface/tokenizers", "model", vocabulary);
    const { Tokenizer } = await importPackage<{
      Tokenizer: new (
        json: object,
        config: object,
      ) => {
        encode(text: string, options: object): { ids: number[] };
        decode(tokens: TokenList, options: object): string;
      };
    }>("@huggingface/tokenizers");
    const json = JSON.parse(readFileSync(path, "utf8")) as object;
    const tokenizer = new Tokenizer(json, readConfig(join(dirname(path), "tokenizer_config.json")));
    const encoding = { add_special_tokens: false };
    const decoding = { skip_special_tokens: false, clean_up_tokenization_spaces: false };
    return {
      encode: (text) => tokenizer.encode(text, encoding).ids,
      decode: (tokens) => (tokens.length === 0 ? "" : tokenizer.decode(tokens, decoding)), // refuses an empty list
    };
  },
};

/** The tokenizer_config.json beside a tokenizer.json, where there is one. */
function readConfig(path: string): object {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as object;
  } catch {
    return {};
  }
}

/** All of them, by the name of the package. */
export const LIBRARIES: Readonly<Record<string, Library>> = {
  heed,
  "gpt-tokenizer": gptTokenizer,
  "ai-tokenizer": aiTokenizer,
  tiktoken,
  "js-tiktoken": jsTiktoken,
  tokenizers: rustTokenizers,
  "@huggingface/tokenizers": hfTokenizers,
};
