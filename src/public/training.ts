/** heed/training: from a text and a new model to a trained one. */
export { batchAt, sampleBatch, splitTokens } from "../training/data.ts";
export type { Batch } from "../training/data.ts";
export { AdamW } from "../training/optimizer.ts";
export type { AdamWOptions, OptimizerState } from "../training/optimizer.ts";
export { learningRateAt } from "../training/schedule.ts";
export type { Schedule } from "../training/schedule.ts";
export { clipFactor, gradientNorm } from "../training/clip.ts";
export { evaluate } from "../training/evaluate.ts";
export type { EvaluateOptions } from "../training/evaluate.ts";
export { Training, train } from "../training/train.ts";
export type { TrainingSettings } from "../training/settings.ts";
export type { TrainOptions, TrainStep, TrainingState } from "../training/train.ts";
export { decodeCheckpoint, encodeCheckpoint, loadCheckpoint, saveCheckpoint } from "../training/checkpoint.ts";
export { AbortError, ConfigError, DivergedError, FileError, FormatError, HeedError } from "../errors.ts";
