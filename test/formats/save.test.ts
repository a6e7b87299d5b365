/** What is saved is loaded again, bit for bit: models of every family, with and without a tokenizer. */
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, rmdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { AbortError, ConfigError, FileError } from "../../src/errors.ts";
import { modelTypeOf } from "../../src/formats/config-json.ts";
import { readGGUFHeader } from "../../src/formats/gguf-header.ts";
import { fromHuggingFace } from "../../src/formats/names.ts";
import { bytesOf } from "../../src/formats/parts.ts";
import { quantize } from "../../src/formats/quantized/blocks.ts";
import { readSafetensors } from "../../src/formats/safetensors.ts";
import type { SafetensorsFile } from "../../src/formats/safetensors.ts";
import { saveModel } from "../../src/formats/save.ts";
import type { SaveOptions } from "../../src/formats/save.ts";
import type { LanguageModel } from "../../src/language-model.ts";
import { loadModel } from "../../src/load.ts";
import { presets } from "../../src/model/config.ts";
import type { ModelConfig } from "../../src/model/config.ts";
import { Transformer, canBeStored } from "../../src/model/transformer.ts";
import { StoredMatrix } from "../../src/tensor/stored.ts";
import type { StoredType } from "../../src/tensor/stored.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
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

/** The same model with its matrices in a smaller form. */
function storedModel(config: ModelConfig, type: StoredType): Transformer {
  const bits = { f16: 16, bf16: 16, q8_0: 8.5, q4_0: 4.5 }[type];
  const parameters = new Map<string, Float32Array | Tensor>();
  for (const [name, { shape, data }] of new Transformer(config, { seed: 3 }).parameters()) {
    const [rows, cols] = shape;
    const bytes = new Uint8Array((data.length * bits) / 8);
    const isMatrix = canBeStored(name, shape);
    if (isMatrix) quantize(type.toUpperCase() as "F16", data, bytes);
    // Vectors get numbers that all types hold.
    const coarse = data.map((value) => Math.round(value * 8) / 8);
    parameters.set(name, isMatrix ? Tensor.ofStored(new StoredMatrix(type, [rows, cols], bytes)) : coarse);
  }
  return new Transformer(config, { parameters });
}

async function savedFiles(lm: LanguageModel, options: SaveOptions = {}): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  await saveModel(lm, files, options);
  return files;
}

function readFiles(files: ReadonlyMap<string, Uint8Array>): { torch: unknown; file: SafetensorsFile } {
  const config = JSON.parse(new TextDecoder().decode(files.get("config.json"))) as { torch_dtype?: string };
  return { torch: config.torch_dtype, file: readSafetensors(files.get("model.safetensors") as Uint8Array) };
}

const dtypesOf = (file: SafetensorsFile): Set<string> => new Set(file.names.map((name) => file.tensor(name).dtype));

describe("the type of the numbers", () => {
  const wide = { vocabSize: 300, contextLength: 8, dModel: 64, nLayers: 2, nHeads: 2, dFf: 96 };
  const configs = [presets.gpt2(wide), presets.llama(wide), presets.gpt2({ ...wide, bias: false })];

  it.each([
    ["f16", "F16", "float16"],
    ["bf16", "BF16", "bfloat16"],
  ] as const)("%s goes out as it is held, bit for bit", async (type, dtype, torch) => {
    for (const config of configs) {
      const model = storedModel(config, type);
      const files = await savedFiles({ model });
      const read = readFiles(files);
      expect([...dtypesOf(read.file)]).toEqual([dtype]);
      expect(read.torch).toBe(config === configs[2] ? undefined : torch);
      for (const [name, bytes] of await savedFiles({ model }, { dtype: type }))
        expect(Buffer.compare(bytes, files.get(name) as Uint8Array), name).toBe(0);
      const found = fromHuggingFace(
        { type: modelTypeOf(model.config), config: model.config },
        new Map(read.file.names.map((name) => [name, read.file.tensor(name)])),
      );
      for (const [name, { data }] of model.parameters())
        expect(Buffer.compare(bytesOf(found.get(name)?.data as Float32Array), bytesOf(data)), name).toBe(0);
    }
  });

  it.each(["f16", "bf16"] as const)("%s comes back as it was, and goes out again as the same file", async (type) => {
    for (const config of configs) {
      const files = await savedFiles({ model: storedModel(config, type) });
      const loaded = await loadModel(files);
      expect(loaded.model.parameters().get("tokenEmbedding.weight")?.stored?.type).toBe(type);
      for (const [name, bytes] of await savedFiles(loaded))
        expect(Buffer.compare(bytes, files.get(name) as Uint8Array), name).toBe(0);
    }
  });

  it("of blocks becomes that of 32-bit floats", async () => {
    for (const type of ["q8_0", "q4_0"] as const) {
      const model = storedModel(presets.llama(wide), type);
      const { file, torch } = readFiles(await savedFiles({ model }));
      expect([[...dtypesOf(file)], torch]).toEqual([["F32"], "float32"]);
      const { data } = model.parameters().get("blocks.1.attention.qProj.weight") as Tensor;
      expect(file.tensor("model.layers.1.self_attn.q_proj.weight").data).toEqual(data);
    }
  });

  it("of vectors stays where the matrices' own would round them; 32-bit floats come first", async () => {
    const model = storedModel(presets.llama(wide), "bf16");
    model.finalNorm.weight.data[0] = 0.1;
    const { file, torch } = readFiles(await savedFiles({ model }));
    expect(torch).toBe("float32");
    const dtypes = file.names.map((name) => file.tensor(name).dtype);
    expect(dtypes.join(" ")).toMatch(/^(F32 ){5}(BF16 ?)+$/);
    expect(file.tensor("model.norm.weight").data[0]).toBe(Math.fround(0.1));
  });

  it("is what was asked for", async () => {
    const model = new Transformer(presets.gpt2(wide), { seed: 3 });
    const { file, torch } = readFiles(await savedFiles({ model }, { dtype: "f16" }));
    expect([[...dtypesOf(file)], torch]).toEqual([["F16"], "float16"]);
    const [exact] = model.parameters().get("blocks.0.feedForward.upProj.weight")?.data ?? [];
    expect(Math.abs(file.tensor("h.0.mlp.c_fc.weight").data[0] - exact)).toBeLessThan(1e-4);
    const back = readFiles(await savedFiles({ model: storedModel(presets.gpt2(wide), "bf16") }, { dtype: "f32" }));
    expect([[...dtypesOf(back.file)], back.torch]).toEqual([["F32"], "float32"]);
  });

  it("must be one that the place has", async () => {
    const lm = { model: new Transformer(families.gpt2) };
    const saving = (dtype: string, target: string | Map<string, Uint8Array>): Promise<void> =>
      saveModel(lm, target, { dtype: dtype as "f16" });
    await expect(saving("q8_0", new Map())).rejects.toThrow(
      'saveModel: dtype must be one of f32, f16, bf16, got "q8_0"; the path of a file ending in ".gguf" can have it',
    );
    await expect(saving("q4_0", join(root, "never"))).rejects.toThrow(ConfigError);
    await expect(saving("f8", join(root, "x.gguf"))).rejects.toThrow(
      'saveModel: dtype must be one of f32, f16, bf16, q8_0, q4_0, got "f8"',
    );
    expect(readdirSync(root)).not.toContain("never");
  });
});

