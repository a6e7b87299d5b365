/** `heed train`: a tokenizer and a small model from text. */
import { access, constants, readFile, rm, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { backend } from "../backend/current.ts";
import { AbortError, ConfigError, FileError } from "../errors.ts";
import { fileError } from "../formats/file-system.ts";
import { saveModel } from "../formats/save.ts";
import { generate } from "../generation/generate.ts";
import type { LanguageModel } from "../language-model.ts";
import { loadModel } from "../load.ts";
import { Transformer } from "../model/transformer.ts";
import { BPETokenizer } from "../tokenizer/bpe.ts";
import { tokenizerFromJSON } from "../tokenizer/tokenizer-json.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { loadCheckpoint, saveCheckpoint } from "../training/checkpoint.ts";
import { train } from "../training/train.ts";
import type { TrainOptions, TrainStep, Training, TrainingState } from "../training/train.ts";
import type { Command } from "./help.ts";
import {
  END,
  EVAL_WINDOWS,
  TRAINING,
  VOCAB_SIZE,
  defaultConfig,
  describeBackend,
  describeText,
  describeTokens,
  encodeStories,
  holdOut,
  showTraining,
} from "./learning.ts";
import { DTYPES } from "./model-options.ts";
import { UsageError, flagOf } from "./options.ts";
import type { GroupValues, OptionGroups, Options } from "./options.ts";
import { type Streams, formatSeconds, printableLines, showLine, widthOf, wrap } from "./terminal.ts";

/** The size of a new model; a model or checkpoint to begin with has its own. */
const SIZES = {
  vocabSize: { kind: "integer", help: "Tokens of the new tokenizer. Default 512." },
  contextLength: { kind: "integer", help: "Tokens that the model sees at once. Default 64." },
  dModel: { kind: "integer", help: "Width of the model. Default 96." },
  layers: { kind: "integer", help: "Number of blocks. Default 3." },
  heads: { kind: "integer", help: "Attention heads of a block, a divisor of the width. Default 4." },
  kvHeads: { kind: "integer", help: "Key/value heads of a block, a divisor of the heads. Default: as many." },
  dFf: { kind: "integer", help: "Inner width of the feed-forward layers. Default three times the width." },
} as const;

/** What is handed to `train` as it is; a checkpoint to go on from has its own. */
const LEARNING = {
  batchSize: { kind: "integer", help: "Texts in a step. Default 4." },
  accumulationSteps: { kind: "integer", help: "Batches whose gradients make one step. Default 1." },
  learningRate: { kind: "number", help: "The greatest learning rate. Default 0.004." },
  minLearningRate: { kind: "number", help: "Where it ends. Default a twentieth of the greatest." },
  warmupSteps: { kind: "integer", help: "Steps in which it rises. Default 50, but no more than a tenth of the steps." },
  weightDecay: { kind: "number", help: "How much weights shrink, as a share of the rate. Default 0.1." },
  gradClip: { kind: "number", help: "Greatest norm of the gradient. Default 1." },
  labelSmoothing: { kind: "number", help: "Share of the target spread over the vocabulary. Default 0." },
  seed: { kind: "integer", help: "Seed of weights and batches: the same seed, the same model. Default 1." },
} as const satisfies { [Name in keyof TrainOptions]: Options[string] };

const GROUPS = {
  "Where from and where to": {
    out: { kind: "text", value: "DIR", help: "A folder for the model, or a file x.gguf. Needed, but with --resume." },
    dtype: {
      kind: DTYPES,
      help: "How its weights are saved. Default f32. Folders know f32, f16, bf16; files q8_0 and q4_0, too.",
    },
    tokenizer: { kind: "text", value: "FILE", help: "A tokenizer.json to use instead of training one." },
    model: {
      kind: "text",
      value: "MODEL",
      help: "A model to train further, with its tokenizer, instead of a new one.",
    },
    resume: {
      kind: "text",
      value: "DIR",
      help: "Go on with a training that was stopped there, bit for bit as if it had not been. Give the same texts.",
    },
  },
  "The size of a new model": SIZES,
  Learning: { steps: { kind: "integer", help: "Training steps. Default 2500." }, ...LEARNING },
  "On the way": {
    sample: { kind: "text", value: "PROMPT", help: "Ten times in all, write how the model continues this." },
    saveEvery: { kind: "integer", help: "Save every N steps, for --resume. Default: at the end, and on Ctrl-C." },
    threads: { kind: "integer", help: "Threads to compute with. Default: what the processor allows." },
  },
} as const satisfies OptionGroups;

type TrainValues = GroupValues<typeof GROUPS>;

/** `heed train` */
export const trainCommand: Command = {
  name: "train",
  summary: "trains a tokenizer and a small model on text. Ctrl-C saves what was learnt.",
  usage: "train TEXT_FILE... --out DIR [options]",
  positionals: [
    [
      "TEXT_FILE",
      "texts to learn from (UTF-8); blank lines or <|endoftext|> part their pieces, a tenth is held out to judge by",
    ],
  ],
  examples: [
    ["train book.txt --out my-model", "a minute or two on a laptop"],
    ['train book.txt --out my-model --steps 500 --sample "Once upon"', "watch it learn to write"],
    ["train *.txt --out big.gguf --d-model 256 --layers 6 --heads 8 --context-length 256", "a larger one, as one file"],
    ["train book.txt --resume my-model", "after Ctrl-C"],
  ],
  groups: GROUPS,
  run: (positionals, values, streams) => runTrain(positionals, values as TrainValues, streams),
};

/** A training, ready to begin. */
interface Lesson {
  readonly lm: LanguageModel & { readonly tokenizer: Tokenizer };
  readonly training: Training;
  readonly maxSteps: number;
  /** The first words of the text. */
  readonly beginning: string;
}

/** Where things are saved: the model, and beside it or in a folder of its own what a training goes on from. */
interface Places {
  readonly out: string;
  readonly checkpoint: string;
}

async function runTrain(files: readonly string[], values: TrainValues, streams: Streams): Promise<number> {
  checkUsage(files, values);
  const out = values.out ?? values.resume ?? "";
  const places = { out, checkpoint: isFile(out) ? out.replace(/\.gguf$/i, "-checkpoint") : out };
  await checkPlace(places, values);
  if (values.threads !== undefined) backend.use("auto", { threads: values.threads });
  const lesson = await prepare(files, values, streams);
  const { stdout, signal } = streams;
  const started = performance.now();
  let last: TrainStep | undefined;
  try {
    await showTraining(lesson.training, lesson.maxSteps, stdout, async (step, kept) => {
      last = step;
      if (kept && values.sample !== undefined) await showSample(lesson.lm, values.sample, streams);
      if (step.step % (values.saveEvery ?? Infinity) === 0 && step.step < lesson.maxSteps)
        await save(lesson, places, { ...values, stopped: true });
    });
  } catch (error) {
    if (!(error instanceof AbortError) || signal?.aborted !== true) throw error;
    showLine(stdout, "", false);
    if (last === undefined) throw error;
  }
  const stopped = last !== undefined && last.step < lesson.maxSteps;
  await save(lesson, places, { ...values, stopped });
  const spent = `${stopped ? `Stopped after step ${last?.step} of ${lesson.maxSteps}` : "Trained"} in ${formatSeconds((performance.now() - started) / 1000)}`;
  const write = `Let it write:\n  heed generate ${quote([out])} ${quote([values.sample ?? lesson.beginning])}`;
  const goOn = stopped ? `\nGo on with:\n  ${resumeLine(files, values, places)}` : "";
  stdout.write(`${spent}. Saved in ${out}. ${write}${goOn}\n`);
  return stopped ? 130 : 0;
}

function checkUsage(files: readonly string[], values: TrainValues): void {
  const { out, resume, model, tokenizer, saveEvery } = values;
  if (files.length === 0) throw new UsageError("train: which text? heed train TEXT_FILE... --out DIR");
  if (out === undefined && resume === undefined)
    throw new UsageError("train: where to save the model? --out DIR, or --out x.gguf");
  if (saveEvery !== undefined && saveEvery < 1)
    throw new UsageError(`train: --save-every must be at least 1, got ${saveEvery}`);
  const sources = { resume, model, tokenizer };
  const [first, second] = Object.keys(sources).filter((name) => sources[name as keyof typeof sources] !== undefined);
  if (second !== undefined) throw new UsageError(`train: --${first} and --${second} exclude each other`);
  const fixed =
    resume !== undefined
      ? ["steps", ...Object.keys(LEARNING), ...Object.keys(SIZES)]
      : model !== undefined
        ? Object.keys(SIZES)
        : tokenizer !== undefined
          ? ["vocabSize"]
          : [];
  const stray = fixed.find((name) => name in values);
  if (stray !== undefined)
    throw new UsageError(`train: ${flagOf(stray)} is decided by what --${first} names; leave it out`);
}

/** Whether the model becomes one file. */
function isFile(out: string): boolean {
  return /\.gguf$/i.test(out);
}

/** Finds out before the work, and not after it, that a place cannot be written. */
async function checkPlace({ out }: Places, { dtype = "f32" }: TrainValues): Promise<void> {
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(out) || /\.(safetensors|bin)$/i.test(out))
    throw new UsageError(`train: --out must be a folder, or a file that ends in .gguf, got ${out}`);
  const forms = isFile(out) ? ["f32", "f16", "bf16", "q8_0", "q4_0"] : ["f32", "f16", "bf16"];
  if (!forms.includes(dtype))
    throw new UsageError(
      `train: --dtype must be ${forms.join(", ")} for ${isFile(out) ? "a .gguf file" : "a folder"}, got ${dtype}`,
    );
  const place = resolve(out);
  let at = place;
  let found = await stat(at).catch(() => undefined);
  for (; found === undefined && dirname(at) !== at; found = await stat(at).catch(() => undefined)) at = dirname(at);
  if (found?.isDirectory() === (isFile(out) && at === place))
    throw new UsageError(
      `train: --out must be a folder, or a file that ends in .gguf; ${at} is a ${isFile(out) ? "folder" : "file"}`,
    );
  await access(at, constants.W_OK).catch((cause: unknown) => {
    throw fileError("train", at, cause);
  });
}

