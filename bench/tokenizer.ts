/**
 * Tokenizers: texts to tokens, tokens to text, and learning a vocabulary. Megabytes are of UTF-8 text. A tokenizer remembers
 * the words that it has seen, and so do these after their warm-up.
 */
import { readFileSync } from "node:fs";
import { BPETokenizer } from "heed";
import { makeCorpus } from "../examples/corpus.ts";
import type { BenchCase, Run, Subject } from "./harness.ts";
import { shakespearePath, whyNoShakespeare } from "./shakespeare.ts";

/** A text to work on, made or read when it is first asked for. */
interface Text {
  name: string;
  unavailable?: string;
  read(): string;
}

/** Made once: telling a corpus and learning a vocabulary take longer than using it. */
function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

const corpus: Text = { name: "embedded corpus", read: once(() => makeCorpus().train) };
const shakespeare: Text = {
  name: "tinyshakespeare",
  unavailable: whyNoShakespeare,
  read: once(() => readFileSync(shakespearePath, "utf8")),
};

const SMALL_VOCAB = 1024;
const LARGE_VOCAB = 4096;
const corpusTokenizer = once(() => BPETokenizer.train(corpus.read(), { vocabSize: SMALL_VOCAB }));
const shakespeareTokenizer = once(() => BPETokenizer.train(shakespeare.read(), { vocabSize: LARGE_VOCAB }));

function textCase(name: string, text: Text, makeRun: (text: string) => Run): BenchCase {
  return {
    name: `tokenizer ${name}`,
    unit: "MB/s",
    work: () => Buffer.byteLength(text.read()),
    ...(text.unavailable !== undefined && { unavailable: text.unavailable }),
    setup: () => makeRun(text.read()),
  };
}

function encodeCase(text: Text, vocabSize: number, tokenizer: () => BPETokenizer): BenchCase {
  return textCase(`encode ${text.name}, vocabulary ${vocabSize}`, text, (content) => {
    const learnt = tokenizer();
    return () => learnt.encode(content).length;
  });
}

function decodeCase(text: Text, vocabSize: number, tokenizer: () => BPETokenizer): BenchCase {
  return textCase(`decode ${text.name}, vocabulary ${vocabSize}`, text, (content) => {
    const tokens = tokenizer().encode(content);
    return () => tokenizer().decode(tokens).length;
  });
}

/** The embedded corpus has no pairs left at about 3,400 tokens, where learning ends. */
function learnCase(text: Text, vocabSize: number): BenchCase {
  return textCase(
    `BPE training ${text.name}, vocabulary ${vocabSize}`,
    text,
    (content) => () => BPETokenizer.train(content, { vocabSize }).merges.length,
  );
}

/** One word without an end: what is quadratic in the length of a word shows here. The vocabulary knows runs of 2, 4, 8 … letters. */
function longWordCase(length: number): BenchCase {
  const word: Text = { name: "", read: () => "a".repeat(length) };
  return textCase(`encode ${length.toLocaleString("en-US")} × "a"`, word, (content) => {
    const learnt = BPETokenizer.train("a".repeat(4096), { vocabSize: 300 });
    return () => learnt.encode(content).length;
  });
}

/** Tokenizers. */
export const tokenizer: Subject = {
  name: "tokenizer",
  cases: [
    encodeCase(corpus, SMALL_VOCAB, corpusTokenizer),
    encodeCase(shakespeare, LARGE_VOCAB, shakespeareTokenizer),
    longWordCase(100_000),
    decodeCase(corpus, SMALL_VOCAB, corpusTokenizer),
    decodeCase(shakespeare, LARGE_VOCAB, shakespeareTokenizer),
    ...[corpus, shakespeare].flatMap((text) =>
      [SMALL_VOCAB, LARGE_VOCAB].map((vocabSize) => learnCase(text, vocabSize)),
    ),
  ],
};
