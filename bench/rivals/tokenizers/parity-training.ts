/** What heed writes as tokenizer.json, read by the Rust library; and what both learn from the same text. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BPETokenizer } from "heed/tokenizer";
import type { Tokenizer } from "heed/tokenizer";
import { importPackage } from "../adapters/packages.ts";
import { DATA } from "../places.ts";
import { RUST_OPTIONS } from "./codecs.ts";
import type { RustTokenizers } from "./codecs.ts";
import { isSame } from "./parity-ids.ts";
import { TIKTOKEN_NAMES, tiktokenVocabulary } from "./vocabularies.ts";

const TRAINING_TEXTS = ["corpora/tinyshakespeare.txt", "tokenizers/bpe-training/corpus.en"];

/** The trainer of the binding takes no options; this is its default. */
const RUST_VOCAB_SIZE = 30_000;

function readLines(path: string): string[] {
  return readFileSync(path, "utf8").split(/(?<=\n)/); // the Rust library reads files so
}

/** Whether the Rust library makes the same ids of the texts with what heed exports. */
async function checkExport(
  rust: RustTokenizers,
  name: string,
  tokenizer: Tokenizer,
  texts: readonly string[],
): Promise<boolean> {
  const theirs = rust.Tokenizer.fromString(JSON.stringify(tokenizer.toJSON()));
  const encodings = await theirs.encodeBatch(texts, RUST_OPTIONS);
  const differing = texts.filter(
    (text, i) => !isSame(tokenizer.encode(text, { allowedSpecial: "all" }), encodings[i].getIds()),
  );
  console.log(`${name}, exported and read by Rust: ${texts.length} texts, ids of ${differing.length} differ`);
  for (const text of differing.slice(0, 3)) {
    const theirIds = encodings[texts.indexOf(text)].getIds();
    console.log(
      `  ${JSON.stringify(text)}\n    heed ${tokenizer.encode(text, { allowedSpecial: "all" }).join(" ")}\n    not  ${theirIds.join(" ")}`,
    );
  }
  return differing.length === 0;
}

/** The merges that the Rust trainer learns from a file. */
function learnInRust(rust: RustTokenizers, path: string): [string, string][] {
  const folder = mkdtempSync(join(tmpdir(), "heed-parity-"));
  try {
    const tokenizer = new rust.Tokenizer(rust.BPE.empty());
    tokenizer.setPreTokenizer(rust.byteLevelPreTokenizer(false, true));
    tokenizer.train([path]);
    const saved = join(folder, "tokenizer.json");
    tokenizer.save(saved);
    const { model } = JSON.parse(readFileSync(saved, "utf8")) as { model: { merges: ([string, string] | string)[] } };
    return model.merges.map((merge) => (typeof merge === "string" ? (merge.split(" ") as [string, string]) : merge));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function checkMerges(rust: RustTokenizers, name: string): boolean {
  const theirs = learnInRust(rust, DATA + name);
  const options = { vocabSize: RUST_VOCAB_SIZE, initialAlphabet: "observed", minFrequency: 1 } as const;
  const { merges: ours } = BPETokenizer.train(readLines(DATA + name), options);
  const isSameMerge = (i: number): boolean => ours[i]?.[0] === theirs[i]?.[0] && ours[i]?.[1] === theirs[i]?.[1];
  const length = Math.max(ours.length, theirs.length);
  const apart = Array.from({ length }, (_, i) => i).find((i) => !isSameMerge(i));
  const problem =
    apart === undefined
      ? "all the same"
      : `merge ${apart} is ${ours[apart]?.join(" + ")}, not ${theirs[apart]?.join(" + ")}`;
  console.log(`merges learnt from ${name}: ${ours.length} by heed, ${theirs.length} by Rust: ${problem}`);
  return apart === undefined;
}

/** What a check says, and false if it cannot be made. */
async function attempt(name: string, check: () => boolean | Promise<boolean>): Promise<boolean> {
  try {
    return await check();
  } catch (error) {
    console.log(`${name}: failed: ${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
}

/** Runs all of it, and says whether all was the same. */
export async function checkTraining(): Promise<boolean> {
  const rust = await importPackage<RustTokenizers>("tokenizers");
  const { texts } = JSON.parse(readFileSync(`${DATA}tokenizers/parity.json`, "utf8")) as { texts: string[] };
  const results: boolean[] = [];
  for (const name of TRAINING_TEXTS) {
    const train = (): Tokenizer => {
      const options = { vocabSize: 4096, specialTokens: ["<|endoftext|>"] };
      return BPETokenizer.train(readFileSync(DATA + name, "utf8"), options);
    };
    results.push(await attempt(name, () => checkExport(rust, `trained on ${name}`, train(), texts)));
    results.push(await attempt(name, () => checkMerges(rust, name)));
  }
  for (const name of TIKTOKEN_NAMES) {
    const { path } = tiktokenVocabulary(name);
    const load = (): Tokenizer => BPETokenizer.fromTiktoken(readFileSync(path, "utf8"), name);
    results.push(await attempt(name, () => checkExport(rust, name, load(), texts)));
  }
  return results.every((isEqual) => isEqual);
}