/** Reads texts, makes or loads tokenizer and model, and says what there is. */
async function prepare(files: readonly string[], values: TrainValues, streams: Streams): Promise<Lesson> {
  const { stdout, signal } = streams;
  const { resume } = values;
  const texts = await Promise.all(files.map((file) => readText(file, signal)));
  const { train: text, validation } = holdOut(texts.join("\n\n").replaceAll(END, "\n\n"));
  stdout.write(`${describeText(text, validation)}\n`);
  const source = resume ?? values.model;
  const loaded = source === undefined ? undefined : await loadForTraining(source, signal);
  const tokenizer = loaded?.tokenizer ?? (await makeTokenizer(text, values, streams));
  const [tokens, heldOut] = [text, validation].map((part) => encodeStories(tokenizer, part));
  stdout.write(`${describeTokens(tokenizer, text.length, tokens.length)}\n`);
  const model = loaded?.model ?? new Transformer(newConfig(tokenizer, values), { seed: values.seed ?? 1 });
  stdout.write(`${printableLines(model.summary())}\n${describeBackend(await backend.ready())}\n\n`);
  const state = resume === undefined ? undefined : await readState(resume, tokens.length);
  const options = state === undefined ? newSettings(values) : settingsOf(state);
  const judged = heldOut.length > model.config.contextLength ? { validation: heldOut, evalWindows: EVAL_WINDOWS } : {};
  const training = train(model, tokens, { ...options, ...judged, ...(signal !== undefined && { signal }) });
  return {
    lm: { model, tokenizer },
    training,
    maxSteps: options.maxSteps ?? 0,
    beginning: text.trim().split(/\s+/).slice(0, 3).join(" "),
  };
}

