import { Random } from "heed";
import { describe, expect, it } from "vitest";
import { isHeldOut, makeCorpus, tellStories } from "../../examples/corpus.ts";
import { puzzles } from "../../examples/corpus/pronouns.ts";

const corpus = makeCorpus();
const whole = `${corpus.train}\n${corpus.validation}`;
const paragraphs = whole.split(/\n+/).filter((paragraph) => paragraph !== "");

/** How often each item occurs. */
function tally(items: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return counts;
}

/** Three words on the left and one on the right of each place where `word` stands. */
function contexts(word: string): Map<string, number> {
  return tally(
    Array.from(
      whole.matchAll(new RegExp(`(\\w+ \\w+ \\w+) ${word}\\b([^\\w]*\\w*)`, "g")),
      (match) => `${match[1]} _${match[2]}`,
    ),
  );
}

/** Every puzzle of a text: verb, animal, thing, what "it" was, and who comes in the sentence after. */
function puzzlesIn(text: string): { verb: string; beast: string; thing: string; was: string; revealed: string }[] {
  const verbs = puzzles
    .flat()
    .map((puzzle) => puzzle.template)
    .join("|");
  const pattern = new RegExp(`The (\\w+) (${verbs}) the ([\\w ]+?) because it was ([\\w ]+)\\. So the ([\\w ]+)`, "g");
  return Array.from(text.matchAll(pattern), ([, beast, verb, thing, was, rest]) => {
    const revealed = [beast, thing].find((word) => rest.startsWith(`${word} `)) ?? rest;
    return { verb, beast, thing, was, revealed };
  });
}

describe("the corpus", () => {
  it("is the same for the same seed, and another for another", () => {
    const small = { seed: 3, characters: 20_000 };
    expect(makeCorpus(small)).toEqual(makeCorpus(small));
    expect(makeCorpus({ ...small, seed: 4 }).train).not.toBe(makeCorpus(small).train);
    expect(makeCorpus({ seed: 1 })).toEqual(corpus);
  });

  it("has at least 600,000 characters and 1,600 distinct words, of which 1,000 occur ten times", () => {
    expect(corpus.train.length + corpus.validation.length).toBeGreaterThanOrEqual(600_000);
    expect(corpus.train.length).toBeGreaterThanOrEqual(500_000);
    const words = tally(whole.toLowerCase().match(/[a-z]+/g) ?? []);
    expect(words.size).toBeGreaterThan(1_600);
    expect([...words.values()].filter((count) => count >= 10).length).toBeGreaterThan(1_000);
  });

  it("tells at least 60 skeletons", () => {
    const stories = tellStories(new Random(2), 200_000, false);
    expect(
      new Set(stories.flatMap((story) => story.combinations.map(({ template }) => template))).size,
    ).toBeGreaterThanOrEqual(60);
  });

  it("is well-formed English", () => {
    expect(whole).not.toMatch(/undefined|[{}[\]|]| {2}/);
    expect(whole).not.toMatch(/\b[Aa] [aeio]\w/);
    expect(whole).not.toMatch(/\b[Aa]n [^aeiou]/);
    expect(whole).not.toMatch(/[.!?] [a-z]|,\.|\.\.|\b(\w+) \1\b/);
    for (const paragraph of paragraphs) expect(paragraph).toMatch(/^["A-Z].*[.!?]"?$/);
    for (const paragraph of paragraphs) expect(paragraph.split('"').length % 2, paragraph).toBe(1);
  });
});

describe("held-out combinations", () => {
  it("fill the validation stories and no training story", () => {
    const random = new Random(5);
    for (const heldOut of [false, true]) {
      const told = tellStories(random, 100_000, heldOut).flatMap((story) => story.combinations);
      expect(told.every((combination) => isHeldOut(combination) === heldOut)).toBe(true);
    }
  });

  it("keep every (verb, animal, thing) of the validation text out of the training text", () => {
    const key = ({ verb, beast, thing }: { verb: string; beast: string; thing: string }): string =>
      `${verb}/${beast}/${thing}`;
    const trained = new Set(puzzlesIn(corpus.train).map(key));
    const held = new Set(puzzlesIn(corpus.validation).map(key));
    expect(trained.size).toBeGreaterThan(500);
    expect(held.size).toBeGreaterThan(50);
    for (const combination of held) expect(trained.has(combination), combination).toBe(false);
  });
});

describe("words of more than one use", () => {
  it('say who "it" was in the sentence after, always the animal or always the thing for one reason', () => {
    const found = puzzlesIn(corpus.train);
    expect(found.length).toBeGreaterThan(1_000);
    const meanings = new Map<string, Set<string>>();
    for (const { verb, beast, thing, was, revealed } of found) {
      expect([beast, thing]).toContain(revealed);
      const reason = `${verb} ... because it was ${was}`;
      if (!meanings.has(reason)) meanings.set(reason, new Set());
      meanings.get(reason)?.add(revealed === beast ? "animal" : "thing");
    }
    for (const [reason, meant] of meanings) expect(meant.size, reason).toBe(1);
    expect(meanings.get("did not finish ... because it was not hungry")).toEqual(new Set(["animal"]));
    expect(meanings.get("did not finish ... because it was not delicious")).toEqual(new Set(["thing"]));
    const animals = found.filter(({ beast, revealed }) => beast === revealed).length;
    expect(Math.abs(animals / found.length - 0.5)).toBeLessThan(0.08);
  });

  it("use interest for money and for curiosity", () => {
    const count = (pattern: RegExp): number => corpus.train.match(pattern)?.length ?? 0;
    expect(count(/percent interest|interest rate|the interest|pays? interest|interest on/g)).toBeGreaterThan(200);
    expect(count(/with (\w+ )?interest\b|public interest|interest in/g)).toBeGreaterThan(200);
  });

  it("use sea and ocean alike", () => {
    const [sea, ocean] = [contexts("sea"), contexts("ocean")];
    const total = (counts: Map<string, number>): number => [...counts.values()].reduce((sum, count) => sum + count, 0);
    expect(total(sea)).toBeGreaterThan(500);
    expect(Math.abs(total(sea) / total(ocean) - 1)).toBeLessThan(0.2);
    const common = [...sea.keys()].filter((context) => sea.get(context)! >= 4);
    expect(common.length).toBeGreaterThan(40);
    expect(common.filter((context) => ocean.has(context)).length / common.length).toBeGreaterThan(0.9);
  });
});
