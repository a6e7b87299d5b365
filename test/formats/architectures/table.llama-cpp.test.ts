/**
 * Every architecture with a GGUF form computes what llama.cpp computes. The stored values are llama.cpp's own, for files that
 * heed has written; here the same models are made from their seeds again, saved as a GGUF file and as a folder, and read back.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { StoredAnswer, StoredAnswers } from "../../../bench/rivals/models/fixtures.ts";
import { randomModel, smallTokenizer } from "../../../bench/rivals/models/random-model.ts";
import { SHAPES, VOCABULARY, toleranceOf } from "../../../bench/rivals/models/shapes.ts";
import { backend } from "../../../src/backend/current.ts";
import { ggufArchitectures } from "../../../src/formats/gguf-config.ts";
import { saveModel } from "../../../src/formats/save.ts";
import { generate } from "../../../src/generation/generate.ts";
import { describeModel, loadModel } from "../../../src/load.ts";
import type { ModelInput } from "../../../src/load.ts";

const { answers } = JSON.parse(readFileSync(new URL("llama-cpp.json", import.meta.url), "utf8")) as StoredAnswers;

describe("llama.cpp's logits and greedy tokens of", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "heed-llama-cpp-"));
    backend.use("loops");
  });
  afterAll(() => {
    backend.use("auto");
    rmSync(folder, { recursive: true, force: true });
  });

  async function expectAnswer(input: ModelInput, { config, prompt, rows, tokens }: StoredAnswer): Promise<void> {
    const lm = await loadModel(input);
    const { vocabSize } = lm.model.config;
    const { data } = lm.model.forward(prompt);
    for (const { after, logits } of rows) {
      const allowed = toleranceOf(config) * Math.max(1e-3, ...logits.map(Math.abs));
      expect(logits).toHaveLength(vocabSize);
      logits.forEach((logit, i) => {
        const ours = data[(after - 1) * vocabSize + i];
        expect(Math.abs(ours - logit), `logit ${i} after ${after} tokens`).toBeLessThanOrEqual(allowed);
      });
    }
    const written = await generate({ model: lm.model }, prompt, { maxNewTokens: tokens.length, eosIds: [] });
    expect(written.tokens).toEqual(tokens);
  }

  it.each(answers)("$name", async (answer) => {
    const { name, architecture, config, seed } = answer;
    const lm = { model: randomModel(config, seed), tokenizer: smallTokenizer(VOCABULARY.tokenizer) };
    const path = join(folder, `${name.replaceAll(/\W+/g, "-")}.gguf`);
    await saveModel(lm, path, { dtype: "f32" });
    expect((await describeModel(path)).architecture).toBe(architecture);
    await expectAnswer(path, answer);
    const files = new Map<string, Uint8Array>();
    await saveModel(lm, files, { dtype: "f32" });
    await expectAnswer(files, answer);
  });

  it("every architecture are stored", () => {
    expect([...new Set(answers.map(({ architecture }) => architecture))].sort()).toEqual(ggufArchitectures().sort());
    expect(answers.map(({ name }) => name)).toEqual(SHAPES.filter(({ stored }) => stored).map(({ name }) => name));
  });
});