async function readText(file: string, signal: AbortSignal | undefined): Promise<string> {
  try {
    const text = await readFile(file, { encoding: "utf8", signal });
    if (text.includes("\0")) throw new UsageError(`train: ${file} is no text: it holds zero characters`);
    return text;
  } catch (cause) {
    if (signal?.aborted === true) throw new AbortError("train", signal.reason);
    throw fileError("train", file, cause);
  }
}

/** A model whose every weight can be learnt, with its tokenizer. */
async function loadForTraining(source: string, signal: AbortSignal | undefined): Promise<Lesson["lm"]> {
  const { tokenizer, model } = await loadModel(source, { dtype: "f32", ...(signal !== undefined && { signal }) });
  if (tokenizer === undefined)
    throw new ConfigError(`train: ${source} has no tokenizer; a text cannot be read without`);
  return { model, tokenizer };
}

async function makeTokenizer(text: string, values: TrainValues, { stdout, signal }: Streams): Promise<Tokenizer> {
  if (values.tokenizer !== undefined) return tokenizerFromJSON(await readText(values.tokenizer, signal));
  const tokenizer = await BPETokenizer.trainAsync(text, {
    vocabSize: values.vocabSize ?? VOCAB_SIZE,
    specialTokens: [END],
    ...(signal !== undefined && { signal }),
    ...(stdout.isTTY === true && {
      onProgress: ({ merges, total }) => showLine(stdout, `Tokenizer: ${merges} of ${total} merges`, false),
    }),
  });
  if (stdout.isTTY === true) showLine(stdout, "", false);
  return tokenizer;
}

