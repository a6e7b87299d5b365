/**
 * Tokenizers: texts to tokens, tokens to text, reading vocabularies and learning one. Megabytes are of UTF-8 text. A tokenizer remembers
 * the words that it has seen, and so do these after their warm-up.
 */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { BPETokenizer, Random, tokenizerFromJSON } from "heed";
import type { Tokenizer } from "heed";
import { makeCorpus } from "../examples/corpus.ts";
import type { BenchCase, Run, Subject } from "./harness.ts";
import { shakespearePath, whyNoShakespeare } from "./shakespeare.ts";
import { zipfTexts } from "./zipf.ts";

/** A text to work on, made or read when it is first asked for. */
interface Text {
  name: string;
  unavailable?: string;
  read(): string;
}

/** A vocabulary that others have learnt; it is no part of the project. */
interface Vocabulary extends Text {
  load(file: string): Tokenizer;
  /** The same tokenizer each time. */
  tokenizer(): Tokenizer;
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
const sources: Text = { name: "heed's sources", read: once(readSources) };

/** Every file of src, in the order of the paths. */
function readSources(): string {
  const names = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
  return names
    .sort()
    .map((name) => readFileSync(join("src", name), "utf8"))
    .join("");
}

function vocabulary(name: string, file: string, load: (file: string) => Tokenizer): Vocabulary {
  const path = join(process.env.HEED_DATA ?? join("..", "shared", "data"), "tokenizers", file);
  const read = once(() => readFileSync(path, "utf8"));
  return {
    name,
    ...(!existsSync(path) && { unavailable: `no tokenizers/${file} (set HEED_DATA)` }),
    read,
    load,
    tokenizer: once(() => load(read())),
  };
}

function tiktoken(name: "cl100k_base" | "o200k_base"): Vocabulary {
  return vocabulary(name, join("tiktoken", `${name}.tiktoken`), (file) => BPETokenizer.fromTiktoken(file, name));
}

const cl100k = tiktoken("cl100k_base");
const o200k = tiktoken("o200k_base");
const qwen3 = vocabulary("qwen3's tokenizer.json", join("qwen3", "tokenizer.json"), tokenizerFromJSON);

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

function encodeCase(text: Text, vocabularyName: string | number, tokenizer: () => Tokenizer): BenchCase {
  return textCase(`encode ${text.name}, vocabulary ${vocabularyName}`, text, (content) => {
    const learnt = tokenizer();
    return () => learnt.encode(content).length;
  });
}

function decodeCase(text: Text, vocabularyName: string | number, tokenizer: () => Tokenizer): BenchCase {
  return textCase(`decode ${text.name}, vocabulary ${vocabularyName}`, text, (content) => {
    const tokens = tokenizer().encode(content);
    return () => tokenizer().decode(tokens).length;
  });
}

/** Both ways with a vocabulary that others have learnt. */
function publishedCases({ name, unavailable, tokenizer }: Vocabulary): BenchCase[] {
  const texts = [shakespeare, sources].map((text) => ({ ...text, unavailable: unavailable ?? text.unavailable }));
  return [
    ...texts.map((text) => encodeCase(text, name, tokenizer)),
    ...texts.map((text) => decodeCase(text, name, tokenizer)),
  ];
}

/** From the content of the file to a tokenizer that has answered once; the megabytes are those of the file. */
function loadCase(file: Vocabulary): BenchCase {
  return textCase(`load ${file.name}`, file, (content) => () => file.load(content).encode("ready").length);
}

/** The embedded corpus has no pairs left at about 3,400 tokens, where learning ends. */
function learnCase(text: Text, vocabSize: number): BenchCase {
  return textCase(
    `BPE training ${text.name}, vocabulary ${vocabSize}`,
    text,
    (content) => () => BPETokenizer.train(content, { vocabSize }).merges.length,
  );
}

/** A vocabulary of today's size, from 100 MB of text that comes page by page and is never held. Making the text is part of the time. */
const learnZipfCase: BenchCase = {
  name: "tokenizer BPE training 100 MB of 500,000 words, vocabulary 32768",
  unit: "MB/s",
  work: 100e6,
  once: true,
  onRequest: true,
  setup: () => () => {
    const texts = zipfTexts({ bytes: 100e6, distinctWords: 500_000, seed: 1 });
    return BPETokenizer.train(texts, { vocabSize: 32768 }).merges.length;
  },
  figures: () => ({ "resident MB": process.resourceUsage().maxRSS / 1024 }),
};

/** One word without an end: what is quadratic in the length of a word shows here. The vocabulary knows runs of 2, 4, 8 … letters. */
function longWordCase(length: number): BenchCase {
  const word: Text = { name: "", read: () => "a".repeat(length) };
  return textCase(`encode ${length.toLocaleString("en-US")} × "a"`, word, (content) => {
    const learnt = BPETokenizer.train("a".repeat(4096), { vocabSize: 300 });
    return () => learnt.encode(content).length;
  });
}

const FAMILY = "\u{1f468}\u200d\u{1f469}\u200d\u{1f467}\u200d\u{1f466}";
const MEGABYTE = 1_000_000;

/** Texts that are one piece, or nearly, by name: so many bytes of each. */
const UNKIND: Readonly<Record<string, (bytes: number) => string>> = {
  "one letter": (bytes) => "a".repeat(bytes),
  spaces: (bytes) => " ".repeat(bytes),
  newlines: (bytes) => "\n".repeat(bytes),
  "random letters": randomLetters,
  "an endless word": (bytes) => "internationalization".repeat(bytes / 20),
  "emoji with joiners": (bytes) => FAMILY.repeat(bytes / Buffer.byteLength(FAMILY)),
};

function randomLetters(count: number): string {
  const random = new Random(1);
  return Array.from({ length: count }, () => String.fromCharCode(97 + random.integer(26))).join("");
}

/** One megabyte and two: linear if the second has the rate of the first. */
function unkindCases({ name, unavailable, tokenizer }: Vocabulary): BenchCase[] {
  return Object.entries(UNKIND).flatMap(([kind, make]) => {
    const [one, two] = [1, 2].map((megabytes) => {
      const text: Text = {
        name: `${megabytes} MB of ${kind}`,
        unavailable,
        read: once(() => make(megabytes * MEGABYTE)),
      };
      return { ...encodeCase(text, name, tokenizer), together: kind };
    });
    return [one, { ...two, baseline: one.name }];
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
    learnZipfCase,
    ...[cl100k, o200k].flatMap(publishedCases),
    ...unkindCases(cl100k),
    ...[cl100k, o200k, qwen3].map(loadCase),
  ],
};
