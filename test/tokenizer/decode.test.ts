import { describe, expect, it } from "vitest";
import { TokenizerError } from "../../src/errors.ts";
import { readDecoder } from "../../src/tokenizer/decode.ts";

/** Decodes spellings as a tokenizer does. */
function decode(json: object, spellings: string[]): string {
  const { bytes, firstBytes, strip } = readDecoder(json);
  const parts = spellings.map((spelling, i) => (i === 0 && firstBytes ? firstBytes : bytes)(spelling));
  let text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(parts.flatMap((part) => [...part])));
  for (let i = 0; i < strip.count && text.startsWith(strip.text); i++) text = text.slice(strip.text.length);
  return text;
}

const sequence = (...decoders: object[]): object => ({ type: "Sequence", decoders });
const SPACES = { type: "Replace", pattern: { String: "▁" }, content: " " };
const BYTES = { type: "ByteFallback" };
const FUSE = { type: "Fuse" };
const METASPACE = { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true };
const strip = (content: string, start: number, stop: number): object => ({ type: "Strip", content, start, stop });

describe("readDecoder", () => {
  // What the Rust library gives for each of these.
  it.each<[string, object, string[], string]>([
    ["ByteLevel", { type: "ByteLevel" }, ["Ġthe", "Ã©", "漢", "Ċ"], " theé漢\n"],
    ["Fuse", FUSE, ["▁a", "b"], "▁ab"],
    ["Metaspace", METASPACE, ["▁Hey", "▁you", "▁"], "Hey you "],
    ["Metaspace that drops all marks of the first token", METASPACE, ["▁▁a▁b", "▁▁c"], "ab  c"],
    ["Metaspace that added none", { ...METASPACE, prepend_scheme: "never" }, ["▁a", "▁b"], " a b"],
    ["Metaspace of before 2024", { type: "Metaspace", replacement: "▁", add_prefix_space: false }, ["▁a"], " a"],
    ["Llama", sequence(SPACES, BYTES, FUSE, strip(" ", 1, 0)), ["▁a", "<0xC3>", "<0xA9>", "▁b"], "aé b"],
    ["Gemma", sequence(SPACES, BYTES, FUSE), ["▁a", "<0x0A>"], " a\n"],
    ["without Fuse", sequence(BYTES), ["a", "<0x41>", "<0x41", "<0xG1>"], "aA<0x41<0xG1>"],
    ["Strip of tokens", strip("_", 1, 1), ["_a_", "__b__", "_"], "a_b_"],
    ["Strip of the whole", sequence(FUSE, strip("_", 1, 0)), ["_a_", "__b"], "a___b"],
    ["Replace of a pattern", { type: "Replace", pattern: { Regex: "b+" }, content: "c" }, ["abb", "b"], "acc"],
    ["sequences in sequences", sequence(sequence(SPACES), sequence(FUSE)), ["▁a"], " a"],
    ["ByteLevel, then Strip", sequence({ type: "ByteLevel" }, strip(" ", 2, 0)), ["Ġ", "ĠĠa"], " a"],
  ])("%s", (_, json, spellings, text) => {
    expect(decode(json, spellings)).toBe(text);
  });

  it.each<[string, object | null, RegExp]>([
    ["none", null, /decoder null is not supported/],
    [
      "another type",
      { type: "WordPiece" },
      /decoder of type "WordPiece" is not supported; supported: ByteLevel, Metaspace/,
    ],
    ["the name of an object property", { type: "toString" }, /decoder of type "toString"/],
    ["a list", { type: ["Fuse"], decoders: [] }, /decoder of type/],
    [
      "Replace of the whole",
      sequence(FUSE, SPACES),
      /decoders\[1\] of type "Replace" is not supported; supported: an order/,
    ],
    ["Replace of bytes", sequence(BYTES, SPACES), /decoders\[1\] of type "Replace"/],
    ["Strip of bytes", sequence(BYTES, strip(" ", 1, 0)), /decoders\[1\] of type "Strip"/],
    ["two Strips", sequence(FUSE, strip(" ", 1, 0), strip("a", 1, 0)), /decoders\[2\] of type "Strip"/],
    ["Strip at the end", sequence(FUSE, strip(" ", 0, 1)), /decoders\[1\].stop 1/],
    ["Metaspace behind Fuse", sequence(FUSE, METASPACE), /decoders\[1\] of type "Metaspace"/],
  ])("refuses by name: %s", (_, json, message) => {
    expect(() => readDecoder(json)).toThrow(TokenizerError);
    expect(() => readDecoder(json)).toThrow(message);
  });
});
