/**
 * A small English world, told from a seed: the text that the example trains on when it is given none. Animals, people,
 * the sea, money, politics and the seasons, in stories of a few sentences. Every word of it is written here.
 *
 * Whole combinations are held out: where a dog and a bone belong to the validation text of one skeleton, no training
 * story of that skeleton has both.
 */
import { Random } from "heed";
import { favour, tell } from "./corpus/grammar.ts";
import type { Skeleton, Story } from "./corpus/grammar.ts";
import { moneyStories, politicsStories } from "./corpus/money.ts";
import { animalStories, seasonStories } from "./corpus/nature.ts";
import { tellPuzzles } from "./corpus/pronouns.ts";
import { seaStories } from "./corpus/sea.ts";
import { homeStories, playStories, workStories } from "./corpus/village.ts";

export { isHeldOut } from "./corpus/grammar.ts";
export type { Combination, Story } from "./corpus/grammar.ts";

/** The text to learn from, and the text to be judged by. */
export interface Corpus {
  /** Stories separated by blank lines. */
  train: string;
  /** Stories of combinations that never occur in `train`. */
  validation: string;
}

/** Which world to tell, and about how much of it. */
export interface CorpusOptions {
  /** Same seed, same text. Default 1. */
  seed?: number;
  /** Characters of both texts together, at least. Default 640 000. */
  characters?: number;
}

// How often each theme is told; the puzzles of "it" stand beside them.
const themes: readonly (readonly [weight: number, stories: readonly Skeleton[]])[] = [
  [7, seaStories],
  [3, moneyStories],
  [3, politicsStories],
  [3, homeStories],
  [3, workStories],
  [2, playStories],
  [3, animalStories],
  [3, seasonStories],
];
const puzzleWeight = 17;
const validationShare = 0.1;

/** Tells a world: one text for training and one, of held-out combinations, for validation. */
export function makeCorpus(options: CorpusOptions = {}): Corpus {
  const { seed = 1, characters = 640_000 } = options;
  const random = new Random(seed);
  const text = (share: number, heldOut: boolean): string => {
    return (
      tellStories(random, Math.ceil(characters * share), heldOut)
        .map((story) => story.text)
        .join("\n\n") + "\n"
    );
  };
  return { train: text(1 - validationShare, false), validation: text(validationShare, true) };
}

/** Tells stories until their text is at least so long, all of held-out combinations or none. */
export function tellStories(random: Random, characters: number, heldOut: boolean): Story[] {
  const weights = [puzzleWeight, ...themes.map(([weight]) => weight)];
  const stories: Story[] = [];
  for (let length = 0; length < characters;) {
    const theme = random.categorical(weights);
    const story =
      theme === 0 ? tellPuzzles(random, heldOut) : tell(random, favour(random, themes[theme - 1][1]), heldOut);
    stories.push(story);
    length += story.text.length + 2;
  }
  return stories;
}
