/** The same machine learns anything that is a sequence: here short DNA-like strands with a hidden grammar. */
import { CharTokenizer, Random, Transformer, generate, train } from "heed";

// A strand is two random halves, the second being the first one backwards with A↔T and C↔G exchanged: a hairpin.
const random = new Random(1);
const partner: Record<string, string> = { A: "T", T: "A", C: "G", G: "C" };
const half = (): string => Array.from({ length: 5 }, () => "ACGT"[random.integer(4)]).join("");
const hairpin = (start: string): string =>
  [...start]
    .reverse()
    .map((base) => partner[base])
    .join("");
const strands = Array.from({ length: 6000 }, () => {
  const start = half();
  return `${start}-${hairpin(start)}\n`;
});

const tokenizer = CharTokenizer.train(strands.join(""));
const model = new Transformer(
  { vocabSize: tokenizer.vocabSize, contextLength: 24, dModel: 48, nLayers: 2, nHeads: 4 },
  { seed: 1 },
);
for await (const { step, loss, tokensPerSecond, etaSeconds } of train(model, tokenizer.encode(strands.join("")), {
  maxSteps: 600,
  batchSize: 16,
  learningRate: 4e-3,
  seed: 1,
})) {
  if (step % 100 === 0)
    console.log(
      `step ${step}: loss ${loss.toFixed(3)}, ${Math.round(tokensPerSecond)} tokens/s, ${Math.round(etaSeconds)} s left`,
    );
}

// Half of each strand is chance, so the loss cannot fall to 0; but the second half can be known.
let right = 0;
const trials = 40;
for (let i = 0; i < trials; i++) {
  const start = half();
  const { text } = await generate({ model, tokenizer }, `\n${start}-`, { maxNewTokens: 5 });
  if (i < 5) console.log(`${start}-${text}  ${text === hairpin(start) ? "right" : `should be ${hairpin(start)}`}`);
  if (text === hairpin(start)) right++;
}
console.log(`${right} of ${trials} unseen strands are closed without a mistake`);
