/** What a checkpoint remembers of how it was made. */
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { checkSameSettings, isTrainingSettings } from "../../src/training/settings.ts";
import type { TrainingSettings } from "../../src/training/settings.ts";
import { expectError } from "../expect-error.ts";

const settings: TrainingSettings = {
  maxSteps: 12,
  batchSize: 3,
  seqLen: 8,
  accumulationSteps: 2,
  learningRate: 1e-3,
  minLearningRate: 1e-4,
  warmupSteps: 3,
  gradClip: 1,
  labelSmoothing: 0,
  seed: 5,
  trainTokens: 160,
  beta1: 0.9,
  beta2: 0.95,
  eps: 1e-8,
  weightDecay: 0.1,
  decay: "matrices",
};

describe("isTrainingSettings", () => {
  it("knows them by every name and kind, also after JSON", () => {
    expect(isTrainingSettings(settings)).toBe(true);
    expect(isTrainingSettings(JSON.parse(JSON.stringify(settings)))).toBe(true);
    for (const name of Object.keys(settings)) {
      const { [name as keyof TrainingSettings]: _, ...rest } = settings;
      expect(isTrainingSettings(rest), `without ${name}`).toBe(false);
      expect(isTrainingSettings({ ...settings, [name]: null }), `${name}: null`).toBe(false);
    }
    for (const other of [undefined, null, 5, "settings", [], {}, { ...settings, momentum: 0.9 }])
      expect(isTrainingSettings(other)).toBe(false);
  });
});

describe("checkSameSettings", () => {
  it("accepts the same and names the first that differs, with both values", () => {
    expect(checkSameSettings({ ...settings }, settings)).toBeUndefined();
    for (const [name, value] of Object.entries(settings)) {
      const given = typeof value === "number" ? value + 1 : "all";
      expectError(
        () => checkSameSettings({ ...settings, [name]: given }, settings),
        ConfigError,
        `train: resume was made with ${name} ${value}, got ${given}; only with the same settings does it go on bit for bit. For others, start a new training from the saved model`,
      );
    }
  });
});
