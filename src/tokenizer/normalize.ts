/**
 * Normalizers rewrite the text before it is split. SentencePiece vocabularies, for instance, put "▁" before the text and
 * write every space as "▁". So that offsets still point into the original text, a normalizer can carry along, for
 * each UTF-16 unit of its output, the stretch of the original that the unit came from.
 */
import { FormatError } from "../errors.ts";
import { type JSONObject, checkStages, readArray, readBoolean, readObject, readString, unsupported } from "./json.ts";
import { compilePattern } from "./pattern.ts";

/** A text under way through the pipeline. */
export interface Aligned {
  readonly text: string;
  /** Original start and end of every unit: [start0, end0, start1, end1, …]. Left out while text and original are the same. */
  readonly spans?: readonly number[];
}

/** The first place from `from` on where something is found in a text, as [start, end). */
export type Finder = (text: string, from: number) => readonly [start: number, end: number] | undefined;

/** What is looked for, and what takes its place. */
export interface Replacement {
  readonly kind: "Replace";
  readonly find: Finder;
  readonly content: string;
  /** How many times as long it can make a text. */
  readonly growth: number;
}

/** One rewriting step. */
interface Step {
  readonly rewrite: (aligned: Aligned) => Aligned;
  /** How many times as long it can make a text. */
  readonly growth: number;
  /** The same once more makes it no longer, unless something was replaced in between. */
  readonly kind?: "NF" | "NFK" | "Lowercase" | "Replace";
}

/** Replacements one after the other multiply: 26 times "a" → "aa" would make 2^26 letters of each one. */
const MAX_GROWTH = 64;

/** The first stage of a tokenizer: text in, text out. */
export class Normalizer {
  /** The part of `tokenizer.json` that this normalizer was read from. */
  readonly json: object | null;
  readonly #steps: readonly Step[];

  constructor(json: object | null, steps: readonly Step[]) {
    this.json = json;
    this.#steps = steps;
  }

  /** Rewrites `text`; with `align` also says where each unit came from. Empty text stays empty. */
  normalize(text: string, align: boolean = false): Aligned {
    let result: Aligned = { text };
    for (const step of this.#steps) {
      if (result.text === "") break;
      if (align && result.spans === undefined)
        result = { text, spans: Array.from({ length: 2 * text.length }, (_, i) => (i + 1) >> 1) };
      result = step.rewrite(result);
    }
    return result;
  }
}

/** The original [start, end) of the units [start, end) of an aligned text. */
export function originalSpan({ spans }: Aligned, start: number, end: number): [start: number, end: number] {
  if (spans === undefined) return [start, end];
  return start < end ? [spans[2 * start], spans[2 * end - 1]] : [spans[2 * start - 1] ?? 0, spans[2 * start - 1] ?? 0];
}

/** The stretch [start, end) of an aligned text, as a text of its own. */
export function sliceAligned(aligned: Aligned, start: number, end: number): Aligned {
  const { text, spans } = aligned;
  if (start === 0 && end === text.length) return aligned;
  return { text: text.slice(start, end), spans: spans?.slice(2 * start, 2 * end) };
}

/** Puts `prefix` in front; it stands for no original text. */
export function prepend({ text, spans }: Aligned, prefix: string): Aligned {
  return {
    text: prefix + text,
    spans: spans && [...new Array<number>(2 * prefix.length).fill(spans[0] ?? 0), ...spans],
  };
}

/** Puts `content` in the place of everything that is found; every unit of it stands for the whole of what was there. */
export function replace({ text, spans }: Aligned, find: Finder, content: string): Aligned {
  const moved: number[] = [];
  const kept: string[] = [];
  let done = 0;
  const keepUntil = (end: number): void => {
    kept.push(text.slice(done, end));
    if (spans) for (let i = 2 * done; i < 2 * end; i++) moved.push(spans[i]);
  };
  for (let found = find(text, 0); found !== undefined; found = find(text, done)) {
    const [start, end] = found;
    keepUntil(start);
    if (spans) for (let unit = 0; unit < content.length; unit++) moved.push(spans[2 * start], spans[2 * end - 1]);
    done = end;
  }
  keepUntil(text.length);
  return { text: kept.join(content), spans: spans && moved };
}

/** Finds a string. */
export function findLiteral(wanted: string): Finder {
  return (text, from) => {
    const start = text.indexOf(wanted, from);
    return start < 0 ? undefined : [start, start + wanted.length];
  };
}

function findPattern(pattern: string): Finder {
  const automaton = compilePattern(pattern);
  return (text, from) => {
    for (let start = from; start < text.length; start += (text.codePointAt(start) as number) > 0xffff ? 2 : 1) {
      const end = automaton.matchEnd(text, start, text.length);
      if (end >= 0) return [start, end];
    }
    return undefined;
  };
}

/**
 * Applies `change` to a text in segments, so that offsets stay near: a character starts a new one unless it `continues` the one
 * before it. A segment that changes is aligned as a whole.
 */
function changeSegments(aligned: Aligned, change: (text: string) => string, continues?: RegExp): Aligned {
  const { text, spans } = aligned;
  const changed = change(text);
  if (changed === text) return aligned;
  if (spans === undefined) return { text: changed };
  const moved: number[] = [];
  let start = 0;
  const flush = (end: number): void => {
    const segment = text.slice(start, end);
    const result = change(segment);
    if (result === segment) for (let i = 2 * start; i < 2 * end; i++) moved.push(spans[i]);
    else for (let unit = 0; unit < result.length; unit++) moved.push(spans[2 * start], spans[2 * end - 1]);
    start = end;
  };
  let at = 0;
  for (const character of text) {
    if (at > start && !continues?.test(character)) flush(at);
    at += character.length;
  }
  flush(at);
  return { text: changed, spans: moved };
}

