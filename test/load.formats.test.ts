/** The same model in every format, in every type that matrices can be held in, and in words. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FormatError, HeedError } from "../src/errors.ts";
import { saveModel } from "../src/formats/save.ts";
import { generate } from "../src/generation/generate.ts";
import { describeModel, loadModel } from "../src/load.ts";
import { presets } from "../src/model/config.ts";
import { Transformer } from "../src/model/transformer.ts";
import { describeBackends } from "./backends.ts";
import { dataPath, describeWithData } from "./data.ts";
import { FileServer } from "./formats/file-server.ts";
import { folderOf, ggufOf } from "./formats/model-files.ts";
import { expectClose } from "./golden.ts";

describeWithData("stories260K in every format", () => {
  describeBackends(() => {
    const story = readFileSync(dataPath("stories260K/reference/greedy-200.txt"), "utf8").trim();

    it.each<[string, number, string | undefined]>([
      ["", 1e-4, story],
      ["model.safetensors", 1e-4, story],
      ["gguf/stories260K-f32.gguf", 1e-4, story],
      ["gguf/stories260K-F16.gguf", 2e-2, story],
      ["gguf/stories260K-Q8_0.gguf", 0.4, undefined],
      ["reference/stories260K.bin", 1e-4, story],
    ])("stories260K/%s: logits within %d of llama2.c's, and its story", async (file, tolerance, expected) => {
      const lm = await loadModel(dataPath("stories260K", file));
      const tokens = readFileSync(dataPath("stories260K/reference/tokens-prompt-64.txt"), "utf8").trim().split(/\s+/);
      const bytes = Uint8Array.from(readFileSync(dataPath("stories260K/reference/logits-prompt-64x512.f32")));
      const logits = new Float32Array(bytes.buffer);
      const { data } = lm.model.forward(tokens.map(Number));
      expect(logits.reduce((error, value, i) => Math.max(error, Math.abs(data[i] - value)), 0)).toBeLessThan(tolerance);
      if (expected === undefined) return;
      const { text } = await generate(lm, "", { maxNewTokens: 200 });
      expect(text.trim()).toBe(expected);
      const prompt = lm.tokenizer?.encode("One day, Tom and Sue", { addSpecialTokens: true }) ?? [];
      expect(prompt).toEqual(tokens.slice(0, prompt.length).map(Number));
      expect(prompt.length).toBeGreaterThan(3);
    });
  });
});

/** How far logits may be from those of 32-bit floats. */
const TOLERANCES = { f32: 1e-6, f16: 1e-2, bf16: 5e-2, q8_0: 0.03, q4_0: 0.5 } as const;

describe("dtype", () => {
  const half = presets.llama({ vocabSize: 300, contextLength: 8, dModel: 64, nLayers: 2, nHeads: 2, dFf: 64 });

  it("says how matrices are held, and summary() how they came to be so", async () => {
    const source = new Transformer(half, { seed: 1 });
    const files = new Map<string, Uint8Array>();
    await saveModel({ model: source }, files);
    const lines: Record<string, string | undefined> = {};
    for (const dtype of [undefined, "f32", "f16", "bf16", "q8_0", "q4_0"] as const) {
      const { model } = await loadModel(files, { dtype });
      lines[dtype ?? "as stored"] = model.summary().split("\n").at(-1)?.trim();
      const logits = model.forward([1, 2, 3]);
      expectClose(logits, source.forward([1, 2, 3]), TOLERANCES[dtype ?? "f32"], dtype ?? "as stored");
      model.dispose();
    }
    expect(lines).toEqual({
      "as stored": "weights: 0.384 MB as f32, from model.safetensors",
      f32: "weights: 0.384 MB as f32, from model.safetensors",
      f16: "weights: 0.193 MB as f16 and f32, from model.safetensors, F32 → f16",
      bf16: "weights: 0.193 MB as bf16 and f32, from model.safetensors, F32 → bf16",
      q8_0: "weights: 0.103 MB as f32 and q8_0, from model.safetensors, F32 → q8_0",
      q4_0: "weights: 0.0551 MB as f32 and q4_0, from model.safetensors, F32 → q4_0",
    });
  });

  it("f32 is what can be trained", async () => {
    const files = new Map<string, Uint8Array>();
    await saveModel({ model: new Transformer(half) }, files);
    for (const [dtype, trains] of [
      ["f32", true],
      ["bf16", false],
    ] as const) {
      const { model } = await loadModel(files, { dtype });
      expect(model.tokenEmbedding.weight.requiresGrad).toBe(trains);
    }
  });
});

