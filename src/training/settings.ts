/** What the numbers of a training depend on besides the model and the text, so that a checkpoint knows how it was made. */
import { ConfigError } from "../errors.ts";
import type { AdamWOptions } from "./optimizer.ts";
import type { Schedule } from "./schedule.ts";

/** The options of `train` that decide its numbers, defaults filled in. */
export interface TrainingSettings extends Schedule, Required<AdamWOptions> {
  /** Sequences in a batch. */
  batchSize: number;
  /** Tokens in a sequence. */
  seqLen: number;
  /** Batches whose gradients are averaged into one step. */
  accumulationSteps: number;
  /** Greatest norm of the gradient; 0 for no limit. */
  gradClip: number;
  /** Share of the target probability spread evenly over the vocabulary. */
  labelSmoothing: number;
  /** Seed of batches and dropout. */
  seed: number;
  /** Number of tokens to learn from, those kept for validation not among them. */
  trainTokens: number;
}

/** What kind of value each setting has; one without a row here does not compile. */
const KINDS: Readonly<Record<keyof TrainingSettings, "number" | "string">> = {
  maxSteps: "number",
  batchSize: "number",
  seqLen: "number",
  accumulationSteps: "number",
  learningRate: "number",
  minLearningRate: "number",
  warmupSteps: "number",
  gradClip: "number",
  labelSmoothing: "number",
  seed: "number",
  trainTokens: "number",
  beta1: "number",
  beta2: "number",
  eps: "number",
  weightDecay: "number",
  decay: "string",
};
const NAMES = Object.keys(KINDS) as (keyof TrainingSettings)[];

/** Whether a value from elsewhere has every setting, and nothing else. */
export function isTrainingSettings(value: unknown): value is TrainingSettings {
  if (typeof value !== "object" || value === null) return false;
  const settings = value as Record<string, unknown>;
  return Object.keys(settings).length === NAMES.length && NAMES.every((name) => typeof settings[name] === KINDS[name]);
}

/**
 * Checks that a training goes on with the settings it began with.
 *
 * @throws ConfigError that names the first setting that differs, with both values
 */
export function checkSameSettings(given: TrainingSettings, saved: TrainingSettings): void {
  const name = NAMES.find((each) => given[each] !== saved[each]);
  if (name === undefined) return;
  throw new ConfigError(
    `train: resume was made with ${name} ${saved[name]}, got ${given[name]}; only with the same settings does it go on bit for bit. For others, start a new training from the saved model`,
    { option: name, saved: saved[name], given: given[name] },
  );
}
