/** The learning rate over time. */
import { cos } from "../backend/math.ts";

const PI = 3.141592653589793;

/** Shape of a schedule. */
export interface Schedule {
  /** The greatest learning rate, reached after the warm-up. */
  learningRate: number;
  /** Where the fall ends: the last step comes close to it, a step after the last would have it. */
  minLearningRate: number;
  /** Steps of linear rise from 0. */
  warmupSteps: number;
  /** Steps in all. */
  maxSteps: number;
}

/**
 * Linear warm-up, then half a cosine down to the minimum (Loshchilov & Hutter 2016, SGDR, eq. 5).
 *
 * @param step counts from 0
 */
export function learningRateAt(
  step: number,
  { learningRate, minLearningRate, warmupSteps, maxSteps }: Schedule,
): number {
  if (step < warmupSteps) return (learningRate * (step + 1)) / (warmupSteps + 1);
  if (step >= maxSteps) return minLearningRate;
  const share = (step - warmupSteps) / Math.max(1, maxSteps - warmupSteps);
  return minLearningRate + 0.5 * (1 + cos(PI * share)) * (learningRate - minLearningRate);
}
