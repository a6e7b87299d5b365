import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { type PadOptions, padTokens, truncateTokens } from "../../src/tokenizer/limits.ts";

describe("truncateTokens", () => {
  it("cuts from the side that is asked for", () => {
    expect(truncateTokens([1, 2, 3, 4], 3)).toEqual([1, 2, 3]);
    expect(truncateTokens([1, 2, 3, 4], 3, { side: "left" })).toEqual([2, 3, 4]);
    expect(truncateTokens([1, 2], 5, { side: "left" })).toEqual([1, 2]);
    expect(truncateTokens([1, 2], 0, { side: "left" })).toEqual([]);
  });

  it("returns a list of its own", () => {
    const tokens = [1, 2];
    expect(truncateTokens(tokens, 2)).not.toBe(tokens);
  });

  it("refuses what it does not know", () => {
    expect(() => truncateTokens([1], -1)).toThrow(ConfigError);
    expect(() => truncateTokens([1], 1, { side: "middle" as "left" })).toThrow('side must be "left" or "right"');
    expect(() => truncateTokens([1], 1, { sides: "left" } as object)).toThrow(/unknown option "sides"/);
  });
});

describe("padTokens", () => {
  it("fills up to the longest list, a length, or a multiple", () => {
    expect(padTokens([[1, 2, 3], [4], []], { padId: 0 })).toEqual([
      [1, 2, 3],
      [4, 0, 0],
      [0, 0, 0],
    ]);
    expect(padTokens([[1], [2, 3]], { padId: 9, side: "left" })).toEqual([
      [9, 1],
      [2, 3],
    ]);
    expect(padTokens([[1]], { padId: 9, length: 3 })).toEqual([[1, 9, 9]]);
    expect(padTokens([[1, 2, 3]], { padId: 9, multipleOf: 4 })).toEqual([[1, 2, 3, 9]]);
    expect(padTokens([], { padId: 9 })).toEqual([]);
  });

  it("refuses lists that are too long, and bad options", () => {
    expect(() => padTokens([[1, 2]], { padId: 0, length: 1 })).toThrow(
      "padTokens: a list has 2 tokens, more than the length 1",
    );
    expect(() => padTokens([[1]], {} as PadOptions)).toThrow(/padId must be an integer/);
    expect(() => padTokens([[1]], undefined as unknown as PadOptions)).toThrow(ConfigError);
    expect(() => padTokens([[1]], { padId: 0, multipleOf: 0 })).toThrow(/multipleOf/);
  });
});
