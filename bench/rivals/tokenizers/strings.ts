/** Strings that tokenizers stumble over, from seeds: the same number gives the same strings in every run. */
import { Random } from "heed";

type Make = (random: Random, corpus: readonly string[]) => string;

const pick = <T>(random: Random, list: readonly T[]): T => list[random.integer(list.length)];

/** So many pieces, joined. */
function several(random: Random, most: number, piece: () => string): string {
  return Array.from({ length: 1 + random.integer(most) }, piece).join("");
}

/** A code point from `first` to `last`. */
const between = (random: Random, first: number, last: number): string =>
  String.fromCodePoint(first + random.integer(last - first + 1));

/** From anywhere: half of it Latin, the rest from the other planes. Surrogates may come alone. */
function anyCharacter(random: Random): string {
  const kind = random.integer(20);
  if (kind < 8) return between(random, 0x20, 0x7e);
  if (kind < 11) return between(random, 0, 0x24f);
  if (kind < 16) return between(random, 0x250, 0xffff);
  if (kind < 18) return between(random, 0x10000, 0x1ffff);
  return between(random, 0x20000, 0x10ffff);
}

const SPACES = [
  ..." \t\n\r\v\f",
  "\r\n",
  "  ",
  "\n\n",
  "\u00a0",
  "\u0085",
  "\u1680",
  "\u180e",
  "\u2003",
  "\u200b",
  "\u2028",
  "\u2029",
  "\u202f",
  "\u3000",
  "\ufeff",
  "\u001c",
  "\u001f",
];
const APOSTROPHES = ["'", "'", "'", "\u2019", "\u02bc", "''", " '", "`"];
const ENDINGS = [
  "s",
  "S",
  "\u017f",
  "t",
  "T",
  "re",
  "RE",
  "Re",
  "rE",
  "ve",
  "VE",
  "vE",
  "m",
  "M",
  "ll",
  "LL",
  "lL",
  "Ll",
  "d",
  "D",
  "sx",
  "l",
  "r",
  "R\u0112",
  "\u0131",
];
const WORDS = [
  "a",
  "I",
  "don",
  "CAN",
  "they",
  "We",
  "x1",
  "Zo\u00eb",
  "\u00c9t\u00e9",
  "\u00df",
  "\u0130",
  "\u01c5",
  "\u02b0",
  "\u00aa",
  "\u4e2d",
  "\u0e01",
  "\u0434\u043e\u043c",
  "camelCase",
  "HTTPServer",
  "_id",
  "1st",
];
const DIGITS = [
  "0",
  "1",
  "12",
  "123",
  "1234",
  "7".repeat(9),
  "\u0663",
  "\u096a\u096b",
  "\uff11\uff12",
  "\u2167",
  "\u00b2",
  "\u00bd",
  "\u{1d7d8}",
  "\u3007",
  "\u0e53",
];
const PUNCTUATION = [
  ...'!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~',
  "\u2014",
  "\u3002",
  "\uff0c",
  "\u20ac",
  "\u00d7",
  "//",
  "/*",
  "*/",
  "---",
  "...",
  "\u2026",
  "\n/",
  "/\n",
  "!\r\n",
  "::",
];
const BASES = [
  ..."aeinosAEU",
  "\u0915",
  "\u0e01",
  "\u0627",
  "\u05d0",
  "\u1100",
  "\u1161",
  "\u11a8",
  "\uac00",
  "\u00e9",
  "\u1e69",
  "\ufb01",
  "\u212b",
  "\u2126",
  "\u0344",
  "\u0958",
  "\u{1d15e}",
];
const EMOJI = [
  "\u{1f600}",
  "\u{1f469}",
  "\u{1f680}",
  "\u{1f3fb}",
  "\u{1f3ff}",
  "\u200d",
  "\ufe0f",
  "\u2764",
  "\u{1f1e9}",
  "\u{1f1ea}",
  "\u{1f3f4}",
  "\u{e0067}",
  "\u{e007f}",
  "\u20e3",
  "\u{1f9d1}\u200d\u{1f680}",
  "\u{1f468}\u200d\u{1f469}\u200d\u{1f467}",
];
const SPECIAL = [
  "<|endoftext|>",
  "<|im_start|>",
  "<|im_end|>",
  "<|endofprompt|>",
  "<|fim_prefix|>",
  "<|startoftranscript|>",
  "<|0.00|>",
  "<|assistant|>",
  "<|user|>",
  "<|end|>",
  "<s>",
  "</s>",
  "<unk>",
  "<pad>",
  "<think>",
  "</think>",
  "<tool_call>",
  "<|",
  "|>",
  "<|endoftext",
  "endoftext|>",
  "<<s>>",
  "<0x0A>",
  "<0xE4>",
  "\u2581",
  "\u0120",
  "\u010a",
  "[INST]",
  "##",
  "@@",
];
const MARKS: readonly (readonly [number, number])[] = [
  [0x300, 0x36f],
  [0x483, 0x489],
  [0x591, 0x5bd],
  [0x610, 0x61a],
  [0x93a, 0x94d],
  [0xe31, 0xe3a],
  [0x1dc0, 0x1dff],
  [0x20d0, 0x20f0],
  [0xfe20, 0xfe2f],
  [0x302a, 0x302f],
];

