/**
 * The text that tokenizers work on: a few megabytes of prose, program text, Markdown and many scripts, put together from files at hand,
 * in the order of their names and up to fixed limits. The same files give the same text, and its hash says so.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { CACHE, DATA, ROOT } from "../places.ts";

/** One file, or as much of it as is taken. */
interface Document {
  name: string;
  text: string;
}

/** What the text is made of, for the report. */
export interface CorpusPart {
  name: string;
  documents: number;
  /** In UTF-8. */
  bytes: number;
}

/** The text, for the report. */
export interface CorpusSummary {
  bytes: number;
  documents: number;
  sha256: string;
  parts: CorpusPart[];
}

/** The text, written to a file for the processes of the sides. */
export interface Corpus {
  /** A file that `readTexts` reads. */
  path: string;
  summary: CorpusSummary;
}

/** At most so many characters of one file, and so many bytes of a part. */
interface Limits {
  file: number;
  part: number;
}

const KB = 1000;

/** The files below a folder whose names end so, in the order of their paths. */
function filesBelow(folder: string, ending: string): string[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return names
    .filter((name) => name.endsWith(ending))
    .sort((a, b) => (a < b ? -1 : 1))
    .map((name) => join(folder, name));
}

/** The text as UTF-8 can hold it: lone surrogates become U+FFFD. */
export function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}

/** The start of a text, up to the end of a line, in well-formed Unicode. */
function beginning(text: string, characters: number): string {
  if (text.length <= characters) return wellFormed(text);
  const end = text.lastIndexOf("\n", characters);
  return wellFormed(text.slice(0, end < 0 ? characters : end + 1));
}

/** Files until the part is full. */
function take(paths: readonly string[], { file, part }: Limits): Document[] {
  const documents: Document[] = [];
  let bytes = 0;
  for (const path of paths) {
    if (bytes >= part || !existsSync(path)) continue;
    const text = beginning(readFileSync(path, "utf8"), file);
    if (text === "") continue;
    bytes += Buffer.byteLength(text);
    documents.push({ name: relative(ROOT, path), text });
  }
  return documents;
}

function prose(): Document[] {
  const names = [
    "corpora/tinyshakespeare.txt",
    "corpora/tinystories-1000.txt",
    "tokenizers/bpe-training/taylorswift.txt",
  ];
  const short = ["bpe-training/german.txt", "bpe-training/address.txt", "tiktoken/TestPlans.txt"];
  const paths = [...names, ...short.map((name) => `tokenizers/${name}`)].map((name) => DATA + name);
  return take(paths, { file: 500 * KB, part: 2000 * KB });
}

function programs(): Document[] {
  const own = take(filesBelow(`${ROOT}src`, ".ts"), { file: 40 * KB, part: 500 * KB });
  const library = filesBelow(`${ROOT}node_modules/typescript/lib`, ".d.ts");
  const scripts = filesBelow(`${ROOT}node_modules/vitest/dist`, ".js");
  return [
    ...own,
    ...take(library, { file: 60 * KB, part: 400 * KB }),
    ...take(scripts, { file: 60 * KB, part: 400 * KB }),
  ];
}

function markdown(): Document[] {
  return take(filesBelow(`${ROOT}node_modules`, ".md"), { file: 16 * KB, part: 500 * KB });
}

/** TypeScript's messages in 13 languages: Latin, Cyrillic, Chinese, Japanese and Korean script. */
function messages(): Document[] {
  const paths = filesBelow(`${ROOT}node_modules/typescript/lib`, "diagnosticMessages.generated.json");
  return take(paths, { file: 40 * KB, part: Infinity }).map(({ name, text }) => ({
    name,
    text: text.replaceAll(/^ {2}"\w+": /gm, ""), // without the keys, which are English in all of them
  }));
}

/** Names of countries, languages and currencies in scripts of which there is no prose at hand, as the engine tells them. */
function names(): Document[] {
  const locales = ["am", "ar", "bn", "el", "fa", "he", "hi", "hy", "ka", "km", "my", "ta", "te", "th", "uk", "ur"];
  const lists = {
    currency: Intl.supportedValuesOf("currency"),
    region: ["AD", "BR", "CN", "DE", "EG", "FR", "GR", "IN"],
  };
  return locales.map((locale) => {
    const currency = new Intl.DisplayNames([locale], { type: "currency" });
    const region = new Intl.DisplayNames([locale], { type: "region" });
    const lines = lists.currency.map(
      (code, i) => `${currency.of(code)}, ${region.of(lists.region[i % lists.region.length])}`,
    );
    return { name: `names in ${locale}`, text: beginning(`${lines.join("\n")}\n`, 8 * KB) };
  });
}

/** The texts of the parity tests: emoji, marks, white space, look-alikes of special tokens. */
function oddities(): Document[] {
  const { texts } = JSON.parse(readFileSync(`${DATA}tokenizers/parity.json`, "utf8")) as { texts: string[] };
  return texts.map((text, i) => ({ name: `parity text ${i}`, text: wellFormed(text) }));
}

/** Puts the text together and writes it into the cache. */
export function makeCorpus(): Corpus {
  const sources = { prose, "program text": programs, Markdown: markdown, "messages in 13 languages": messages };
  const made = Object.entries({ ...sources, "names in 16 languages": names, "parity texts": oddities }).map(
    ([name, collect]) => ({ name, documents: collect() }),
  );
  const texts = made.flatMap(({ documents }) => documents.map(({ text }) => text));
  const hash = createHash("sha256");
  for (const text of texts) hash.update(`${Buffer.byteLength(text)}\n${text}`);
  const sha256 = hash.digest("hex");
  const path = `${CACHE}tokenizer-corpus-${sha256.slice(0, 8)}.json`;
  mkdirSync(CACHE, { recursive: true });
  writeFileSync(path, JSON.stringify(texts));
  const parts = made.map(({ name, documents }) => ({
    name,
    documents: documents.length,
    bytes: documents.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0),
  }));
  const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
  return { path, summary: { bytes, documents: texts.length, sha256, parts } };
}

/** The documents of a corpus. */
export function readTexts(path: string): string[] {
  return JSON.parse(readFileSync(path, "utf8")) as string[];
}

/** The corpus in words. */
export function describeCorpus({ bytes, documents, sha256, parts }: CorpusSummary): string {
  const listed = parts.map((part) => `${part.name} ${(part.bytes / KB).toFixed(0)} kB`);
  return `Text: ${(bytes / 1e6).toFixed(2)} MB in ${documents} documents (${listed.join(", ")}), SHA-256 ${sha256}`;
}
