/** heed beside tiktoken and the Rust library on strings from seeds: the same ids, and the same text back from them. */
import { readFileSync } from "node:fs";
import { importPackage } from "../adapters/packages.ts";
import { heed, RUST_OPTIONS, tiktoken } from "./codecs.ts";
import type { Codec, RustTokenizers, TokenList } from "./codecs.ts";
import { findDisputed, formatRanges, hasDisputed } from "./disputed.ts";
import { hostileStrings } from "./strings.ts";
import { modelVocabulary, tiktokenVocabulary, whyAbsent } from "./vocabularies.ts";
import type { Vocabulary } from "./vocabularies.ts";

/** A tokenizer that works on many texts at a time. */
interface Reference {
  encode(texts: readonly string[]): Promise<TokenList[]> | TokenList[];
  decode(lists: readonly TokenList[]): Promise<string[]> | string[];
}

/** What was asked for. */
export interface IdChecks {
  count: number;
  seed: number;
  corpus: readonly string[];
}

const BATCH = 2000;

/** Mismatches that are made as small as they can be, and printed. */
const SHOWN = 5;

/** Every so many strings are decoded as well. */
const DECODED = 4;

async function openReference(vocabulary: Vocabulary): Promise<Reference> {
  if (vocabulary.kind === "tiktoken") {
    const codec = await tiktoken.load(vocabulary);
    return {
      encode: (texts) => texts.map((text) => codec.encode(text) as TokenList),
      decode: (lists) => lists.map((tokens) => codec.decode(tokens) as string),
    };
  }
  const { Tokenizer } = await importPackage<RustTokenizers>("tokenizers");
  const tokenizer = Tokenizer.fromString(readFileSync(vocabulary.path, "utf8"));
  return {
    encode: async (texts) => (await tokenizer.encodeBatch(texts, RUST_OPTIONS)).map((each) => each.getIds()),
    decode: (lists) => tokenizer.decodeBatch(lists, false),
  };
}

/** Whether two lists hold the same ids. */
export function isSame(a: TokenList, b: TokenList): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Leaves out what can be left out while the text stays interesting: halves first, then quarters, down to single characters. */
export async function shrink(text: string, isInteresting: (text: string) => Promise<boolean>): Promise<string> {
  let letters = [...text];
  for (let size = Math.ceil(letters.length / 2); size >= 1;) {
    let removed = false;
    for (let at = 0; at < letters.length;) {
      const rest = [...letters.slice(0, at), ...letters.slice(at + size)];
      if (rest.length < letters.length && (await isInteresting(rest.join("")))) {
        letters = rest;
        removed = true;
      } else at += size;
    }
    if (size === 1 && !removed) break;
    size = removed && size === 1 ? 1 : Math.floor(size / 2);
  }
  return letters.join("");
}

/** What a comparison found. */
interface Tally {
  /** Left out are strings with these. */
  disputed: ReadonlySet<string>;
  strings: number;
  leftOut: number;
  characters: number;
  ids: Map<string, number>;
  decoded: Map<string, number>;
  shown: string[];
}

function count(counts: Map<string, number>, kind: string): void {
  counts.set(kind, (counts.get(kind) ?? 0) + 1);
}

