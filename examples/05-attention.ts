/** Which earlier word matters to which: the attention weights of one sentence, layer by layer and head by head. */
import type { Tensor } from "heed";
import { defaultModel } from "./default-model.ts";

const { model, tokenizer } = await defaultModel();
const text = process.argv[2] ?? "The dog did not finish the bone because it was not hungry.";
const tokens = tokenizer.encode(text);
const words = tokens.map((token) => new TextDecoder().decode(tokenizer.tokenBytes(token)).trim() || "␣");

/** blocks.LAYER.attention.weights: [batch, nHeads, seq, keyLen] */
const maps = new Map<string, Tensor>();
model.forward(tokens, {
  observe: (name, activation) => name.endsWith("attention.weights") && maps.set(name, activation),
});

/** A weight from 0 to 1 as a shade. */
const shade = (weight: number): string => " ·░▒▓█"[Math.min(5, Math.ceil(weight * 5 - 0.2))].repeat(2);

const seq = tokens.length;
const width = Math.max(...words.map((word) => word.length));
for (const [name, weights] of maps) {
  for (let head = 0; head < model.config.nHeads; head++) {
    console.log(
      `\n${name.replace(".attention.weights", "")}, head ${head}: a row shows where the word on the left looks`,
    );
    const row = (query: number): Float32Array =>
      weights.data.subarray((head * seq + query) * seq, (head * seq + query + 1) * seq);
    words.forEach((word, query) => {
      const strongest = row(query).reduce((best, weight, key, all) => (weight > all[best] ? key : best), 0);
      console.log(
        `  ${word.padStart(width)} ${[...row(query).subarray(0, query + 1)]
          .map(shade)
          .join("")
          .padEnd(2 * seq)} most at "${words[strongest]}" (${row(query)[strongest].toFixed(2)})`,
      );
    });
  }
}

const it = words.lastIndexOf("it");
if (it >= 0) {
  console.log(`\nWhere "it" looks, averaged over all heads:`);
  const mean = words.map(
    (_, key) =>
      [...maps.values()].reduce((total, { data }) => {
        for (let head = 0; head < model.config.nHeads; head++) total += data[(head * seq + it) * seq + key];
        return total;
      }, 0) /
      (maps.size * model.config.nHeads),
  );
  mean
    .slice(0, it + 1)
    .forEach((weight, key) =>
      console.log(`  ${words[key].padStart(width)} ${weight.toFixed(2)} ${"█".repeat(Math.round(weight * 40))}`),
    );
}
