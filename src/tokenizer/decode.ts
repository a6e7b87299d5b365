/**
 * From token ids back to text. Every token stands for some bytes; a text is the UTF-8 reading of all of them, less the
 * space that a normalizer may have put in front.
 */
import { malformed, readArray, readInteger, readObject, readString, unsupported } from "./json.ts";
import { type Replacement, checkGrowth, readReplace } from "./normalize.ts";
import { symbolsToBytes } from "./byte-level.ts";

/** How the spelling of a token in the vocabulary becomes bytes, and what is taken off the front of the text. */
export interface Decoder {
  /** The part of `tokenizer.json` that says the same. */
  readonly json: object;
  /** The bytes of a spelling. */
  readonly bytes: (spelling: string) => Uint8Array;
  /** Up to `count` times `text` is dropped at the start of a decoded text. */
  readonly strip: { readonly text: string; readonly count: number };
}

const NO_STRIP: Decoder["strip"] = { text: " ", count: 0 };
const BYTE_TOKEN = /^<0x([0-9A-Fa-f]{2})>$/;
const encoder: TextEncoder = /* @__PURE__ */ new TextEncoder();

/** The name of the token for one byte in vocabularies with byte fallback, such as `<0x0A>`. */
export function byteTokenName(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
}

/** Characters spell themselves. */
export const FUSE_DECODER: Decoder = {
  json: { type: "Fuse" },
  bytes: (spelling: string) => encoder.encode(spelling),
  strip: NO_STRIP,
};

/** Reads the `decoder` of a `tokenizer.json`: ByteLevel, Fuse, or a Sequence of Replace, ByteFallback, Fuse and Strip in this order. */
export function readDecoder(json: unknown): Decoder {
  const supported = "ByteLevel, Fuse, or a Sequence of Replace, ByteFallback, Fuse, Strip";
  if (json === null || json === undefined) throw unsupported("decoder", null, supported);
  const spec = readObject(json, "decoder");
  if (spec.type === "ByteLevel") {
    return { json: spec, bytes: (spelling) => symbolsToBytes(spelling) ?? encoder.encode(spelling), strip: NO_STRIP };
  }
  if (spec.type === "Fuse") return { ...FUSE_DECODER, json: spec };
  if (spec.type !== "Sequence") throw unsupported("decoder of type", spec.type, supported);
  return readSequence(spec, readArray(spec.decoders, "decoder.decoders"));
}

function readSequence(json: object, parts: readonly unknown[]): Decoder {
  const order = ["Replace", "ByteFallback", "Fuse", "Strip"];
  const replaces: Replacement[] = [];
  const types = new Set<unknown>();
  let strip = NO_STRIP;
  let stage = 0;
  for (const [i, item] of parts.entries()) {
    const where = `decoder.decoders[${i}]`;
    const spec = readObject(item, where);
    const found = order.indexOf(spec.type as string);
    if (found < stage || (found > 0 && found === stage)) {
      throw unsupported(`${where} of type`, spec.type, `${order.join(", ")} in this order`);
    }
    stage = found;
    types.add(spec.type);
    if (spec.type === "Replace") replaces.push(readReplace(spec, where));
    if (spec.type === "Strip") {
      if (readInteger(spec.stop, `${where}.stop`) > 0) throw unsupported(`${where}.stop`, spec.stop, "0");
      const text = readString(spec.content, `${where}.content`);
      if ([...text].length > 1) throw malformed(`${where}.content`, "one character", text);
      strip = { text, count: readInteger(spec.start, `${where}.start`) };
    }
  }
  if (!types.has("Fuse")) throw unsupported("decoder.decoders without", "Fuse", "a Sequence with Fuse");
  checkGrowth(replaces, "decoder");
  const bytes = (spelling: string): Uint8Array => {
    const text = replaces.reduce((result, { pattern, content }) => result.split(pattern).join(content), spelling);
    const byte = types.has("ByteFallback") ? BYTE_TOKEN.exec(text) : null;
    return byte ? Uint8Array.of(parseInt(byte[1], 16)) : encoder.encode(text);
  };
  return { json, bytes, strip };
}