/** The ids of a text, or the error. */
async function tryEncode(ours: Codec, text: string): Promise<TokenList | Error> {
  try {
    return await ours.encode(text);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

async function tryDecode(ours: Codec, tokens: TokenList): Promise<string> {
  try {
    return await ours.decode(tokens);
  } catch (error) {
    return String(error);
  }
}

/** Of which texts the ids differ. */
async function differing(ours: Codec, reference: Reference, texts: readonly string[]): Promise<boolean[]> {
  const theirs = await reference.encode(texts);
  const results: boolean[] = [];
  for (const [i, text] of texts.entries()) {
    const mine = await tryEncode(ours, text);
    results.push(mine instanceof Error || !isSame(mine, theirs[i]));
  }
  return results;
}

async function describeMismatch(ours: Codec, reference: Reference, kind: string, text: string): Promise<string> {
  const smallest = await shrink(text, async (candidate) => (await differing(ours, reference, [candidate]))[0]);
  const mine = await tryEncode(ours, smallest);
  const [theirs] = await reference.encode([smallest]);
  const escaped = JSON.stringify(smallest).replaceAll(
    /[^ -~]/gu,
    (letter) => `\\u{${letter.codePointAt(0)?.toString(16)}}`,
  );
  return `  ids, ${kind}: ${escaped}\n    heed ${mine instanceof Error ? String(mine) : [...mine].join(" ")}\n    not  ${[...theirs].join(" ")}`;
}

async function checkBatch(
  ours: Codec,
  reference: Reference,
  seed: number,
  checks: IdChecks,
  tally: Tally,
): Promise<void> {
  const made = hostileStrings(Math.min(BATCH, checks.count - tally.strings), seed, checks.corpus);
  const strings = made.filter(({ text }) => !hasDisputed(text, tally.disputed));
  const asked = reference.encode(strings.map(({ text }) => text)); // works on another thread, if it can
  const mine: (TokenList | Error)[] = [];
  for (const { text } of strings) mine.push(await tryEncode(ours, text));
  const theirs = await asked;
  for (const [i, { kind, text }] of strings.entries()) {
    tally.characters += text.length;
    const tokens = mine[i];
    if (!(tokens instanceof Error) && isSame(tokens, theirs[i])) continue;
    count(tally.ids, kind);
    if (tally.shown.length < SHOWN) tally.shown.push(await describeMismatch(ours, reference, kind, text));
  }
  const some = theirs.filter((_, i) => i % DECODED === seed % DECODED);
  const texts = await reference.decode(some);
  for (const [i, tokens] of some.entries()) {
    const decoded = await tryDecode(ours, tokens);
    if (decoded === texts[i]) continue;
    const { kind } = strings[i * DECODED + (seed % DECODED)];
    count(tally.decoded, kind);
    if (tally.shown.length < SHOWN)
      tally.shown.push(
        `  text, ${kind}: ${[...tokens].join(" ")}\n    heed ${JSON.stringify(decoded)}\n    not  ${JSON.stringify(texts[i])}`,
      );
  }
  tally.strings += made.length;
  tally.leftOut += made.length - strings.length;
}

function formatCounts(counts: ReadonlyMap<string, number>): string {
  const total = [...counts.values()].reduce((sum, value) => sum + value, 0);
  const kinds = [...counts].map(([kind, value]) => `${kind} ${value}`);
  return total === 0 ? "0 differ" : `${total} differ (${kinds.join(", ")})`;
}

/** Vocabularies whose ids tell of every character how it is split: the older ones only do where a token crosses the border. */
const TELLING: Readonly<Record<Vocabulary["kind"], () => Vocabulary[]>> = {
  tiktoken: () => [tiktokenVocabulary("cl100k_base"), tiktokenVocabulary("o200k_base")],
  model: () => [modelVocabulary("qwen3")],
};

const disputedBy = new Map<Vocabulary["kind"], Promise<Set<string>>>();

/** The characters that heed and the reference for a kind of vocabulary know from different versions of Unicode. */
function disputedWith(kind: Vocabulary["kind"]): Promise<Set<string>> {
  const found = disputedBy.get(kind) ?? askAll(TELLING[kind]().filter((each) => whyAbsent(each) === undefined));
  disputedBy.set(kind, found);
  return found;
}

async function askAll(vocabularies: readonly Vocabulary[]): Promise<Set<string>> {
  const all = new Set<string>();
  for (const vocabulary of vocabularies) {
    const [reference, ours] = [await openReference(vocabulary), await heed.load(vocabulary)];
    for (const character of await findDisputed((texts) => differing(ours, reference, texts))) all.add(character);
  }
  return all;
}

/** Compares one vocabulary; prints what it found, and says whether all was the same. */
export async function checkIds(vocabulary: Vocabulary, checks: IdChecks): Promise<boolean> {
  const name = `${vocabulary.name} beside ${vocabulary.kind === "tiktoken" ? "tiktoken" : "Rust"}`;
  const started = performance.now();
  const tally: Tally = {
    ...{ disputed: new Set(), strings: 0, leftOut: 0, characters: 0 },
    ...{ ids: new Map(), decoded: new Map(), shown: [] },
  };
  try {
    const reference = await openReference(vocabulary);
    const ours = await heed.load(vocabulary);
    tally.disputed = await disputedWith(vocabulary.kind);
    for (let batch = 0; tally.strings < checks.count; batch++)
      await checkBatch(ours, reference, checks.seed + batch, checks, tally);
  } catch (error) {
    console.log(`${name}: failed: ${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  const amount = `${tally.strings} strings, ${(tally.characters / 1e6).toFixed(1)} million characters`;
  console.log(`${name}: ${amount}, ${seconds} s: ids ${formatCounts(tally.ids)}, text ${formatCounts(tally.decoded)}`);
  if (tally.disputed.size > 0) {
    console.log(
      `  left out: ${tally.leftOut} strings with one of ${tally.disputed.size} characters that are known here,`,
    );
    console.log(
      `  in Unicode ${process.versions.unicode}, and not there, or the other way round: ${formatRanges(tally.disputed)}`,
    );
  }
  for (const each of tally.shown) console.log(each);
  return tally.ids.size === 0 && tally.decoded.size === 0;
}