/** The config of a new model: that of `npm start` in other sizes. */
function newConfig({ vocabSize }: Tokenizer, values: TrainValues): ReturnType<typeof defaultConfig> {
  const config = defaultConfig(vocabSize);
  const { contextLength = config.contextLength, dModel = config.dModel, layers = config.nLayers } = values;
  const { heads = config.nHeads, kvHeads = heads, dFf = 3 * dModel } = values;
  return { ...config, contextLength, dModel, nLayers: layers, nHeads: heads, nKvHeads: kvHeads, dFf };
}

/** The settings of a new training: those of `npm start`, but for what was given. */
function newSettings(values: TrainValues): TrainOptions {
  const given = Object.fromEntries(
    Object.keys(LEARNING).flatMap((name) => (name in values ? [[name, values[name as keyof TrainValues]]] : [])),
  ) as TrainOptions;
  const { steps: maxSteps = TRAINING.maxSteps ?? 1000, learningRate = TRAINING.learningRate ?? 1e-3 } = values;
  const warmupSteps = Math.min(TRAINING.warmupSteps ?? 0, Math.floor(maxSteps / 10));
  return { ...TRAINING, minLearningRate: learningRate / 20, warmupSteps, ...given, maxSteps };
}

/** A checkpoint, if it belongs to these texts. */
async function readState(folder: string, tokens: number): Promise<TrainingState> {
  const state = await loadCheckpoint(folder).catch((cause: unknown) => {
    if (!(cause instanceof FileError)) throw cause;
    throw new ConfigError(
      `train: ${folder} has no training to go on with: it has ended, or was never there; --model ${folder} trains its model further`,
      { folder },
    );
  });
  const { trainTokens } = state.settings;
  if (tokens === trainTokens) return state;
  throw new ConfigError(
    `train: ${folder} learns from texts of ${trainTokens} tokens, these files have ${tokens}; give the same files in the same order`,
    { trainTokens, tokens },
  );
}

/** The options that a training was begun with. */
function settingsOf(resume: TrainingState): TrainOptions {
  const { trainTokens: _, ...options } = resume.settings;
  return { ...options, decay: options.decay as TrainOptions["decay"], resume };
}

async function showSample(lm: LanguageModel, prompt: string, { stdout, signal }: Streams): Promise<void> {
  const settings = { temperature: 0.7, topP: 0.95, seed: 1, maxNewTokens: 60 };
  const { text } = await generate(lm, prompt, {
    strategy: "sample",
    ...settings,
    ...(signal !== undefined && { signal }),
    onAbort: "return",
  });
  stdout.write(
    `${wrap(prompt + text, widthOf(stdout) - 4)
      .map((line) => `    ${line}\n`)
      .join("")}`,
  );
}

/** Saves the model, and of a training that is not over what it goes on from. */
async function save(
  { lm, training }: Lesson,
  { out, checkpoint }: Places,
  { dtype = "f32", stopped }: TrainValues & { stopped: boolean },
): Promise<void> {
  await saveModel(lm, out, { dtype });
  if (!stopped) {
    // What is complete cannot be resumed, and an older checkpoint belongs to another model.
    await rm(join(checkpoint, "training.safetensors"), { force: true });
    return;
  }
  if (checkpoint !== out) await saveModel(lm, checkpoint);
  await saveCheckpoint(training.state(), checkpoint);
}

/** The command that goes on with a stopped training. */
function resumeLine(files: readonly string[], { dtype }: TrainValues, { out, checkpoint }: Places): string {
  const place = checkpoint === out ? [] : ["--out", out];
  return `heed train ${quote([...files, "--resume", checkpoint, ...place, ...(dtype === undefined ? [] : ["--dtype", dtype])])}`;
}

/** Words as a shell reads them. */
function quote(words: readonly string[]): string {
  return words.map((word) => (/^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(" ");
}
