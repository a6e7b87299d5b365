import { describe, expect, it } from "vitest";
import { TokenizerError } from "../../src/errors.ts";
import { compilePattern, literalPattern } from "../../src/tokenizer/pattern.ts";

const raw = String.raw;

/** The matches of a pattern in a text, as an engine finds them from left to right. */
function matches(pattern: string, text: string): string[] {
  const automaton = compilePattern(pattern);
  const found: string[] = [];
  for (let at = 0; at < text.length;) {
    const end = automaton.matchEnd(text, at, text.length);
    if (end >= 0) found.push(text.slice(at, end));
    at = end >= 0 ? end : at + 1;
  }
  return found;
}

describe("compilePattern", () => {
  // Each of these is what the Rust library's Split gives.
  it.each<[string, string, string[]]>([
    [raw`(?i:'s)`, "a'ſb'Sc's", ["'ſ", "'S", "'s"]],
    [raw`(?i:k)a`, "\u212aa Ka ka", ["\u212aa", "Ka", "ka"]],
    [raw`\s++$`, "a \n b  \nc \n", [" \n"]],
    [raw`\s+$`, "a \n b  \nc \n", [" ", "  ", " \n"]],
    [raw`\p{N}{1,3}+`, "1234567", ["1234567"]],
    [raw`\p{N}{1,3}`, "1234567", ["123", "456", "7"]],
    [raw`[^\s]+\z`, "12 34", ["34"]],
    [raw`\w+`, "a_1٢e\u0301\u200d中ª²Ⅷ①—‿x", ["a_1٢e\u0301", "中ª²Ⅷ", "‿x"]],
    [raw`\W+`, "a-+b", ["-+"]],
    [raw`\s+`, "a\u0085b\ufeffc\u3000d\u180ee\u200bf\u001cg\u000bh", ["\u0085", "\u3000", "\u000b"]],
    [raw`\d+`, "a12٢²b", ["12٢"]],
    ["a{,3}b", "aaaab", ["aaab"]],
    ["a{2}", "aaaaab", ["aa", "aa"]],
    ["a{2,}b", "ab aab", ["aab"]],
    ["a+?b", "aab", ["aab"]],
    ["a+?", "aa", ["a", "a"]],
    ["a??b", "ab", ["ab"]],
    ["a*+b|a", "aab aa", ["aab", "a", "a"]],
    ["a?+ab|.", "ab", ["a", "b"]],
    ["a|ab", "ab", ["a"]],
    ["(ab|a)(c|bcd)", "abcd", ["abc"]],
    [raw`\x41|\u0042|\x{43}`, "ABC", ["A", "B", "C"]],
    [raw`\p{^L}+|\P{N}+`, "ab12", ["ab", "12"]],
    [raw`\p{Han}+`, "a漢字b", ["漢字"]],
    ["[]a]+", "]a", ["]a"]],
    ["[^]a]+", "]ab", ["b"]],
    [raw`[\w-]+`, "]a-b", ["a-b"]],
    ["[a-cx[yz]]+", "byzd", ["byz"]],
    [raw` ?[^(\s|[.,!?…。，、।۔،])]+`, "It is (so)", ["It", " is", "so"]],
    [raw`a(?!b)|a(?=b)b`, "abac", ["ab", "a"]],
    ["a.", "a\nab", ["ab"]],
    [raw`\p{L}+(?=\d)`, "ab1c", ["ab"]],
  ])("%s in %j", (pattern, text, found) => {
    expect(matches(pattern, text)).toEqual(found);
  });

  it.each([
    "(?<=a)b",
    "(?<!a)b",
    "(?=ab)a",
    raw`(a)\1`,
    "(?>a+)b",
    "(?<name>a)",
    "(?i)a",
    raw`\bfoo\b`,
    "^a",
    raw`\Aa`,
    raw`\h`,
    raw`\R`,
    raw`\X`,
    "a**b|a(b?)*",
    "(ab)++",
    "[a-z&&[^b]]",
    "[[:alpha:]]",
    "[b-a]",
    raw`[a-\d]`,
    "[a",
    "(a",
    "a)",
    "*a",
    "a{3,2}",
    "a{",
    raw`\p{Nothing}`,
    raw`\p{IsL}`,
    "(?i:ß)",
    "(?i:ss)",
    "(?i:[^a])",
    raw`(?i:\w)`,
    raw`\x{110000}`,
    raw`a\q`,
    "\\",
  ])("refuses by name what it does not know: %s", (pattern) => {
    expect(() => compilePattern(pattern)).toThrow(TokenizerError);
    expect(() => compilePattern(pattern)).toThrow(`the pattern ${JSON.stringify(pattern)} is not supported: see `);
  });

  it("refuses what may match nothing, and what is too large", () => {
    for (const pattern of ["", "a*", "a|", "(?!a)"])
      expect(() => compilePattern(pattern)).toThrow(/it may match nothing/);
    for (const pattern of ["(".repeat(2000), "[".repeat(3000), "a{9999}", "(a{99}){99}", "a".repeat(5000)])
      expect(() => compilePattern(pattern)).toThrow(/it is too large/);
    expect(() => compilePattern(Array.from({ length: 40 }, (_, i) => String.fromCharCode(200 + i)).join(""))).toThrow(
      /too large/,
    );
    expect(() => compilePattern("(|)".repeat(200))).toThrow(/it may match nothing/);
  });

  it("compiles a literal", () => {
    expect(matches(literalPattern("a.[🙂"), "a.[🙂 axy")).toEqual(["a.[🙂"]);
  });
});