describe("one GGUF file", () => {
  it("is written under its name, and replaced; save-gguf.test.ts knows what is in it", async () => {
    const lm = { model: new Transformer(families.gpt2, { seed: 1 }), tokenizer };
    const path = join(root, "models", "tiny.v1.gguf");
    await saveModel(lm, path);
    const { metadata } = readGGUFHeader(readFileSync(path));
    expect(metadata.get("general.name")).toBe("tiny.v1");
    await saveModel(lm, path, { dtype: "f16" });
    expect(readGGUFHeader(readFileSync(path)).metadata.get("general.file_type")).toBe(1);
    expect(readdirSync(join(root, "models"))).toEqual(["tiny.v1.gguf"]);
  });

  it.each(["f32", "f16", "bf16", "q8_0", "q4_0"] as const)("comes back as it was: %s", async (type) => {
    const config = presets.llama({ vocabSize: 300, contextLength: 8, dModel: 64, nLayers: 2, nHeads: 2, dFf: 96 });
    const model = type === "f32" ? new Transformer(config, { seed: 1 }) : storedModel(config, type);
    const generationDefaults = { bosId: 0, eosIds: [0, 5], padId: 7 };
    const path = join(root, `${type}.gguf`);
    await saveModel({ model, tokenizer, generationDefaults }, path);
    const loaded = await loadModel(path);
    expect(loaded.model.config).toEqual(model.config);
    expect(loaded.generationDefaults).toEqual(generationDefaults);
    expect(loaded.tokenizer?.encode("the open sea")).toEqual(tokenizer.encode("the open sea"));
    const bytes = (parameter: Tensor): Uint8Array => parameter.stored?.bytes ?? bytesOf(parameter.data);
    const parameters = loaded.model.parameters();
    for (const [name, parameter] of model.parameters()) {
      const found = parameters.get(name) as Tensor;
      expect([name, found.stored?.type]).toEqual([name, parameter.stored?.type]);
      expect(Buffer.compare(bytes(found), bytes(parameter)), name).toBe(0);
    }
    const again = join(root, `${type}.again.gguf`);
    await saveModel(loaded, again);
    const weights = (file: string): Buffer => readFileSync(file).subarray(readGGUFHeader(readFileSync(file)).dataStart);
    expect(Buffer.compare(weights(again), weights(path))).toBe(0);
    rmSync(path);
    rmSync(again);
  });

  it("fails if the model is disposed of meanwhile, whoever has its memory then", async () => {
    const folder = join(root, "disposed");
    const model = new Transformer(presets.gpt2({ ...sizes, dModel: 24 }), { seed: 1 });
    model.forward([1]); // moves it into the memory of the backend
    const saving = saveModel({ model }, folder);
    model.dispose();
    await expect(saving).rejects.toThrow("after release");
    expect(readdirSync(root)).not.toContain("disposed");
  });

  it("leaves nothing behind if it cannot be written", async () => {
    const model = new Transformer(families.gpt2);
    const before = readdirSync(root);
    const path = join(root, "new", "x.gguf");
    const signal = AbortSignal.abort("enough");
    await expect(saveModel({ model }, path, { signal })).rejects.toThrow(AbortError);
    await expect(saveModel({ model: new Transformer(families["heed with pairs"]) }, path)).rejects.toThrow(
      "no architecture of GGUF files",
    );
    mkdirSync(join(root, "a folder.gguf"));
    await expect(saveModel({ model }, join(root, "a folder.gguf"))).rejects.toThrow("this is a folder");
    rmdirSync(join(root, "a folder.gguf"));
    expect(readdirSync(root)).toEqual(before);
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
      "the target must be the path of a folder or of a .gguf file, or a Map, got null",
    );
    await expect(saveModel({ model }, files, { sginal: 1 } as object)).rejects.toThrow(
      'saveModel: unknown option "sginal"; known options: dtype, signal',
    );
  });

  it("the name of a file that would become a folder", async () => {
    await expect(
      saveModel({ model: new Transformer(presets.gpt2(sizes)) }, join(root, "x.safetensors")),
    ).rejects.toThrow("pass the path of a folder, or of a .gguf file");
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
