import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FormatError } from "../../src/errors.ts";
import { Vocabulary } from "../../src/tokenizer/vocabulary.ts";

const anyVocab = fc
  .uniqueArray(fc.string({ unit: "binary", minLength: 1, maxLength: 6 }), { maxLength: 400 })
  .map((spellings) => new Map(spellings.map((spelling, i) => [spelling, 3 * i])));
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("Vocabulary", () => {
  it("finds what a map would find, by spelling, by bytes and by id", () => {
    fc.assert(
      fc.property(anyVocab, fc.string({ unit: "binary", maxLength: 6 }), (vocab, other) => {
        for (const source of [vocab, Object.fromEntries(vocab)]) {
          const vocabulary = Vocabulary.from(source, false);
          expect(new Map(vocabulary.entries())).toEqual(vocab);
          for (const [spelling, id] of vocab) {
            expect(vocabulary.idOf(spelling)).toBe(id);
            expect(vocabulary.find(bytes(spelling), 0, bytes(spelling).length)).toBe(id);
            expect(vocabulary.spelling(id + 1)).toBeUndefined();
          }
          expect(vocabulary.idOf(other)).toBe(vocab.get(other));
        }
      }),
    );
  });

  it("finds two tokens together without joining them", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string({ unit: fc.constantFrom("a", "b", "é"), minLength: 1, maxLength: 4 })),
        (spellings) => {
          const vocabulary = Vocabulary.from(new Map(spellings.map((spelling, id) => [spelling, id])), false);
          for (const [left, first] of spellings.entries())
            for (const [right, second] of spellings.entries())
              expect(vocabulary.findPair(left, right)).toBe(spellings.indexOf(first + second));
        },
      ),
    );
  });

  it("keeps entries that no text can match apart", () => {
    const vocabulary = Vocabulary.from({ Ġ: 0, 漢: 1, "a b": 2 }, true);
    expect(vocabulary.find(Uint8Array.of(0x20), 0, 1)).toBe(0);
    expect(vocabulary.find(bytes("漢"), 0, 3)).toBe(-1);
    expect(vocabulary.idOf("漢")).toBe(1);
    expect(vocabulary.spelling(2)).toBe("a b");
    expect(vocabulary.idOf(" ")).toBeUndefined();
    const lone = Vocabulary.from({ "\ud800": 0, "\ufffd": 1 }, false);
    expect([lone.idOf("\ud800"), lone.idOf("\ufffd"), lone.spelling(0)]).toEqual([0, 1, "\ud800"]);
  });

  it("refuses ids that are none, and ids that are taken", () => {
    for (const id of [-1, 0.5, NaN, 2 ** 24, "1"])
      expect(() => Vocabulary.from({ a: id as number }, false)).toThrow(FormatError);
    expect(() => Vocabulary.from({ a: 1, b: 1 }, false)).toThrow('the id 1 belongs to both "a" and "b"');
  });
});