/**
 * Characters that may join with those before them in some normal form: marks, vowels and finals of Hangul with their
 * other forms, the halfwidth voicing marks of kana, vowels of Kirat Rai. Before any other character a text can be cut
 * and its parts normalized one by one (Unicode Standard Annex 15, section 9).
 */
const JOINING = /[\p{M}\u1160-\u11ff\u3131-\u318e\uff9e-\uffdc\u{16d63}-\u{16d6a}]/u;

function unicodeStep(form: "NFC" | "NFD" | "NFKC" | "NFKD"): Step {
  const change = (text: string): string => text.normalize(form);
  // The longest decomposition is that of U+FDFA.
  return {
    kind: form.length === 3 ? "NF" : "NFK",
    growth: form.length === 3 ? 3 : 18,
    rewrite: (aligned) => changeSegments(aligned, change, JOINING),
  };
}

/** Each character by itself, so that a final Σ becomes σ like any other. */
function lowercase(text: string): string {
  return text.replace(/Σ/g, "σ").toLowerCase();
}

function strip(aligned: Aligned, left: boolean, right: boolean): Aligned {
  const { text } = aligned;
  let start = 0;
  let end = text.length;
  const isWhite = (at: number): boolean => /\p{White_Space}/u.test(text[at]);
  while (left && start < end && isWhite(start)) start++;
  while (right && start < end && isWhite(end - 1)) end--;
  return sliceAligned(aligned, start, end);
}

/** Reads the `normalizer` of a `tokenizer.json`: null, NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, Prepend, Replace, or a Sequence of these. */
export function readNormalizer(json: unknown): Normalizer {
  if (json === null || json === undefined) return new Normalizer(null, []);
  const spec = readObject(json, "normalizer");
  const steps = readSteps(spec, "normalizer");
  checkGrowth(steps, "normalizer");
  checkStages(steps.length, "normalizer");
  return new Normalizer(spec, steps);
}

function readSteps(spec: JSONObject, where: string): Step[] {
  const { type } = spec;
  if (type === "Sequence") {
    return readArray(spec.normalizers, `${where}.normalizers`).flatMap((part, i) => {
      const place = `${where}.normalizers[${i}]`;
      return readSteps(readObject(part, place), place);
    });
  }
  if (type === "NFC" || type === "NFD" || type === "NFKC" || type === "NFKD") return [unicodeStep(type)];
  const step = (rewrite: Step["rewrite"], growth = 1, kind?: Step["kind"]): Step[] => [{ rewrite, growth, kind }];
  switch (type) {
    case "Lowercase":
      return step((aligned) => changeSegments(aligned, lowercase), 2, type);
    case "StripAccents":
      return step((aligned) => changeSegments(aligned, (text) => text.replace(/\p{M}/gu, "")));
    case "Strip": {
      const left = readBoolean(spec.strip_left, `${where}.strip_left`, true);
      const right = readBoolean(spec.strip_right, `${where}.strip_right`, true);
      return step((aligned) => strip(aligned, left, right));
    }
    case "Prepend": {
      const prefix = readString(spec.prepend, `${where}.prepend`);
      return step((aligned) => prepend(aligned, prefix));
    }
    case "Replace": {
      const { find, content, growth } = readReplace(spec, where);
      return step((aligned) => replace(aligned, find, content), growth, type);
    }
  }
  const types = "NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, Prepend, Replace, and Sequence of these";
  throw unsupported(`${where} of type`, type, types);
}

/** Reads the `pattern` of a part of a `tokenizer.json`: `{"String": …}` is taken literally, `{"Regex": …}` is not. */
export function readPattern(spec: JSONObject, where: string): { readonly text: string; readonly literal: boolean } {
  const pattern = readObject(spec.pattern, `${where}.pattern`);
  const literal = "String" in pattern;
  if (!literal && !("Regex" in pattern)) {
    throw unsupported(`${where}.pattern of kind`, Object.keys(pattern)[0], "String, Regex");
  }
  const kind = literal ? "String" : "Regex";
  return { text: readString(pattern[kind], `${where}.pattern.${kind}`), literal };
}

/** Reads a Replace part, which normalizers and decoders share. */
export function readReplace(spec: JSONObject, where: string): Replacement {
  const { text, literal } = readPattern(spec, where);
  const content = spec.content === "" ? "" : readString(spec.content, `${where}.content`);
  const find = literal ? findLiteral(text) : findPattern(text);
  return { kind: "Replace", find, content, growth: Math.max(1, content.length / (literal ? text.length : 1)) };
}

/** Refuses steps that, one after the other, could make a text more than 64 times as long, with a FormatError. */
export function checkGrowth(steps: readonly Pick<Step, "growth" | "kind">[], where: string): void {
  let growth = 1;
  const done = new Set<Step["kind"]>();
  for (const { kind, growth: most } of steps) {
    if (kind === "Replace") done.clear();
    else if (done.has(kind)) continue;
    else done.add(kind).add(kind === "NFK" ? "NF" : kind);
    growth *= most;
  }
  if (growth <= MAX_GROWTH) return;
  throw new FormatError(
    `tokenizer.json: the replacements of ${where} could make a text ${growth} times as long; at most ${MAX_GROWTH} times is allowed`,
    { where, growth },
  );
}
