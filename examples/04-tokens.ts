/** A text becomes tokens: the pieces that a model reads, and which bytes of the text each one is. */
import { BPETokenizer } from "heed";
import { makeCorpus } from "./corpus.ts";

const { train } = makeCorpus({ characters: 200_000 });
const tokenizer = BPETokenizer.train(train, { vocabSize: 600, specialTokens: ["<|endoftext|>"] });

console.log("The first merges, most frequent pair first:");
console.log(
  `  ${tokenizer.merges
    .slice(0, 12)
    .map((pair) => JSON.stringify(pair.join("+").replaceAll("Ġ", " ")))
    .join("  ")}\n`,
);

const text = process.argv[2] ?? "The seagull likes the café by the ocean. 🌊";
const { tokens, offsets } = tokenizer.encodeWithOffsets(text);
console.log(`${JSON.stringify(text)} is ${new TextEncoder().encode(text).length} bytes and ${tokens.length} tokens:\n`);
console.log("  token  bytes         of the text  stands for");
let byte = 0;
tokens.forEach((token, i) => {
  const bytes = tokenizer.tokenBytes(token);
  const span = `${byte}..${(byte += bytes.length)}`;
  const hex = [...bytes].map((value) => value.toString(16).padStart(2, "0")).join(" ");
  const [start, end] = offsets[i];
  console.log(
    `  ${String(token).padStart(5)}  ${span.padEnd(12)}  ${`${start}..${end}`.padEnd(11)}  ${JSON.stringify(text.slice(start, end))}${bytes.length < 2 || hex.length > 24 ? "" : `  (${hex})`}`,
  );
});
console.log(`\nand back: ${JSON.stringify(tokenizer.decode(tokens))}`);
