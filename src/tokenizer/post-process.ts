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
 * the space of a word), or TemplateProcessing.
 */
export function readPostProcessor(json: unknown): PostProcessor {
  if (json === null || json === undefined) return { json: null, before: [], after: [] };
  const spec = readObject(json, "post_processor");
  if (spec.type === "ByteLevel") return { json: spec, before: [], after: [] };
  if (spec.type !== "TemplateProcessing")
    throw unsupported("post_processor of type", spec.type, "ByteLevel, TemplateProcessing, or null");
  return readTemplate(spec);
}

function readTemplate(spec: JSONObject): PostProcessor {
  const before: number[] = [];
  const after: number[] = [];
  const named = readObject(spec.special_tokens ?? {}, "post_processor.special_tokens");
  let texts = 0;
  for (const [i, item] of readArray(spec.single, "post_processor.single").entries()) {
    const where = `post_processor.single[${i}]`;
    const part = readObject(item, where);
    if (part.Sequence !== undefined) {
      const id = readObject(part.Sequence, `${where}.Sequence`).id;
      if (id !== "A" || ++texts > 1) throw unsupported(`${where}.Sequence`, id, `one "A"`);
      continue;
    }
    const name = readString(readObject(part.SpecialToken, `${where}.SpecialToken`).id, `${where}.SpecialToken.id`);
    const token = readObject(
      Object.hasOwn(named, name) ? named[name] : undefined,
      `post_processor.special_tokens[${JSON.stringify(name)}]`,
    );
    for (const id of readArray(token.ids, `post_processor.special_tokens[${JSON.stringify(name)}].ids`)) {
      (texts === 0 ? before : after).push(readInteger(id, "post_processor: a special token's id"));
    }
  }
  if (texts === 0) throw unsupported("post_processor.single without Sequence", spec.single, `one Sequence "A"`);
  return { json: spec, before, after };
}
