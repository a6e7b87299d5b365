import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteStreamDecoder, stripStart } from "../../src/tokenizer/stream.ts";

const whole = (bytes: Uint8Array): string => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
const NO_STRIP = { text: " ", count: 0 };

/** A decoder in which token n stands for the n-th chunk. */
function pieces(chunks: Uint8Array[], strip: { text: string; count: number } = NO_STRIP): string[] {
  const decoder = new ByteStreamDecoder((token) => chunks[token], strip);
  return [...chunks.map((_, i) => decoder.push(i)), decoder.flush()];
}

describe("ByteStreamDecoder", () => {
  it("holds an unfinished character back", () => {
    expect(pieces([Uint8Array.of(0xf0, 0x9f), Uint8Array.of(0x99), Uint8Array.of(0x82, 0x21)])).toEqual([
      "",
      "",
      "🙂!",
      "",
    ]);
  });

  it("gives U+FFFD for what is never finished, and keeps U+FEFF", () => {
    expect(pieces([Uint8Array.of(0xe2, 0x82), Uint8Array.of(0x41)])).toEqual(["", "\uFFFDA", ""]);
    expect(pieces([Uint8Array.of(0x41, 0xe2)])).toEqual(["A", "\uFFFD"]);
    expect(pieces([Uint8Array.of(0xef, 0xbb, 0xbf), Uint8Array.of(0x41)])).toEqual(["\uFEFF", "A", ""]);
  });

  it("emits the same text as decoding at once, whatever the bytes", () => {
    const byte = fc.oneof(fc.nat(255), fc.constantFrom(0x41, 0x80, 0xbf, 0xc3, 0xe0, 0xe2, 0xed, 0xf0, 0xf4, 0xff));
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 5 })), fc.array(byte), (chunks, tail) => {
        const all = [...chunks, ...tail.map((value) => Uint8Array.of(value))];
        expect(pieces(all).join("")).toBe(whole(Uint8Array.from(all.flatMap((chunk) => [...chunk]))));
      }),
      { numRuns: 1000 },
    );
  });

  it("never breaks a character of valid text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.integer({ min: 1, max: 3 }), (text, size) => {
        const bytes = new TextEncoder().encode(text);
        const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
          bytes.slice(i * size, (i + 1) * size),
        );
        const output = pieces(chunks);
        expect(output.join("")).toBe(text);
        for (const piece of output) if (!text.includes("\uFFFD")) expect(piece).not.toContain("\uFFFD");
      }),
    );
  });

  it("drops the stripped start once, even when it comes late, and starts afresh after flush", () => {
    const chunks = [new Uint8Array(0), Uint8Array.of(0x20), Uint8Array.of(0x20, 0x41)];
    const decoder = new ByteStreamDecoder((token) => chunks[token], { text: " ", count: 1 });
    const run = (): string[] => [decoder.push(0), decoder.push(1), decoder.push(2), decoder.push(1), decoder.flush()];
    expect(run()).toEqual(["", "", " A", " ", ""]);
    expect(run()).toEqual(["", "", " A", " ", ""]);
  });
});

describe("stripStart", () => {
  it("takes away up to the given number", () => {
    expect(stripStart("   a", " ", 2)).toEqual({ rest: " a", left: 0 });
    expect(stripStart(" ", " ", 2)).toEqual({ rest: "", left: 1 });
    expect(stripStart("a ", " ", 2)).toEqual({ rest: "a ", left: 0 });
  });
});
