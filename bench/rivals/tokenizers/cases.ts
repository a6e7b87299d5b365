/** The cases of the tokenizers: encoding and decoding when warm, and everything for the first time. */
import { side } from "../case.ts";
import type { Case, Side } from "../case.ts";
import { CACHE } from "../places.ts";
import { makeCorpus } from "./corpus.ts";
import type { Corpus } from "./corpus.ts";
import { modelVocabulary, tiktokenVocabulary, whyAbsent } from "./vocabularies.ts";
import type { Vocabulary } from "./vocabularies.ts";

/**
 * Rivals that get more than this share of the ids wrong, or of the texts when they decode, are not timed; what they get wrong is
 * reported. heed must be the same as tiktoken and the Rust library in all of them.
 */
const TOLERANCE = { ids: 1e-3, texts: 0.1 } as const;

let corpus: Corpus | undefined;

/** The text, put together when it is first asked for. */
export function tokenizerCorpus(): Corpus {
  return (corpus ??= makeCorpus());
}

/** Those that have a vocabulary of this kind, heed first. */
function sidesOf({ kind }: Vocabulary): Side[] {
  const sides =
    kind === "tiktoken"
      ? [
          side("gpt-tokenizer", "node", 1),
          side("ai-tokenizer", "node", 1),
          side("tiktoken", "node", 1, "wasm"),
          { ...side("js-tiktoken", "node", 1), slow: true as const },
        ]
      : [side("tokenizers", "node", 1, "Rust"), { ...side("@huggingface/tokenizers", "node", 1), slow: true as const }];
  return [side("heed", "node", 1), ...sides].map((each) => ({ ...each, adapter: "tokenizer" }));
}

function shared(
  vocabulary: Vocabulary,
): Pick<Case, "subject" | "unit" | "tolerance" | "amount" | "sides" | "unavailable" | "group"> {
  const unavailable = whyAbsent(vocabulary);
  return {
    subject: "tokenizers",
    group: `tokenizers ${vocabulary.name}`,
    unit: "MB/s",
    tolerance: TOLERANCE.ids,
    amount: () => tokenizerCorpus().summary.bytes,
    sides: sidesOf(vocabulary),
    ...(unavailable !== undefined && { unavailable }),
  };
}

function encodeCase(vocabulary: Vocabulary, headline: boolean): Case {
  const { name } = vocabulary;
  const tokens = `${CACHE}tokens-${name}`;
  return {
    ...shared(vocabulary),
    name: `tokenizers encode ${name}`,
    headline,
    work: () => ({ kind: "encode", vocabulary, texts: tokenizerCorpus().path, tokens }),
  };
}

function decodeCase(vocabulary: Vocabulary, headline: boolean): Case {
  return {
    ...shared(vocabulary),
    name: `tokenizers decode ${vocabulary.name}`,
    tolerance: TOLERANCE.texts,
    headline,
    work: () => ({ kind: "decodeText", vocabulary, texts: tokenizerCorpus().path }),
  };
}

function firstTimeCase(vocabulary: Vocabulary): Case {
  return { ...encodeCase(vocabulary, true), name: `tokenizers first encode ${vocabulary.name}`, firstTime: true };
}

/** Every case of this subject. */
export function tokenizerCases(): Case[] {
  const [cl100k, o200k] = [tiktokenVocabulary("cl100k_base"), tiktokenVocabulary("o200k_base")];
  const [qwen3, codegen, whisper, phi3] = (["qwen3", "codegen", "whisper", "phi3"] as const).map(modelVocabulary);
  return [
    ...[cl100k, o200k].flatMap((each) => [
      encodeCase(each, true),
      decodeCase(each, each === cl100k),
      firstTimeCase(each),
    ]),
    ...[encodeCase(qwen3, true), decodeCase(qwen3, true), firstTimeCase(qwen3)],
    ...[codegen, whisper, phi3].flatMap((each) => [encodeCase(each, each === phi3), decodeCase(each, false)]),
  ];
}
