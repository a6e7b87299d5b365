/**
 * The whole path in one run: a text, a tokenizer, a model that learns, and texts that it writes.
 *
 *     npm start                                        train on the small English world of corpus.ts
 *     npm start -- --text FILE                         train on a text of your own
 *     npm start -- --model DIR --prompt "Once"         let a saved model write
 */
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { BPETokenizer, HeedError, Transformer, backend, evaluate, generate, loadModel, saveModel } from "heed";
import type { GenerateOptions, LanguageModel } from "heed";
import { EVAL_WINDOWS, describeBackend, describeText, describeTokens, holdOut } from "../src/cli/learning.ts";
import { formatSeconds } from "../src/cli/terminal.ts";
import { makeCorpus } from "./corpus.ts";
import {
  END,
  MODEL_FOLDER,
  TRAINING,
  VOCAB_SIZE,
  defaultConfig,
  encodeStories,
  trainWithProgress,
} from "./default-model.ts";
import { baselineLosses } from "./ngram.ts";
import { sideBySide } from "./terminal.ts";

const HELP = `Trains a small transformer and lets it write, or lets a saved one write.

  npm start                                   train on the small English world that comes with heed
  npm start -- --text FILE                    train on your own text (UTF-8; blank lines part its pieces)
  npm start -- --model DIR --prompt "..."     continue a prompt with a saved or Hugging Face model folder

  --text FILE      text to learn from
  --out DIR        where to save the model (default ${MODEL_FOLDER})
  --steps N        training steps (default ${TRAINING.maxSteps})
  --seed N         seed of weights, batches and sampling (default 1)
  --model DIR      a model folder to load instead of training
  --prompt TEXT    what to continue; may be given several times
  --tokens N       tokens to write (default 40)

Ctrl-C while training stops it and goes on with what was learnt.`;

interface Arguments {
  text?: string;
  out: string;
  steps: number;
  seed: number;
  model?: string;
  prompts: string[];
  maxNewTokens: number;
}

function readArguments(): Arguments {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    options: {
      text,
      out: text,
      steps: text,
      seed: text,
      model: text,
      tokens: text,
      prompt: { type: "string", multiple: true },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) {
    console.log(HELP);
    process.exit(0);
  }
  const { out = MODEL_FOLDER, steps = TRAINING.maxSteps, seed = 1, tokens = 40, prompt = [] } = values;
  return {
    text: values.text,
    out,
    steps: Number(steps),
    seed: Number(seed),
    model: values.model,
    prompts: prompt,
    maxNewTokens: Number(tokens),
  };
}

/** The text to learn from, the text to be judged by, and prompts that suit them. */
async function readTexts(file: string | undefined): Promise<{ train: string; validation: string; prompts: string[] }> {
  if (file === undefined) {
    return {
      ...makeCorpus(),
      prompts: ["The dog did not finish the bone because it was not", "The ship sailed across the", "One morning"],
    };
  }
  const text = await readFile(file, "utf8");
  return { ...holdOut(text), prompts: [text.slice(0, 40).split(/\s+/).slice(0, 4).join(" ")] };
}

async function trainModel({ text, out, steps, seed }: Arguments): Promise<{ lm: LanguageModel; prompts: string[] }> {
  const { train, validation, prompts } = await readTexts(text);
  console.log(describeText(train, validation));
  const tokenizer = BPETokenizer.train(train, { vocabSize: VOCAB_SIZE, specialTokens: [END] });
  const [tokens, heldOut] = [train, validation].map((part) => encodeStories(tokenizer, part));
  console.log(describeTokens(tokenizer, train.length, tokens.length));
  const model = new Transformer(defaultConfig(tokenizer.vocabSize), { seed });
  console.log(`${model.summary()}\n${describeBackend(await backend.ready())}\n`);

  const controller = new AbortController();
  const stop = (): void => controller.abort();
  process.once("SIGINT", stop);
  const started = performance.now();
  try {
    await trainWithProgress(model, tokens, {
      ...TRAINING,
      maxSteps: steps,
      warmupSteps: Math.min(TRAINING.warmupSteps ?? 0, steps),
      seed,
      validation: heldOut,
      evalWindows: EVAL_WINDOWS,
      signal: controller.signal,
    });
    console.log(`Trained in ${formatSeconds((performance.now() - started) / 1000)}`);
  } catch (error) {
    if (!controller.signal.aborted) throw error;
    console.log("\nStopped; going on with what was learnt so far.");
  }
  process.removeListener("SIGINT", stop);
  await compare(model, tokens, heldOut);
  const lm = { model, tokenizer };
  await saveModel(lm, out);
  console.log(
    `Saved in ${out}/. Load it with loadModel("${out}"), or: npm start -- --model ${out} --prompt "The sea"\n`,
  );
  return { lm, prompts };
}

/** Prints the validation loss beside those of the n-gram baselines, over the same tokens. */
async function compare(model: Transformer, tokens: readonly number[], heldOut: readonly number[]): Promise<void> {
  const { contextLength, vocabSize } = model.config;
  const loss = await evaluate(model, heldOut);
  const scored = Math.floor((heldOut.length - 1) / contextLength) * contextLength;
  const { unigram, bigram } = baselineLosses(tokens, heldOut, vocabSize, scored);
  console.log(`\nLoss on ${scored.toLocaleString("en-US")} held-out tokens, in nats per token (lower is better):`);
  console.log(
    `  unigram ${unigram.toFixed(3)}   bigram ${bigram.toFixed(3)}   transformer ${loss.toFixed(3)} = ${(loss / bigram).toFixed(2)} × bigram\n`,
  );
}

/** Continues a prompt greedily, by beam search and by sampling. */
async function write(lm: LanguageModel, prompt: string, { maxNewTokens, seed }: Arguments): Promise<void> {
  const ways: { title: string; options: GenerateOptions }[] = [
    { title: "greedy", options: { strategy: "greedy", maxNewTokens } },
    { title: "beam of 4", options: { strategy: "beam", numBeams: 4, maxNewTokens } },
    {
      title: "sampled (temperature 0.7)",
      options: { strategy: "sample", temperature: 0.7, topP: 0.95, seed, maxNewTokens },
    },
  ];
  const columns = [];
  for (const { title, options } of ways) {
    const { text, logprobs } = await generate(lm, prompt, options);
    const total = logprobs.reduce((sum, logprob) => sum + logprob, 0);
    columns.push({
      title,
      text: prompt + text,
      footer: `log-probability ${total.toFixed(2)} (${(total / Math.max(1, logprobs.length)).toFixed(2)} per token)`,
    });
  }
  console.log(`${sideBySide(columns)}\n`);
}

async function main(): Promise<void> {
  const args = readArguments();
  const { lm, prompts } =
    args.model === undefined ? await trainModel(args) : { lm: await loadModel(args.model), prompts: [""] };
  for (const prompt of args.prompts.length > 0 ? args.prompts : prompts) await write(lm, prompt, args);
}

try {
  await main();
} catch (error) {
  // What the user can put right is told in one line; anything else is a defect and keeps its stack.
  const code = (error as NodeJS.ErrnoException).code ?? "";
  if (!(error instanceof HeedError) && !/^(ERR_PARSE_ARGS|ENOENT|EACCES|EISDIR)/.test(code)) throw error;
  console.error((error as Error).message);
  process.exitCode = 1;
}