describe("over the network", () => {
  const sizes = { vocabSize: 90, contextLength: 4, dModel: 64, nLayers: 3, nHeads: 2, nKvHeads: 1, dFf: 64 };
  const model = new Transformer(presets.llama(sizes), { seed: 1 });

  it("a folder and a GGUF file load in few requests, and are described in few bytes", async () => {
    const server = await FileServer.start();
    try {
      for (const [name, bytes] of [...folderOf(model), ["m.gguf", ggufOf(model)] as const])
        server.files.set(`/m/${name}`, { bytes });
      for (const path of ["/m", "/m/m.gguf"]) {
        const loaded = await loadModel(server.url(path));
        expect(loaded.model.forward([1, 2]).data).toEqual(model.forward([1, 2]).data);
        const weights = server.requests.filter((request) => /model\.safetensors$|gguf/.test(request.path));
        expect(weights.length).toBeLessThanOrEqual(2);
        server.requests.length = 0;
      }
      expect(await describeModel(server.url("/m"))).toMatchObject({ format: "safetensors", architecture: "llama" });
      expect(server.open).toBe(0);
      await expect(loadModel(server.url("/nothing"))).rejects.toThrow(
        "a .gguf or .bin file has to be named in the address",
      );
    } finally {
      await server.stop();
    }
  });

  it("a wrong sum is refused", async () => {
    const files = folderOf(model);
    await expect(loadModel(files, { integrity: { "model.safetensors": "0".repeat(64) } })).rejects.toThrow(FormatError);
    const sum = createHash("sha256")
      .update(files.get("model.safetensors") as Uint8Array)
      .digest("hex");
    await expect(loadModel(files, { integrity: { "model.safetensors": sum } })).resolves.toBeDefined();
  });
});

describe("damaged files", () => {
  const sizes = { vocabSize: 9, contextLength: 4, dModel: 32, nLayers: 1, nHeads: 2, nKvHeads: 1, dFf: 32 };
  const model = new Transformer(presets.llama(sizes), { seed: 1 });

  it.each([
    ["safetensors", folderOf(model, "F16")],
    ["gguf", new Map([["m.gguf", ggufOf(model, "Q8_0")]])],
  ])("load or are refused in words: %s", async (_, files) => {
    const change = fc.record({
      file: fc.constantFrom(...files.keys()),
      at: fc.nat(),
      byte: fc.nat(255),
      length: fc.option(fc.nat(), { nil: undefined, freq: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        const damaged = new Map([...files].map(([name, bytes]) => [name, bytes.slice()]));
        for (const { file, at, byte, length } of changes) {
          const bytes = damaged.get(file) as Uint8Array;
          bytes[at % Math.min(bytes.length, 2000)] = byte; // most of the headers
          if (length !== undefined) damaged.set(file, bytes.slice(0, length % bytes.length));
        }
        const error: unknown = await loadModel(damaged).then(
          ({ model: loaded }) => loaded.dispose(),
          (reason: unknown) => reason,
        );
        if (error !== undefined) expect(error).toBeInstanceOf(HeedError);
      }),
      { numRuns: 300 },
    );
  });
});

describeWithData("describeModel", () => {
  it("tells a model without reading its weights", async () => {
    const { tensors, config: found, ...rest } = await describeModel(dataPath("stories260K/gguf/stories260K-Q8_0.gguf"));
    expect(rest).toEqual({
      format: "gguf",
      architecture: "llama",
      parameters: 292_800,
      bytes: 364_768,
      heldBytes: 364_768,
      dtypes: {
        Q8_0: { tensors: 32, numbers: 237_056, bytes: 251_872 },
        F32: { tensors: 11, numbers: 704, bytes: 2816 },
        F16: { tensors: 5, numbers: 55_040, bytes: 110_080 },
      },
      contextLength: 512,
      vocabSize: 512,
      tokenizer: { kind: "llama", vocabSize: 512, chatTemplate: false },
      files: [{ name: "stories260K-Q8_0.gguf", bytes: 379_168 }],
    });
    expect(found).toMatchObject({ dModel: 64, nLayers: 5 });
    expect(tensors).toHaveLength(48);
    expect(tensors.find(({ name }) => name === "blk.0.ffn_down.weight")).toEqual({
      ...{ name: "blk.0.ffn_down.weight", shape: [64, 172], dtype: "F16" },
      ...{ file: "stories260K-Q8_0.gguf", bytes: 22_016 },
    });
    expect(JSON.parse(JSON.stringify(rest))).toEqual(rest);
  });

  it("is the same for every format", async () => {
    const [folder, file] = await Promise.all(
      ["", "reference/stories260K.bin"].map((name) => describeModel(dataPath("stories260K", name))),
    );
    expect(folder).toMatchObject({
      format: "safetensors",
      architecture: "llama",
      parameters: 260_032,
      tokenizer: { kind: "BPE" },
    });
    expect(file).toMatchObject({ format: "llama2c", architecture: "llama2.c", parameters: 260_032 });
    expect(folder.tokenizer?.vocabSize).toBe(file.tokenizer?.vocabSize);
    expect(folder.files.map(({ name }) => name).sort()).toEqual([
      "config.json",
      "model.safetensors",
      "tokenizer.json",
      "tokenizer_config.json",
    ]);
  });
});
