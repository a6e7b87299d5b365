/** No character of a stop text is ever let out, however the text is cut into pieces. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StopMatcher, TextWriter } from "../../src/generation/stop.ts";
import { BPETokenizer } from "../../src/tokenizer/bpe.ts";
import { letters } from "./models.ts";

/** Texts of few letters, so that stop texts begin often and sometimes appear. */
const text = fc.string({ unit: fc.constantFrom("a", "b", "c", "é", "🙂"), maxLength: 30 });
const stops = fc.array(fc.string({ unit: fc.constantFrom("a", "b", "c", "🙂"), minLength: 1, maxLength: 4 }), {
  maxLength: 3,
});
const cuts = fc.array(fc.nat(60), { maxLength: 12 });

/** A text in pieces, cut anywhere, even inside a surrogate pair. */
function pieces(whole: string, places: readonly number[]): string[] {
  const ordered = [0, ...places.filter((place) => place < whole.length).sort((a, b) => a - b), whole.length];
  return ordered.slice(1).map((end, i) => whole.slice(ordered[i], end));
}

/** What comes before the first stop text, by looking at the whole text. */
function untilStop(whole: string, all: readonly string[]): { text: string; stopped: boolean } {
  const places = all.map((stop) => whole.indexOf(stop)).filter((at) => at >= 0);
  return places.length === 0
    ? { text: whole, stopped: false }
    : { text: whole.slice(0, Math.min(...places)), stopped: true };
}

describe("StopMatcher", () => {
  it("lets out the text up to the first stop text, however it is cut", () => {
    // A stop text that begins inside another and is whole first ends the text there; of stops like that only the cut decides.
    const simple = stops.filter((all) => all.length <= 1);
    fc.assert(
      fc.property(text, simple, cuts, (whole, all, places) => {
        const matcher = new StopMatcher(all);
        let out = "";
        let stopped = false;
        for (const piece of pieces(whole, places)) {
          const pushed = matcher.push(piece);
          out += pushed.text;
          stopped = pushed.stopped;
          if (stopped) break;
          expect(untilStop(whole, all).text.startsWith(out)).toBe(true);
        }
        expect({ text: stopped ? out : out + matcher.flush(), stopped }).toEqual(untilStop(whole, all));
        expect(matcher.pending).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it("never lets out any of several stop texts, and nothing that is not in the text", () => {
    fc.assert(
      fc.property(text, stops, cuts, (whole, all, places) => {
        const matcher = new StopMatcher(all);
        let out = "";
        let stopped = false;
        for (const piece of pieces(whole, places)) {
          if (stopped) break;
          const pushed = matcher.push(piece);
          out += pushed.text;
          stopped = pushed.stopped;
        }
        if (!stopped) out += matcher.flush();
        expect(whole.startsWith(out)).toBe(true);
        for (const stop of all) expect(out).not.toContain(stop);
        expect(stopped).toBe(untilStop(whole, all).stopped);
        if (!stopped) expect(out).toBe(whole);
      }),
      { numRuns: 500 },
    );
  });

  it("holds back only what may be the beginning of a stop text", () => {
    const matcher = new StopMatcher(["\n\nQ:"]);
    expect(matcher.push("answer\n")).toEqual({ text: "answer", stopped: false });
    expect(matcher.pending).toBe(true);
    expect(matcher.push("\n")).toEqual({ text: "", stopped: false });
    expect(matcher.push("\nQ")).toEqual({ text: "\n", stopped: false });
    expect(matcher.push("x")).toEqual({ text: "\n\nQx", stopped: false });
    expect(matcher.pending).toBe(false);
    matcher.push("\n\n");
    expect(matcher.flush()).toBe("\n\n");
    expect(matcher.pending).toBe(false);
  });

  it("passes everything on at once without stop texts", () => {
    const matcher = new StopMatcher([]);
    expect(matcher.push("abc")).toEqual({ text: "abc", stopped: false });
    expect(matcher.pending).toBe(false);
  });
});

describe("TextWriter", () => {
  const bytes = BPETokenizer.train("the cat sat on the mat", { vocabSize: 262, specialTokens: ["<|end|>"] });

  it("writes what decoding the whole would give, without special tokens and without a broken character", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 12 }), fc.boolean(), (whole, special) => {
        const tokens = [...bytes.encode(whole), ...(special ? [0] : []), ...bytes.encode("é")];
        const writer = new TextWriter(bytes, [], []);
        const written = tokens.map((token) => writer.push(token).text);
        for (const piece of written) expect(piece).not.toMatch(/\p{Surrogate}/u);
        expect(written.join("") + writer.flush()).toBe(bytes.decode(tokens, { skipSpecial: true }));
      }),
    );
  });

  it("is pending inside a character, and writes U+FFFD when no more tokens come", () => {
    const [first, second] = bytes.encode("é");
    const writer = new TextWriter(bytes, [], []);
    expect(writer.push(first)).toEqual({ text: "", stopped: false });
    expect(writer.pending).toBe(true);
    expect(writer.push(second)).toEqual({ text: "é", stopped: false });
    expect(writer.pending).toBe(false);
    writer.push(first);
    expect(writer.flush()).toBe("\ufffd");
  });

  it("finishes a character that the prompt began", () => {
    const [first, second] = bytes.encode("é");
    expect(new TextWriter(bytes, [first], []).push(second).text).toBe("é");
  });

  it("finds a stop text that several tokens make, of multi-byte characters too", () => {
    const writer = new TextWriter(bytes, [], ["🙂!"]);
    const seen = bytes.encode("ok🙂!more").map((token) => writer.push(token));
    const end = seen.findIndex(({ stopped }) => stopped);
    expect(
      seen
        .slice(0, end + 1)
        .map(({ text: piece }) => piece)
        .join(""),
    ).toBe("ok");
    expect(end).toBe(bytes.encode("ok🙂!").length - 1);
  });

  it("finds a stop text only in what is written, not in the prompt", () => {
    const writer = new TextWriter(letters, letters.encode("ab"), ["bc"]);
    expect(writer.push(letters.encode("c")[0])).toEqual({ text: "c", stopped: false });
  });

  it("writes nothing for a token that only the model has", () => {
    const writer = new TextWriter(letters, [99, 0], []);
    expect([11, 12, 0].map((token) => writer.push(token).text)).toEqual(["l", "", "a"]);
  });

  it("writes nothing without a tokenizer", () => {
    const writer = new TextWriter(undefined, [1], []);
    expect(writer.push(2)).toEqual({ text: "", stopped: false });
    expect([writer.pending, writer.flush()]).toEqual([false, ""]);
  });
});
