/**
 * What a side of the comparison is to the benchmark: something that can be asked to prepare a piece of work, to say what came of
 * it, and then to do it again and again. Everything but the functions travels between processes as JSON.
 */
import type { MemoryUse } from "./stored/memory.ts";
import type { Vocabulary } from "./tokenizers/vocabularies.ts";

/** One matrix product A · B of two squares of numbers from seeds 1 and 2. */
export interface MatmulWork {
  kind: "matmul";
  size: number;
}

/** The files that were made from a decoder. The two ONNX models differ in attention and share their weights. */
export interface DecoderFiles {
  onnx: { plain: string; fused: string; weights: string };
  gguf: string;
}

/** Names of the decoders. */
export type DecoderName = "15M" | "110M";

/** Reading a prompt into an empty cache: logits of its last row. */
export interface PrefillWork {
  kind: "prefill";
  model: DecoderName;
  files: DecoderFiles;
  tokens: readonly number[];
}

/** Writing tokens after a prompt that the cache holds, always the likeliest. */
export interface DecodeWork {
  kind: "decode";
  model: DecoderName;
  files: DecoderFiles;
  prompt: readonly number[];
  newTokens: number;
}

/** Forms in which weights are stored. */
export type StoredName = "f32" | "f16" | "bf16" | "q8_0" | "q4_0";

/** The same with the weights of one of several files; the side says of which. */
export interface StoredWork {
  kind: "stored";
  /** GGUF files, by the form of their matrices. */
  files: Readonly<Record<StoredName, string>>;
  prompt: readonly number[];
  newTokens: number;
  /** Bytes of keys and values for each token. */
  cacheBytesPerToken: number;
}

/** One training step after another, from the same initial weights on the same batches. */
export interface TrainingWork {
  kind: "training";
  /** A file that `readRecipe` reads. */
  recipe: string;
  /** The losses of so many first steps are compared. */
  checkedSteps: number;
}

/** Texts to ids. */
export interface EncodeWork {
  kind: "encode";
  vocabulary: Vocabulary;
  /** A file with the texts: a JSON array of strings. */
  texts: string;
  /** How the names of files begin that ids are written to, for comparison. */
  tokens: string;
}

/** Ids, those of the texts in a file, back to texts. */
export interface DecodeTextWork {
  kind: "decodeText";
  vocabulary: Vocabulary;
  texts: string;
}

/** Something to do. */
export type Work = MatmulWork | PrefillWork | DecodeWork | StoredWork | TrainingWork | EncodeWork | DecodeTextWork;

/** What is compared before anything is timed. */
export interface Check {
  /** What it is a result of, where a case has several; only those of the same are compared. */
  of?: string;
  /** The side rounds what others do not: so much more difference is allowed. */
  rounding?: number;
  /** Numbers that must agree within a share of their greatest magnitude: elements of a product, losses. */
  values?: readonly number[];
  /** A row of scores that is known but for one constant: logits, or log-probabilities. Compared after its mean is taken away. */
  row?: readonly number[];
  /** Tokens that must be the same. */
  tokens?: readonly number[];
  /** A file of many lists of ids. A share of them may differ: some tokenizers are not exact. */
  tokenFile?: string;
  /** Hashes of texts. A share of them may differ: some tokenizers give wrong text back. */
  textHashes?: readonly string[];
}

/** What the first work of a process took. */
export interface FirstTime {
  /** Milliseconds from nothing to the first answer. */
  readyMs: number;
  /** Milliseconds of the first pass over the texts. */
  encodeMs: number;
  /** Bytes of JavaScript's heap and array buffers that are held after loading. */
  heldBytes: number;
  /** The same after the texts were encoded: some packages remember words. */
  heldAfterBytes: number;
  /** By how much the whole process grew while it loaded; native libraries show only here. */
  residentBytes: number;
}

/** Work that is ready to be done. */
export interface Prepared {
  check: Check;
  /** Says that only the work is the same and why, where the numbers cannot be. */
  sameWorkOnly?: string;
  /** How this side does it, where that needs saying. */
  note?: string;
  /** What it holds, where that is asked for. */
  memory?: MemoryUse;
  /** Does the work once. */
  run(): unknown;
  release?(): void | Promise<void>;
}

/** How a side is asked to work. */
export interface SideOptions {
  /** The package, for adapters that know several. */
  library: string;
  threads: number;
  /** A backend of the package, where it has several. */
  variant?: string;
  /** The form of the weights, where the work has several. */
  stored?: StoredName;
}

/** What a side says about itself. */
export interface Description {
  /** The version of the package. */
  version: string;
  /** What computes, and with how many threads. */
  backend: string;
  /** What else the package says of itself. */
  details?: object;
}

/** A side at work. */
export interface Adapter {
  /** Asked after the first work was prepared: some backends start with it. */
  describe(): Description;
  prepare(work: Work): Promise<Prepared>;
  /** Does the work for the first time, where nothing was prepared before. */
  firstTime?(work: Work): Promise<FirstTime>;
}

/** Starts a side. Throws if its package is missing. */
export type OpenAdapter = (options: SideOptions) => Promise<Adapter>;

/** What an adapter throws for work that its package has no means for. */
export function unsupported(name: string, work: Work): never {
  throw new Error(`${name} does not take part in ${work.kind}`);
}

/** Some thousand elements from all over a matrix, for comparison. */
export function sampleElements(matrix: ArrayLike<number>): number[] {
  const count = Math.min(matrix.length, 4096);
  // A prime step visits all rows and columns.
  return Array.from({ length: count }, (_, i) => matrix[(i * 7919) % matrix.length]);
}

/** The place of the greatest number. */
export function argmax(row: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < row.length; i++) if (row[i] > row[best]) best = i;
  return best;
}
