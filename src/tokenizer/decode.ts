/**
 * From token ids back to text. Every token stands for some bytes; a text is the UTF-8 reading of all of them, less the
 * space that a normalizer may have put in front.
 */
import {
  type JSONObject,
  malformed,
  readArray,
  readBoolean,
  readInteger,
  readObject,
  readString,
  unsupported,
} from "./json.ts";
import { type Replacement, checkGrowth, readReplace, replace } from "./normalize.ts";
import { symbolsToBytes } from "./byte-level.ts";

/** How the spelling of a token in the vocabulary becomes bytes, and what is taken off the front of the text. */
export interface Decoder {
  /** The part of `tokenizer.json` that says the same. */
  readonly json: object;
  /** The bytes of a spelling. */
  readonly bytes: (spelling: string) => Uint8Array;
  /** The bytes of a spelling that is the first one of a text, where that makes a difference. */
  readonly firstBytes?: (spelling: string) => Uint8Array;
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

/** One step of a decoder, on the text of a single token. */
type TokenStep = (text: string, first: boolean) => string;

/** What has been made of a list of tokens: still one text each, or bytes, or one text in all. */
const TEXTS = 0;
const BYTES = 1;
const WHOLE = 2;

/**
 * Reads the `decoder` of a `tokenizer.json`: ByteLevel, Metaspace, Replace, ByteFallback, Fuse, Strip, or a Sequence of these in any
 * order in which every token has its bytes whatever comes behind it, so that a text can be written token by token. Bytes
 * that are no UTF-8 become one U+FFFD for each ill-formed stretch, not for each byte.
 *
 * @throws TokenizerError for other types, other orders, and a Strip at the end of the whole text
 */
export function readDecoder(json: unknown): Decoder {
  if (json === null || json === undefined) throw unsupported("decoder", null, TYPES);
  const spec = readObject(json, "decoder");
  const steps: TokenStep[] = [];
  const replaces: Replacement[] = [];
  let strip = NO_STRIP;
  let state = TEXTS;
  let byteSpelling: "ByteLevel" | "ByteFallback" | undefined;
  let firstDiffers = false;
  for (const [part, where] of flatten(spec, "decoder")) {
    const { type } = part;
    const known = typeof type === "string" && Object.hasOwn(LATEST, type) ? LATEST[type] : undefined;
    if (known === undefined) throw unsupported(`${where} of type`, type, TYPES);
    if (state > known || (type === "Strip" && (state === BYTES || strip.count > 0))) {
      throw unsupported(`${where} of type`, type, "an order in which tokens are decoded one by one");
    }
    if (type === "Fuse") state = WHOLE;
    if (type === "ByteFallback" || type === "ByteLevel") {
      byteSpelling = type;
      state = type === "ByteLevel" ? WHOLE : BYTES;
    }
    if (type === "Replace") {
      const replacement = readReplace(part, where);
      replaces.push(replacement);
      steps.push((text) => replace({ text }, replacement.find, replacement.content).text);
    }
    if (type === "Metaspace") {
      steps.push(readMetaspace(part, where));
      firstDiffers = true;
    }
    if (type === "Strip") {
      const { text, start, stop } = readStrip(part, where);
      if (state === TEXTS) steps.push((token) => stripToken(token, text, start, stop));
      else if (stop > 0) throw unsupported(`${where}.stop`, stop, "0");
      else strip = { text, count: start };
    }
  }
  checkGrowth(replaces, "decoder");
  const bytesOf = (spelling: string, first: boolean): Uint8Array => {
    const text = steps.reduce((result, step) => step(result, first), spelling);
    if (byteSpelling === "ByteLevel") return symbolsToBytes(text) ?? encoder.encode(text);
    const byte = byteSpelling === "ByteFallback" ? BYTE_TOKEN.exec(text) : null;
    return byte ? Uint8Array.of(parseInt(byte[1], 16)) : encoder.encode(text);
  };
  const bytes = (spelling: string): Uint8Array => bytesOf(spelling, false);
  const firstBytes = firstDiffers ? (spelling: string): Uint8Array => bytesOf(spelling, true) : undefined;
  return { json: spec, bytes, firstBytes, strip };
}

/** For each type the latest state in which it has a meaning token by token. */
const LATEST: Readonly<Record<string, number>> = {
  ByteLevel: TEXTS,
  Metaspace: TEXTS,
  Replace: TEXTS,
  ByteFallback: TEXTS,
  Fuse: WHOLE,
  Strip: WHOLE,
};

const TYPES = "ByteLevel, Metaspace, Replace, ByteFallback, Fuse, Strip, and Sequence of these";

/** The parts of a Sequence, and of Sequences in it, with their places. */
function flatten(spec: JSONObject, where: string): (readonly [JSONObject, string])[] {
  if (spec.type !== "Sequence") return [[spec, where]];
  return readArray(spec.decoders, `${where}.decoders`).flatMap((item, i) => {
    const place = `${where}.decoders[${i}]`;
    return flatten(readObject(item, place), place);
  });
}

/** Writes marks as spaces; those of the first token are dropped, as one of them was put there. */
function readMetaspace(spec: JSONObject, where: string): TokenStep {
  const mark = readString(spec.replacement, `${where}.replacement`);
  const added =
    (spec.prepend_scheme ?? (readBoolean(spec.add_prefix_space, `${where}.add_prefix_space`, true) ? "" : "never")) !==
    "never";
  return (text, first) => text.split(mark).join(first && added ? "" : " ");
}

function readStrip(spec: JSONObject, where: string): { text: string; start: number; stop: number } {
  const text = readString(spec.content, `${where}.content`);
  if ([...text].length > 1) throw malformed(`${where}.content`, "one character", text);
  const count = (name: string): number => readInteger(spec[name], `${where}.${name}`);
  return { text, start: count("start"), stop: count("stop") };
}

/** Drops `text` up to `start` times at the start of a token, and up to `stop` times at its end. */
function stripToken(token: string, text: string, start: number, stop: number): string {
  let from = 0;
  let to = token.length;
  for (let i = 0; i < start && token.startsWith(text, from); i++) from += text.length;
  for (let i = 0; i < stop && token.endsWith(text, to); i++) to -= text.length;
  return token.slice(from, Math.max(from, to));
}
