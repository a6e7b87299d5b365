/** What is saved is loaded again, bit for bit: models of every family, with and without a tokenizer. */
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { AbortError, ConfigError, FileError } from "../../src/errors.ts";
import { saveModel } from "../../src/formats/save.ts";
import type { LanguageModel } from "../../src/language-model.ts";
import { loadModel } from "../../src/load.ts";
import { presets } from "../../src/model/config.ts";
import type { ModelConfig } from "../../src/model/config.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { BPETokenizer } from "../../src/tokenizer/bpe.ts";
import { anyConfig, asModelConfig } from "./any-config.ts";

const root = mkdtempSync(join(tmpdir(), "heed-save-"));
afterAll(() => rmSync(root, { recursive: true }));

const sizes = { vocabSize: 300, contextLength: 8, dModel: 12, nLayers: 2, nHeads: 2 };
const families: Record<string, ModelConfig> = {
  gpt2: presets.gpt2(sizes),
  "gpt2 untied": presets.gpt2({ ...sizes, tieEmbeddings: false, dropout: 0.1 }),
  llama: presets.llama({ ...sizes, nKvHeads: 1 }),
  "llama tied": presets.llama({ ...sizes, tieEmbeddings: true, headDim: 4 }),
  "heed without biases": presets.gpt2({ ...sizes, bias: false }),
  "heed with sinusoids": presets.gpt2({ ...sizes, position: "sinusoidal", activation: "relu" }),
  "heed with pairs": presets.llama({ ...sizes, rotaryPairing: "pairs" }),
};
const tokenizer = BPETokenizer.train("the sea, the sea, the open sea", {
  vocabSize: 260,
  specialTokens: ["<|endoftext|>"],
});

function bitsOf(model: Transformer): Map<string, Uint8Array> {
  return new Map([...model.parameters()].map(([name, { data }]) => [name, new Uint8Array(data.slice().buffer)]));
}

function expectSame(loaded: LanguageModel, saved: LanguageModel): void {
  expect(loaded.model.config).toEqual(saved.model.config);
  expect(bitsOf(loaded.model)).toEqual(bitsOf(saved.model));
  expect(loaded.tokenizer?.toJSON()).toEqual(saved.tokenizer?.toJSON());
  expect(loaded.model.forward([1, 2, 3]).data).toEqual(saved.model.forward([1, 2, 3]).data);
}

