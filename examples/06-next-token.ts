/** What may come next: a language model's whole answer is a probability for every token. */
import { nextTokens, score } from "heed";
import { defaultModel } from "./default-model.ts";

const lm = await defaultModel();
const prompts =
  process.argv[2] === undefined
    ? ["The ship sailed across the", "The bank pays two percent", "She has an"]
    : [process.argv[2]];
for (const prompt of prompts) {
  console.log(`\n${JSON.stringify(prompt)} …`);
  for (const { text, prob } of nextTokens(lm, prompt, { topK: 10 })) {
    console.log(
      `  ${JSON.stringify(text).padEnd(14)} ${(100 * prob).toFixed(1).padStart(5)} % ${"█".repeat(Math.round(50 * prob))}`,
    );
  }
}

// The same probabilities, multiplied along a text, say how likely the text is.
console.log("\nHow surprised the model is by a sentence (perplexity: between how many tokens it wavers on average):");
for (const text of [
  "The ship sailed on the sea.",
  "The ship sailed on the ocean.",
  "The ship sailed on the cheese.",
  "Ship the the sea sailed on.",
]) {
  console.log(`  ${score(lm, text).perplexity.toFixed(1).padStart(7)}  ${text}`);
}
