/** Post-processors put special tokens around the tokens of a text, such as BOS before it. */
import { type JSONObject, readArray, readInteger, readObject, readString, unsupported } from "./json.ts";

/** The tokens that go around a text when special tokens are asked for. */
export interface PostProcessor {
  /** The part of `tokenizer.json` that says the same. */
  readonly json: object | null;
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/**
 * Reads the `post_processor` of a `tokenizer.json`: null, ByteLevel (which only trims offsets, and heed's offsets keep
 * the space of a word), TemplateProcessing, RobertaProcessing, BertProcessing, or a Sequence of these. What it says of pairs of
 * texts is only kept.
 */
export function readPostProcessor(json: unknown): PostProcessor {
  if (json === null || json === undefined) return { json: null, before: [], after: [] };
  const spec = readObject(json, "post_processor");
  return { ...readPart(spec, "post_processor"), json: spec };
}

function readPart(spec: JSONObject, where: string): Omit<PostProcessor, "json"> {
  const { type } = spec;
  if (type === "ByteLevel") return { before: [], after: [] };
  if (type === "TemplateProcessing") return readTemplate(spec, where);
  if (type === "RobertaProcessing" || type === "BertProcessing") {
    const id = (name: string): number =>
      readInteger(readArray(spec[name], `${where}.${name}`)[1], `${where}.${name}[1]`);
    return { before: [id("cls")], after: [id("sep")] };
  }
  if (type === "Sequence") {
    const parts = readArray(spec.processors, `${where}.processors`).map((item, i) => {
      const place = `${where}.processors[${i}]`;
      return readPart(readObject(item, place), place);
    });
    // A later one goes around what an earlier one has made.
    return {
      before: parts.reduceRight<number[]>((ids, { before }) => [...ids, ...before], []),
      after: parts.flatMap(({ after }) => after),
    };
  }
  const types = "ByteLevel, TemplateProcessing, RobertaProcessing, BertProcessing, and Sequence of these";
  throw unsupported(`${where} of type`, type, types);
}

function readTemplate(spec: JSONObject, place: string): Omit<PostProcessor, "json"> {
  const before: number[] = [];
  const after: number[] = [];
  const named = readObject(spec.special_tokens ?? {}, `${place}.special_tokens`);
  let texts = 0;
  for (const [i, item] of readArray(spec.single, `${place}.single`).entries()) {
    const where = `${place}.single[${i}]`;
    const part = readObject(item, where);
    if (part.Sequence !== undefined) {
      const id = readObject(part.Sequence, `${where}.Sequence`).id;
      if (id !== "A" || ++texts > 1) throw unsupported(`${where}.Sequence`, id, `one "A"`);
      continue;
    }
    const name = readString(readObject(part.SpecialToken, `${where}.SpecialToken`).id, `${where}.SpecialToken.id`);
    const token = readObject(
      Object.hasOwn(named, name) ? named[name] : undefined,
      `${place}.special_tokens[${JSON.stringify(name)}]`,
    );
    for (const id of readArray(token.ids, `${place}.special_tokens[${JSON.stringify(name)}].ids`)) {
      (texts === 0 ? before : after).push(readInteger(id, `${place}: a special token's id`));
    }
  }
  if (texts === 0) throw unsupported(`${place}.single without Sequence`, spec.single, `one Sequence "A"`);
  return { before, after };
}
