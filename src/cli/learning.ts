/**
 * Training a small model while somebody watches: its sizes, its text as stories, and one line for each step. Types only
 * are imported from the library, so that a program that has heed from elsewhere can use this file too.
 */
import type { BackendInfo } from "../backend/backend.ts";
import type { ModelConfig } from "../model/config.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { TrainOptions, TrainStep } from "../training/train.ts";
import { type Output, formatBar, formatCount, formatSeconds, plural, showLine } from "./terminal.ts";

/** Ends every story. */
export const END = "<|endoftext|>";

/** Size of the vocabulary, the end token included. */
export const VOCAB_SIZE = 512;

/** A model small enough to learn in about a minute on two cores. */
export function defaultConfig(vocabSize: number): ModelConfig {
  return {
    vocabSize,
    contextLength: 64,
    dModel: 96,
    nLayers: 3,
    nHeads: 4,
    dFf: 288,
    norm: "rmsNorm",
    activation: "silu",
    gated: true,
    position: "rotary",
    bias: false,
    tieEmbeddings: true,
  };
}

/** How it is trained: with so little time, many small steps teach more than few large ones. */
export const TRAINING: TrainOptions = {
  maxSteps: 2500,
  batchSize: 4,
  learningRate: 4e-3,
  minLearningRate: 2e-4,
  warmupSteps: 50,
  beta2: 0.99,
  weightDecay: 0.1,
  seed: 1,
};

/** Windows of held-out text in each evaluation: enough to see whether it learns. */
export const EVAL_WINDOWS = 24;

/** A text in two: the first nine tenths to learn from, up to the end of a line, and the rest to be judged by. */
export function holdOut(text: string): { train: string; validation: string } {
  const tenth = Math.floor(0.9 * text.length);
  const cut = text.indexOf("\n", tenth) + 1 || tenth;
  return { train: text.slice(0, cut), validation: text.slice(cut) };
}

/** Texts as tokens; blank lines part its stories, and the end token, where there is one, closes each. */
export function encodeStories(tokenizer: Tokenizer, text: string): number[] {
  const { eosId } = tokenizer;
  const stories = text
    .split(/\r?\n\r?\n/)
    .map((story) => story.trim())
    .filter((story) => story !== "");
  return stories.flatMap((story) => [...tokenizer.encode(story), ...(eosId === undefined ? [] : [eosId])]);
}

/** What there is to learn from, as a line. */
export function describeText(train: string, validation: string): string {
  return `Text: ${formatCount(train.length)} characters to learn from, ${formatCount(validation.length)} held out`;
}

/** What the tokenizer makes of it, as a line. */
export function describeTokens({ vocabSize }: Tokenizer, characters: number, tokens: number): string {
  return `Tokenizer: ${vocabSize} tokens, ${(characters / tokens).toFixed(1)} characters each: ${formatCount(tokens)} tokens`;
}

/** What computes, as a line. */
export function describeBackend({ name, threads }: BackendInfo): string {
  return `Backend: ${name}, ${plural(threads, "thread")}`;
}

/** One training step as a line. */
export function formatStep(
  { step, loss, learningRate, gradNorm, tokensPerSecond, etaSeconds, validationLoss }: TrainStep,
  maxSteps: number,
): string {
  const width = String(maxSteps).length;
  const parts = [
    `${formatBar(step / maxSteps)} step ${String(step).padStart(width)}/${maxSteps}`,
    `loss ${loss.toFixed(3)}`,
    ...(validationLoss === undefined ? [] : [`validation ${validationLoss.toFixed(3)}`]),
    `rate ${learningRate.toExponential(1)}`,
    `gradient ${gradNorm.toFixed(2)}`,
    `${Math.round(tokensPerSecond)} tokens/s`,
    `${formatSeconds(etaSeconds)} left`,
  ];
  return parts.join("  ");
}

/**
 * Runs a training, with a line that follows it; every tenth of the way a line stays.
 *
 * @param steps what `train` returns
 * @param afterStep called when a step's line is shown; `kept` says whether it stays
 * @returns the last step
 */
export async function showTraining(
  steps: AsyncIterable<TrainStep>,
  maxSteps: number,
  output: Output,
  afterStep?: (step: TrainStep, kept: boolean) => Promise<void> | void,
): Promise<TrainStep | undefined> {
  let last: TrainStep | undefined;
  for await (const step of steps) {
    last = step;
    const isTenth = step.step % Math.ceil(maxSteps / 10) === 0;
    const keep = step.validationLoss !== undefined || isTenth || step.step === maxSteps;
    showLine(output, formatStep(step, maxSteps), keep);
    await afterStep?.(step, keep);
  }
  return last;
}
