/** Greedy search takes the best step, beam search the best path: the likelier text may begin with a less likely word. */
import { generate } from "heed";
import type { GenerateOptions } from "heed";
import { defaultModel } from "./default-model.ts";
import { sideBySide } from "./terminal.ts";

const lm = await defaultModel();
const prompts =
  process.argv[2] === undefined ? ["The captain said,", "The cow did not", "In the market"] : [process.argv[2]];

/** A text of exactly 16 tokens, so that all are comparable, and its whole log-probability. */
async function write(prompt: string, options: GenerateOptions): Promise<{ text: string; total: number }> {
  const { text, logprobs } = await generate(lm, prompt, { ...options, minNewTokens: 16, maxNewTokens: 16 });
  return { text: prompt + text, total: logprobs.reduce((sum, logprob) => sum + logprob, 0) };
}

for (const prompt of prompts) {
  const greedy = await write(prompt, { strategy: "greedy" });
  const beam = await write(prompt, { strategy: "beam", numBeams: 8, lengthPenalty: 0 });
  const column = (title: string, { text, total }: { text: string; total: number }) => ({
    title,
    text,
    footer: `log-probability ${total.toFixed(2)}`,
  });
  console.log(`\n${sideBySide([column("greedy", greedy), column("beam of 8", beam)])}`);
  const ratio = Math.exp(beam.total - greedy.total);
  console.log(
    ratio > 1.005
      ? `The beam's text is ${Number(ratio.toPrecision(3))} times as likely.`
      : "Both found the same, or the greedy one is as good.",
  );
}

console.log("\nThe four best texts of one search:");
const { sequences } = await generate(lm, prompts[0], {
  strategy: "beam",
  numBeams: 4,
  numReturnSequences: 4,
  maxNewTokens: 12,
});
for (const { text, score, finishReason } of sequences)
  console.log(`  ${score.toFixed(3)}  ${prompts[0]}${text.replaceAll("\n", "⏎")}  (${finishReason})`);
