/**
 * Normalizers rewrite the text before it is split. SentencePiece vocabularies, for instance, put "▁" before the text and
 * write every space as "▁". So that offsets still point into the original text, a normalizer can carry along, for
 * each UTF-16 unit of its output, the stretch of the original that the unit came from.
 */
import { FormatError } from "../errors.ts";
import { type JSONObject, readArray, readObject, readString, unsupported } from "./json.ts";

/** A text under way through the pipeline. */
export interface Aligned {
  readonly text: string;
  /** Original start and end of every unit: [start0, end0, start1, end1, …]. Left out while text and original are the same. */
  readonly spans?: readonly number[];
}

/** A string and what takes its place. */
export interface Replacement {
  readonly pattern: string;
  readonly content: string;
}

/** One rewriting step: a prefix, or a replacement. */
type Step = { readonly prepend: string } | Replacement;

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
    if (text === "") return result;
    for (const step of this.#steps) {
      if (align && result.spans === undefined)
        result = { text, spans: Array.from({ length: 2 * text.length }, (_, i) => (i + 1) >> 1) };
      result = "prepend" in step ? prepend(result, step.prepend) : replace(result, step.pattern, step.content);
    }
    return result;
  }
}

/** The original [start, end) of the units [start, end) of an aligned text. */
export function originalSpan({ spans }: Aligned, start: number, end: number): [start: number, end: number] {
  if (spans === undefined) return [start, end];
  return start < end ? [spans[2 * start], spans[2 * end - 1]] : [spans[2 * start - 1] ?? 0, spans[2 * start - 1] ?? 0];
}

function prepend({ text, spans }: Aligned, prefix: string): Aligned {
  return { text: prefix + text, spans: spans && [...new Array<number>(2 * prefix.length).fill(0), ...spans] };
}

/** Every unit of `content` stands for the whole of the `pattern` that it takes the place of. */
function replace({ text, spans }: Aligned, pattern: string, content: string): Aligned {
  const parts = text.split(pattern);
  if (spans === undefined) return { text: parts.join(content) };
  const moved: number[] = [];
  let at = 0;
  for (const [i, part] of parts.entries()) {
    if (i > 0) {
      for (let unit = 0; unit < content.length; unit++) moved.push(spans[2 * at], spans[2 * (at + pattern.length) - 1]);
      at += pattern.length;
    }
    for (const end = at + part.length; at < end; at++) moved.push(spans[2 * at], spans[2 * at + 1]);
  }
  return { text: parts.join(content), spans: moved };
}

/** Reads the `normalizer` of a `tokenizer.json`: null, Prepend, Replace (of a string), or a Sequence of these. */
export function readNormalizer(json: unknown): Normalizer {
  if (json === null || json === undefined) return new Normalizer(null, []);
  const spec = readObject(json, "normalizer");
  const steps =
    spec.type === "Sequence"
      ? readArray(spec.normalizers, "normalizer.normalizers").map((part, i) => {
          const where = `normalizer.normalizers[${i}]`;
          return readStep(readObject(part, where), where);
        })
      : [readStep(spec, "normalizer")];
  checkGrowth(
    steps.filter((step) => "pattern" in step),
    "normalizer",
  );
  return new Normalizer(spec, steps);
}

function readStep(spec: JSONObject, where: string): Step {
  if (spec.type === "Prepend") return { prepend: readString(spec.prepend, `${where}.prepend`) };
  if (spec.type === "Replace") return readReplace(spec, where);
  throw unsupported(`${where} of type`, spec.type, "Prepend, Replace, and Sequence of these");
}

/** Reads a Replace part, which normalizers and decoders share; its pattern must be a plain string. */
export function readReplace(spec: JSONObject, where: string): Replacement {
  const pattern = readObject(spec.pattern, `${where}.pattern`);
  if (!("String" in pattern)) throw unsupported(`${where}.pattern of kind`, Object.keys(pattern)[0], "String");
  const content = spec.content === "" ? "" : readString(spec.content, `${where}.content`);
  return { pattern: readString(pattern.String, `${where}.pattern.String`), content };
}

/** Refuses replacements that, one after the other, could make a text more than 64 times as long, with a FormatError. */
export function checkGrowth(replacements: readonly Replacement[], where: string): void {
  const growth = replacements.reduce(
    (product, { pattern, content }) => product * Math.max(1, content.length / pattern.length),
    1,
  );
  if (growth <= MAX_GROWTH) return;
  throw new FormatError(
    `tokenizer.json: the replacements of ${where} could make a text ${growth} times as long; at most ${MAX_GROWTH} times is allowed`,
    { where, growth },
  );
}