describe("saveModel and loadModel", () => {
  it.each(Object.entries(families))("%s, through memory and through a folder", async (name, config) => {
    const lm = {
      model: new Transformer(config, { seed: 3 }),
      tokenizer,
      generationDefaults: { bosId: 0, eosIds: [0, 5], padId: 7 },
    };
    const files = new Map<string, Uint8Array>();
    await saveModel(lm, files);
    expect([...files.keys()].sort()).toEqual([
      "config.json",
      "generation_config.json",
      "model.safetensors",
      "tokenizer.json",
    ]);
    const folder = join(root, name);
    await saveModel(lm, folder);
    expect(readdirSync(folder).sort()).toEqual([...files.keys()].sort());
    for (const [file, bytes] of files) expect(Buffer.compare(readFileSync(join(folder, file)), bytes)).toBe(0);
    for (const source of [files, folder]) {
      const loaded = await loadModel(source);
      expectSame(loaded, lm);
      expect(loaded.generationDefaults).toEqual(lm.generationDefaults);
      const again = new Map<string, Uint8Array>();
      await saveModel(loaded, again);
      expect(again).toEqual(files);
    }
    expect(readdirSync(root)).toContain(name);
    expect(readdirSync(root).every((entry) => entry in families)).toBe(true);
  });

  it("models of any config", async () => {
    await fc.assert(
      fc.asyncProperty(anyConfig, fc.nat(), async (config, seed) => {
        const lm = { model: new Transformer(asModelConfig(config), { seed }) };
        const files = new Map<string, Uint8Array>();
        await saveModel(lm, files);
        const loaded = await loadModel(files);
        expect(loaded.model.config).toEqual(config);
        expect(bitsOf(loaded.model)).toEqual(bitsOf(lm.model));
      }),
      { numRuns: 100 },
    );
  });

  it("every bit of a weight, -0, infinities and NaN too", async () => {
    const model = new Transformer(families.gpt2);
    model.finalNorm.weight.data.set([-0, Infinity, -Infinity, NaN, 1e-45, 3.4e38]);
    const files = new Map<string, Uint8Array>();
    await saveModel({ model }, files);
    expect(bitsOf((await loadModel(files)).model)).toEqual(bitsOf(model));
  });

  it("without tokenizer and ids: two files, and those of an older model go", async () => {
    const model = new Transformer(families.gpt2);
    const files = new Map([["notes.txt", new Uint8Array(1)]]);
    await saveModel({ model, tokenizer, generationDefaults: { bosId: 1 } }, files);
    await saveModel({ model }, files);
    expect([...files.keys()].sort()).toEqual(["config.json", "model.safetensors", "notes.txt"]);
    const folder = join(root, "gpt2");
    await saveModel({ model }, folder);
    expect(readdirSync(folder).sort()).toEqual(["config.json", "model.safetensors"]);
    expect(await loadModel(folder)).toMatchObject({ generationDefaults: {} });
    expect((await loadModel(folder)).tokenizer).toBeUndefined();
  });

  it("ids of the tokenizer fill gaps", async () => {
    const files = new Map<string, Uint8Array>();
    await saveModel({ model: new Transformer(families.llama), tokenizer, generationDefaults: { padId: 4 } }, files);
    expect((await loadModel(files)).generationDefaults).toEqual({
      ...(tokenizer.bosId !== undefined && { bosId: tokenizer.bosId }),
      ...(tokenizer.eosId !== undefined && { eosIds: [tokenizer.eosId] }),
      padId: 4,
    });
  });
});

describe("saveModel refuses", () => {
  const model = new Transformer(presets.gpt2({ ...sizes, vocabSize: 259 }));

  it("a tokenizer with ids that the model does not have, before anything is written", async () => {
    const files = new Map<string, Uint8Array>();
    await expect(saveModel({ model, tokenizer }, files)).rejects.toThrow(
      "saveModel: the tokenizer has 260 tokens, the model only 259; build the model with vocabSize: tokenizer.vocabSize",
    );
    expect(files.size).toBe(0);
  });

  it("arguments of the wrong kind", async () => {
    const files = new Map<string, Uint8Array>();
    await expect(saveModel(model as unknown as LanguageModel, files)).rejects.toThrow(
      "saveModel: the first argument must be { model, tokenizer? }",
    );
    await expect(saveModel(undefined as unknown as LanguageModel, files)).rejects.toThrow(ConfigError);
    await expect(saveModel({ model }, null as unknown as string)).rejects.toThrow(
      "the target must be the path of a folder or a Map, got null",
    );
    await expect(saveModel({ model }, files, { sginal: 1 } as object)).rejects.toThrow(
      'saveModel: unknown option "sginal"; known options: signal',
    );
  });

  it("a place that cannot be a folder", async () => {
    const file = join(root, "gpt2", "config.json");
    await expect(saveModel({ model }, file)).rejects.toThrow(FileError);
    await expect(saveModel({ model }, join(file, "below"))).rejects.toThrow(
      "a part of the path is a file and not a folder; check the path; nothing was saved",
    );
  });

  it("to go on after an abort", async () => {
    const files = new Map<string, Uint8Array>();
    await expect(saveModel({ model }, files, { signal: AbortSignal.abort("enough") })).rejects.toThrow(AbortError);
    const folder = join(root, "llama");
    writeFileSync(join(folder, "config.json"), "old");
    await expect(saveModel({ model }, folder, { signal: AbortSignal.abort("enough") })).rejects.toThrow(AbortError);
    expect([files.size, readFileSync(join(folder, "config.json"), "utf8")]).toEqual([0, "old"]);
  });
});
