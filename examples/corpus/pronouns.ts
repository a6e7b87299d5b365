/**
 * Sentences whose "it" is settled by a later word. "The dog did not finish the bone because it was not hungry" speaks of
 * the dog, "because it was not delicious" of the bone, and the sentence after each tells which.
 */
import type { Random } from "heed";
import { expand, favour, pick, polish, skeleton, tell } from "./grammar.ts";
import type { Skeleton, Story } from "./grammar.ts";

/** A reading: what "it" was, and what therefore happened to that one. */
interface Reading {
  readonly was: string;
  readonly so: string;
}

/** Both readings of one verb and a table of things, each told as often. */
function puzzle(verb: string, things: string, beast: Reading, thing: Reading): readonly Skeleton[] {
  const because = `The {beast} ${verb} the {${things}} because it was`;
  return [
    skeleton(verb, `beast ${things}`, `${because} [${beast.was}]. So the {beast} [${beast.so}].`),
    skeleton(verb, `beast ${things}`, `${because} [${thing.was}]. So the {${things}} [${thing.so}].`),
  ];
}

const rested = "lay down|went to sleep|rested for a while|went home|closed its eyes|stayed in its {beast.home}";
const stayed = "stayed where it was|was left behind|was left alone";

/** Every puzzle: a verb, a table of things, and the two readings. */
export const puzzles: readonly (readonly Skeleton[])[] = [
  puzzle(
    "did not finish",
    "meal",
    { was: "not hungry|{ill}|too full|busy", so: rested },
    {
      was: "not delicious|too salty|stale|sour|burnt|bitter|not fresh",
      so: "was left in the bowl|was thrown away|was given to the {insect+s}|stayed on the plate",
    },
  ),
  puzzle(
    "finished",
    "meal",
    { was: "hungry|greedy|starving", so: "was full|licked its lips|wanted more" },
    { was: "delicious|tasty|fresh|not bitter", so: "was soon gone|was eaten to the last bit|disappeared" },
  ),
  puzzle(
    "did not drink",
    "drink",
    { was: "not thirsty|{ill}|busy", so: rested },
    { was: "too hot|sour|too bitter|not fresh|frozen", so: "was poured away|stayed in the bowl|was left in the cup" },
  ),
  puzzle(
    "did not carry",
    "burden",
    { was: "{ill}|not strong|young", so: `${rested}|asked for help` },
    { was: "too heavy|broken|stuck|slippery", so: `${stayed}|was rolled away|was tied to a rope` },
  ),
  puzzle(
    "did not cross",
    "barrier",
    { was: "{ill}|not brave|lame", so: `${rested}|turned back` },
    { was: "too wide|flooded|frozen|not safe|muddy", so: "stayed empty|was closed with a rope|was marked with a sign" },
  ),
  puzzle(
    "did not climb",
    "height",
    { was: "{ill}|not brave|clumsy", so: `${rested}|looked up and sighed` },
    {
      was: "too steep|too high|slippery|not safe",
      so: "was too much for anyone|was left to the birds|stood there alone",
    },
  ),
  puzzle(
    "did not fit through",
    "opening",
    { was: "too fat|too big|too large", so: "ate less for a week|turned back|stayed outside" },
    { was: "too narrow|too small|too tight|not wide", so: "was made wider|was cut larger by the carpenter" },
  ),
  puzzle(
    "did not open",
    "lid",
    { was: "{ill}|not clever|clumsy", so: `${rested}|called for help` },
    { was: "locked|rusty|stuck|frozen", so: "stayed shut|was mended by the blacksmith|was oiled the next day" },
  ),
  puzzle(
    "did not hear",
    "noise",
    { was: "asleep|deaf|busy|not awake", so: "did not come|slept on|missed its supper" },
    { was: "too quiet|broken|not loud|too soft", so: "was made louder|was mended|was played again" },
  ),
  puzzle(
    "did not pull",
    "cart",
    { was: "{ill}|not strong|hungry", so: `${rested}|was brought to the stable` },
    { was: "too heavy|broken|stuck|frozen to the ground", so: `${stayed}|was unloaded|was pushed by the farmer` },
  ),
  puzzle(
    "did not sleep on",
    "bedding",
    {
      was: "awake|excited|not sleepy|hungry|thirsty",
      so: "walked around all night|looked at the moon|played until morning",
    },
    {
      was: "too hard|wet|not soft|scratchy",
      so: "was dried by the fire|was hung in the sun|was changed for a new one",
    },
  ),
  puzzle(
    "did not chase",
    "prey",
    { was: "{ill}|not quick|old", so: `${rested}|only watched` },
    { was: "too fast|too high|out of reach", so: "got away|was soon out of sight|was never caught" },
  ),
  puzzle(
    "did not wear",
    "clothes",
    { was: "shy|warm|not cold|proud", so: "ran around without it|shook its head|hid in its {beast.home}" },
    { was: "too tight|ugly|torn|not clean|scratchy", so: "was sewn again|was washed|went back to the tailor" },
  ),
  puzzle(
    "did not stay in",
    "shelter",
    { was: "restless|brave|curious|not tired", so: "ran outside|went for a walk|explored the wood" },
    { was: "too dark|damp|not safe|full of smoke", so: "stayed empty|was cleaned|was given a new roof" },
  ),
  puzzle(
    "did not break",
    "toy",
    { was: "careful|gentle|not wild", so: "was praised|got a reward" },
    { was: "well made|made of iron|made of steel", so: "was as good as new|could be used again|lasted for years" },
  ),
];

const openings = [
  "it was a {weather} day, and {weather.sign}.",
  "many animals lived on the farm of {adult}.",
  "{child} wrote down what the animals did on {weekday}.",
  "{child} watched the animals of {town}.",
  "{day}, {weather.sign}.",
  '"tell me about the animals," said {child} to {child.his} {kin}.',
];

const closings = [
  '"every animal has its reasons," said {adult}.',
  '"I understand," {said} {child}.',
  "then it was evening, and all the animals were quiet.",
  "that was {weekday} at the farm.",
  "{child} laughed about the animals.",
  "{adult} shook {adult.his} head.",
];

/** A paragraph of two to four puzzles. */
export function tellPuzzles(random: Random, heldOut: boolean): Story {
  const cast = new Map<string, string>();
  const told = Array.from({ length: 2 + random.integer(3) }, () =>
    tell(random, pick(random, favour(random, puzzles)), heldOut),
  );
  const sentences = told.map((story) => story.text);
  if (random.uniform() < 0.7) sentences.unshift(polish(expand(random, pick(random, openings), cast)));
  if (random.uniform() < 0.5) sentences.push(polish(expand(random, pick(random, closings), cast)));
  return { text: sentences.join(" "), combinations: told.flatMap((story) => story.combinations) };
}
