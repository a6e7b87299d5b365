/**
 * A small language for stories, and its teller.
 *
 * Each line of a skeleton is one or more sentences. `[a|b]` chooses; `{fruit}` is drawn from the table of that name and
 * keeps its value for the whole story; `{fruit2}` is another of the same table; `{fruit+s}` is the plural; `{child.he}`
 * is a fact or a pronoun of the slot; `{day}` may name a phrase, chosen afresh at each use. A line that starts with `?`
 * may be left out, one that starts with `/` is an alternative to the line before. Capitals and "an" are added at the end.
 */
import type { Random } from "heed";
import { phrases } from "./phrases.ts";
import { factsOf, otherChildren, pronoun, tables } from "./words.ts";

/** The words that make a story the story it is: its skeleton and what fills the two chief slots. */
export interface Combination {
  readonly template: string;
  readonly subject: string;
  readonly object: string;
}

/** A told story and the combinations in it. */
export interface Story {
  readonly text: string;
  readonly combinations: readonly Combination[];
}

/** A story with free slots. The two chief slots are drawn together, so that whole combinations can be held out. */
export interface Skeleton {
  readonly template: string;
  readonly chief: readonly [string, string];
  readonly lines: readonly Line[];
}

/** Ways to say one thing; an optional line is left out half of the time. */
interface Line {
  readonly optional: boolean;
  readonly options: string[];
}

/** Reads a skeleton: a name, the two chief slots, and the lines. */
export function skeleton(template: string, chief: string, text: string): Skeleton {
  const lines: Line[] = [];
  for (const row of text.trim().split("\n")) {
    const line = row.trim();
    if (line.startsWith("/")) lines[lines.length - 1].options.push(line.slice(1).trim());
    else lines.push({ optional: line.startsWith("?"), options: [line.replace(/^\?\s*/, "")] });
  }
  const [subject, object] = chief.split(" ");
  return { template, chief: [subject, object], lines };
}

/** One in eight combinations is kept out of the training text, whatever the seed; the validation text holds only those. */
export function isHeldOut({ template, subject, object }: Combination): boolean {
  let hash = 2166136261; // FNV-1a, 32 bits
  for (const char of `${template}/${subject}/${object}`) hash = Math.imul(hash ^ char.charCodeAt(0), 16777619);
  return ((hash ^ (hash >>> 15)) >>> 3) % 8 === 0;
}

/** One of the items, each equally likely. */
export function pick<T>(random: Random, items: readonly T[]): T {
  return items[random.integer(items.length)];
}

/** One of the items, the early ones more often: the first tenth is drawn a third of the time. Real words are no more even. */
export function favour<T>(random: Random, items: readonly T[]): T {
  return items[Math.floor(items.length * random.uniform() ** 2)];
}

/** Tells a skeleton with words whose combination is held out, or is not. */
export function tell(random: Random, { template, chief, lines }: Skeleton, heldOut: boolean): Story {
  const [subjects, objects] = chief.map(tableOf);
  let combination: Combination;
  do combination = { template, subject: favour(random, subjects), object: favour(random, objects) };
  while (combination.subject === combination.object || isHeldOut(combination) !== heldOut);
  const cast = new Map([
    [chief[0], combination.subject],
    [chief[1], combination.object],
  ]);
  const sentences: string[] = [];
  for (const { optional, options } of lines) {
    if (optional && random.uniform() < 0.5) continue;
    sentences.push(polish(expand(random, favour(random, options), cast)));
  }
  return { text: sentences.join(" "), combinations: [combination] };
}

/** Fills the choices and the slots of a text, remembering in `cast` what each slot became. */
export function expand(random: Random, text: string, cast: Map<string, string>): string {
  while (text.includes("["))
    text = text.replace(/\[([^[\]]*)\]/g, (_, options: string) => favour(random, options.split("|")));
  return text.replace(/\{(\w+)(?:\.(\w+))?(\+s)?\}/g, (_, slot: string, fact?: string, plural?: string) => {
    if (slot in phrases) return expand(random, pick(random, phrases[slot]), cast);
    const word = valueOf(random, slot, cast);
    if (fact !== undefined) return expand(random, factOf(word, fact), cast);
    return plural === undefined ? word : pluralOf(word);
  });
}

/** What a slot became in this story, drawn now if this is its first use. */
function valueOf(random: Random, slot: string, cast: Map<string, string>): string {
  const known = cast.get(slot);
  if (known !== undefined) return known;
  const child = cast.get("child");
  const table = slot === "friend" && child !== undefined ? otherChildren(child) : tableOf(slot);
  const taken = new Set(cast.values());
  const word = favour(
    random,
    table.filter((entry) => !taken.has(entry)),
  );
  cast.set(slot, word);
  return word;
}

/** The table of a slot; `fruit2` is drawn from the table `fruit`. */
function tableOf(slot: string): readonly string[] {
  const table = tables[slot.replace(/\d$/, "")];
  if (table === undefined) throw new RangeError(`story slot {${slot}}: no table or phrase of that name`);
  return table;
}

function factOf(word: string, fact: string): string {
  const value = pronoun(word, fact) ?? factsOf[fact]?.[word];
  if (value === undefined) throw new RangeError(`story fact {${word}.${fact}}: not known`);
  return value;
}

const irregular: Readonly<Record<string, string>> = {
  mouse: "mice",
  sheep: "sheep",
  deer: "deer",
  goose: "geese",
  ox: "oxen",
  wolf: "wolves",
  calf: "calves",
  leaf: "leaves",
  fish: "fish",
  child: "children",
  knife: "knives",
  scarf: "scarves",
  shelf: "shelves",
  starfish: "starfish",
  jellyfish: "jellyfish",
};

/** The plural of a noun. */
export function pluralOf(noun: string): string {
  if (noun in irregular) return irregular[noun];
  if (/[^aeiou]y$/.test(noun)) return `${noun.slice(0, -1)}ies`;
  if (/(s|x|ch|sh|tomato|potato)$/.test(noun)) return `${noun}es`;
  return `${noun}s`;
}

/** Sentence capitals, and "an" before a vowel sound. */
export function polish(text: string): string {
  return text
    .replace(/\b([Aa]) (?=[aeiou])(?!one\b|use|uni)/g, "$1n ")
    .replace(
      /(^"?|[.!?] "?|[.!?]" "|\." )([a-z])/g,
      (_, before: string, letter: string) => before + letter.toUpperCase(),
    );
}
