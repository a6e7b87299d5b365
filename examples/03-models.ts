/** One machine, two families: a GPT-2 and a Llama are settings of the same class. */
import { Transformer, presets } from "heed";

const size = { vocabSize: 256, contextLength: 64, dModel: 64, nLayers: 2, nHeads: 4 };
for (const [name, config] of Object.entries({
  "GPT-2": presets.gpt2(size),
  Llama: presets.llama({ ...size, nKvHeads: 2 }),
})) {
  const model = new Transformer(config, { seed: 1 });
  console.log(`${name}. ${model.summary()}\n`);

  // Seven tokens in; for each of them a score for every token that might come next.
  const tokens = [..."Hello, "].map((character) => character.charCodeAt(0));
  const logits = model.forward(tokens);
  console.log(`logits of ${tokens.length} tokens: [${logits.shape.join(", ")}]`);

  // Token by token with a cache: the same scores, without reading everything again.
  const kvCache = model.newCache();
  let greatest = 0;
  tokens.forEach((token, i) => {
    const row = model.forward([token], { kvCache }).data;
    row.forEach((value, j) => (greatest = Math.max(greatest, Math.abs(value - logits.data[i * size.vocabSize + j]))));
  });
  console.log(`with a cache of ${kvCache.length} tokens they differ by at most ${greatest.toExponential(1)}\n`);
}