/** A stretch of the corpus with a few of its characters replaced, doubled, removed, or in the other case. */
function mutated(random: Random, corpus: readonly string[]): string {
  const text = pick(random, corpus);
  const start = random.integer(Math.max(1, text.length - 60));
  const letters = [...text.slice(start, start + 1 + random.integer(60))];
  for (let count = random.integer(5); count > 0 && letters.length > 0; count--) {
    const at = random.integer(letters.length);
    const old = letters[at];
    const changed = [
      anyCharacter(random),
      old + old,
      "",
      old.toUpperCase(),
      old.toLowerCase(),
      pick(random, SPACES) + old,
    ];
    letters[at] = pick(random, changed);
  }
  return letters.join("");
}

/** The same again and again: mostly short, now and then thousands. */
function run(random: Random): string {
  const lists = [SPACES, WORDS, DIGITS, PUNCTUATION, EMOJI, BASES, SPECIAL, ["a", "A", "ab", "=", "-", " a", "\u00e9"]];
  const times = random.integer(200) === 0 ? 3000 : random.integer(10) === 0 ? 300 : 30;
  const piece = pick(random, pick(random, lists));
  return (
    pick(random, ["", " ", "a", "1"]) + piece.repeat(1 + random.integer(times)) + pick(random, ["", " ", "a", "\n"])
  );
}

/** Letters of every case, in and out of words. */
function cased(random: Random): string {
  const kinds: readonly (() => string)[] = [
    () => between(random, 0x41, 0x5a),
    () => between(random, 0x61, 0x7a),
    () =>
      pick(random, [
        "\u01c5",
        "\u01f2",
        "\u1f88",
        "\u02b0",
        "\u02c7",
        "\u00aa",
        "\u00ba",
        "\u05d0",
        "\u4e2d",
        "\u3042",
        "\u0e01",
        "\u10d0",
        "\u1c90",
      ]),
    () => between(random, 0xc0, 0x17f),
    () => between(random, 0x390, 0x4ff),
    () => pick(random, [" ", "'", "'s", "-", "\u0301", "1"]),
  ];
  return several(random, 20, () => pick(random, kinds)());
}

const joined =
  (most: number, ...lists: readonly (readonly string[])[]): Make =>
  (random) =>
    several(random, most, () => pick(random, pick(random, lists)));

/** The kinds of strings. */
export const KINDS: Readonly<Record<string, Make>> = {
  "any characters": (random) => several(random, 30, () => anyCharacter(random)),
  "white space": joined(14, SPACES, SPACES, SPACES, WORDS, PUNCTUATION, DIGITS),
  contractions: (random) =>
    several(random, 5, () => pick(random, [...WORDS, " "]) + pick(random, APOSTROPHES) + pick(random, ENDINGS)),
  digits: joined(10, DIGITS, DIGITS, DIGITS, SPACES, WORDS, [".", ",", "-", "%", " "]),
  "combining marks": (random) =>
    several(
      random,
      12,
      () => pick(random, BASES) + (random.integer(2) === 0 ? between(random, ...pick(random, MARKS)) : ""),
    ),
  emoji: joined(12, EMOJI, EMOJI, EMOJI, [" ", "a", "\n", "1"]),
  "special look-alikes": joined(6, SPECIAL, SPECIAL, WORDS, SPACES),
  "lone surrogates": (random) =>
    several(random, 10, () =>
      random.integer(3) > 0 ? String.fromCharCode(0xd800 + random.integer(0x800)) : anyCharacter(random),
    ),
  "mutated text": mutated,
  runs: run,
  cases: cased,
  "program text": joined(16, PUNCTUATION, PUNCTUATION, WORDS, SPACES, [" ", "\n", "    ", "\t"]),
};

/** A string and the kind it is of. */
export interface HostileString {
  kind: string;
  text: string;
}

/** Strings of all kinds in turns. `seed` may be the number of a batch. */
export function hostileStrings(count: number, seed: number, corpus: readonly string[]): HostileString[] {
  const random = new Random(seed);
  const kinds = Object.entries(KINDS);
  return Array.from({ length: count }, (_, i) => {
    const [kind, make] = kinds[i % kinds.length];
    return { kind, text: make(random, corpus) };
  });
}
