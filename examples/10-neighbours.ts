/** Near words lie near each other: the neighbours of a word in the trained embedding table. */
import { defaultModel } from "./default-model.ts";

const { model, tokenizer } = await defaultModel();
const table = model.tokenEmbedding.weight; // [vocabSize, dModel]
const { dModel } = model.config;

/** The vector of a token, at length 1, so that the product of two is the cosine of their angle. */
function direction(token: number): Float32Array {
  const row = table.data.slice(token * dModel, (token + 1) * dModel);
  const length = Math.sqrt(row.reduce((total, value) => total + value * value, 0));
  return row.map((value) => value / length);
}

const directions = Array.from({ length: tokenizer.vocabSize }, (_, token) => direction(token));
const spell = (token: number): string => new TextDecoder().decode(tokenizer.tokenBytes(token));

/** The tokens at the smallest angles, with their cosines. */
function neighbours(token: number, count: number): { text: string; cosine: number }[] {
  return directions
    .map((other, id) => ({
      id,
      text: spell(id),
      cosine: other.reduce((total, value, i) => total + value * directions[token][i], 0),
    }))
    .filter(({ id }) => id !== token)
    .sort((a, b) => b.cosine - a.cosine)
    .slice(0, count);
}

for (const word of process.argv.slice(2).length > 0 ? process.argv.slice(2) : ["sea", "dog", "interest", "said"]) {
  const tokens = tokenizer.encode(` ${word}`);
  if (tokens.length > 1) {
    console.log(
      `"${word}" is ${tokens.length} tokens here (${tokens.map((token) => JSON.stringify(spell(token))).join(" ")}) and has no vector of its own`,
    );
    continue;
  }
  console.log(`\nnearest to "${word}":`);
  for (const { text, cosine } of neighbours(tokens[0], 8))
    console.log(`  ${cosine.toFixed(2)} ${JSON.stringify(text)}`);
}
