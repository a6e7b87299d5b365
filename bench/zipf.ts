/**
 * Text of any size from a seed, for learning vocabularies: words whose frequencies follow Zipf's law (1949), as those of
 * natural languages do, the word of rank r being about 1/r times as frequent as the first. Comes in pieces, so that
 * nobody has to hold it all.
 */
import { Random } from "heed";

/** What to make. */
export interface ZipfText {
  /** Size in bytes; all characters are ASCII. The text ends with the word that reaches it. */
  bytes: number;
  /** Number of distinct words. Each occurs at least once if the text has room for the whole list, which comes first. */
  distinctWords: number;
  seed: number;
}

/** Letters by their frequency in English, in thousandths. */
const LETTERS = [..."etaoinshrdlcumwfgypbvkjxqz"];
const FREQUENCIES = [
  127, 91, 82, 75, 70, 67, 63, 61, 60, 43, 40, 28, 28, 24, 24, 22, 20, 20, 19, 15, 10, 8, 2, 2, 1, 1,
];
const LETTER_TABLE = LETTERS.flatMap((letter, i) => Array<string>(FREQUENCIES[i]).fill(letter));

/** Characters of one text, about a page of a book. */
const TEXT_LENGTH = 4096;

/** Distinct words of random letters; the more frequent, the shorter (ranks 1 to 20 have two to four letters, the last ones up to twelve). */
function makeWords(count: number, random: Random): string[] {
  const words = new Set<string>();
  while (words.size < count) {
    let length = 2 + Math.floor(Math.log2(words.size + 2) / 3) + random.integer(4);
    let word = "";
    while (length-- > 0) word += LETTER_TABLE[random.integer(LETTER_TABLE.length)];
    words.add(word);
  }
  return [...words];
}

/** The texts, one after the other: about a page each, words with a space between them and a line feed at the end. */
export function* zipfTexts({ bytes, distinctWords, seed }: ZipfText): Generator<string> {
  const random = new Random(seed);
  const words = makeWords(distinctWords, random);
  let made = 0;
  let told = 0;
  while (made < bytes) {
    let text = "";
    while (text.length < TEXT_LENGTH && made + text.length < bytes) {
      // With u uniform, P(floor((n + 1)^u) = rank) = log(1 + 1 / rank) / log(n + 1).
      const rank = told < words.length ? ++told : Math.floor((words.length + 1) ** random.uniform());
      text += text === "" ? words[rank - 1] : ` ${words[rank - 1]}`;
    }
    made += text.length + 1;
    yield `${text}\n`;
  }
}
