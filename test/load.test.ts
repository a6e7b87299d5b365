/** Whole models from their files: logits against other implementations, and every way in which files can be wrong. */
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { AbortError, ConfigError, FileError, FormatError } from "../src/errors.ts";
import { readSafetensors } from "../src/formats/safetensors.ts";
import { writeSafetensors } from "../src/formats/safetensors-writer.ts";
import { saveModel } from "../src/formats/save.ts";
import { describeModel, loadModel } from "../src/load.ts";
import type { LoadProgress } from "../src/load.ts";
import { presets } from "../src/model/config.ts";
import { Transformer } from "../src/model/transformer.ts";
import { BPETokenizer } from "../src/tokenizer/bpe.ts";
import { Tensor } from "../src/tensor/tensor.ts";
import { describeBackends } from "./backends.ts";
import { dataPath, describeWithData } from "./data.ts";
import { expectClose, pick, readGolden } from "./golden.ts";

/** The numbers of a file of raw 32-bit floats. */
function readFloats(...path: string[]): Float32Array {
  const bytes = readFileSync(dataPath(...path));
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

describeWithData("logits of loaded models", () => {
  describeBackends(() => {
    it.each(["gpt2-tiny", "llama-tiny"])("%s as PyTorch has them", async (name) => {
      const { model } = await loadModel(dataPath("golden", name));
      const reference = readGolden(dataPath("golden", name, "reference.safetensors"));
      const batches = pick(reference, "batches").toArray() as number[][][];
      const logits = model.forward(batches[0].map((row) => row.slice(0, 16)));
      expectClose(logits, pick(reference, "logits"), 1e-4, `${name} logits`);
    });

    it("tiny-gpt2 as onnxruntime has them", async () => {
      const { model, tokenizer, generationDefaults } = await loadModel(dataPath("tiny-gpt2"));
      const { input_ids: tokens } = JSON.parse(readFileSync(dataPath("tiny-gpt2/logits-input.json"), "utf8")) as {
        input_ids: number[];
      };
      const logits = model.forward(tokens);
      expectClose(
        logits,
        new Tensor(readFloats("tiny-gpt2/logits-7x1000.f32"), [1, 7, 1000]),
        1e-5,
        "tiny-gpt2 logits",
      );
      expect(tokenizer).toBeUndefined();
      expect(generationDefaults).toEqual({ bosId: 98, eosIds: [98], padId: 98 });
    });

    it.each(["bos", "prompt"])("stories260K as llama2.c has them (%s)", async (run) => {
      const { model, tokenizer, generationDefaults } = await loadModel(dataPath("stories260K"));
      const tokens = readFileSync(dataPath("stories260K/reference", `tokens-${run}-64.txt`), "utf8")
        .trim()
        .split(/\s+/)
        .map(Number);
      const expected = readFloats("stories260K/reference", `logits-${run}-64x512.f32`);
      const { data } = model.forward(tokens);
      let error = 0;
      for (let i = 0; i < expected.length; i++) error = Math.max(error, Math.abs(data[i] - expected[i]));
      if (process.env.HEED_ERRORS !== undefined) console.log(`stories260K ${run}: ${error.toExponential(1)} absolute`);
      expect(error).toBeLessThanOrEqual(1e-4);
      expect(tokenizer?.vocabSize).toBe(512);
      expect(generationDefaults).toEqual({ bosId: 1, eosIds: [2] });
    });

    it("a folder written by others is saved with the same tensors", async () => {
      for (const name of ["golden/gpt2-tiny", "golden/llama-tiny", "stories260K"]) {
        const files = new Map<string, Uint8Array>();
        await saveModel(await loadModel(dataPath(name)), files);
        const theirs = readSafetensors(readFileSync(dataPath(name, "model.safetensors")));
        const ours = readSafetensors(files.get("model.safetensors") as Uint8Array);
        expect(ours.names.sort()).toEqual(theirs.names.sort());
        for (const tensor of ours.names) expect(ours.tensor(tensor)).toEqual(theirs.tensor(tensor));
      }
    });
  });
});

const config = presets.gpt2({ vocabSize: 300, contextLength: 8, dModel: 12, nLayers: 2, nHeads: 2 });
const tokenizer = BPETokenizer.train("the sea, the sea", { vocabSize: 258 });
const root = mkdtempSync(join(tmpdir(), "heed-load-"));
afterAll(() => rmSync(root, { recursive: true }));

/** The files of a small GPT-2. */
async function smallModel(overrides: object = {}): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  await saveModel(
    { model: new Transformer({ ...config, ...overrides }, { seed: 1 }), tokenizer, generationDefaults: { bosId: 3 } },
    files,
  );
  return files;
}

function json(value: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** Replaces fields of the config. */
function reconfigure(files: Map<string, Uint8Array>, fields: object): void {
  const before = JSON.parse(new TextDecoder().decode(files.get("config.json"))) as object;
  files.set("config.json", json({ ...before, ...fields }));
}

describe("options", () => {
  it("contextLength cuts learned positions and leaves the logits as they are", async () => {
    const files = await smallModel();
    const [whole, cut] = [await loadModel(files), await loadModel(files, { contextLength: 5 })];
    expect(cut.model.config).toEqual({ ...whole.model.config, contextLength: 5 });
    expect(cut.model.positionEmbedding?.weight.shape).toEqual([5, 12]);
    expect(cut.model.forward([1, 2, 3, 4, 5]).data).toEqual(whole.model.forward([1, 2, 3, 4, 5]).data);
    await expect(loadModel(files, { contextLength: 9 })).rejects.toThrow(
      "loadModel: contextLength 9 exceeds the model's table of 8 learned positions",
    );
    await expect(loadModel(files, { contextLength: 9 })).rejects.toThrow(ConfigError);
  });

  it.each([{ position: "sinusoidal" }, { position: "rotary" }])(
    "contextLength may lengthen computed positions: %j",
    async (overrides) => {
      const files = await smallModel(overrides);
      const [whole, longer] = [await loadModel(files), await loadModel(files, { contextLength: 20 })];
      expect(longer.model.config.contextLength).toBe(20);
      expect(longer.model.forward([1, 2, 3]).data).toEqual(whole.model.forward([1, 2, 3]).data);
      expect(longer.model.forward(new Array<number>(20).fill(1)).shape).toEqual([1, 20, 300]);
    },
  );

  it("onProgress counts the bytes of all files", async () => {
    const folder = join(root, "progress");
    const files = await smallModel();
    await saveModel(await loadModel(files), folder);
    for (const source of [files, folder]) {
      const reports: LoadProgress[] = [];
      await loadModel(source, { onProgress: (progress) => reports.push(progress) });
      const totalBytes = [...files.values()].reduce((sum, bytes) => sum + bytes.length, 0);
      expect(new Set(reports.map(({ file }) => file))).toEqual(new Set(files.keys()));
      expect(
        reports.every(
          (report, i) => report.totalBytes === totalBytes && report.loadedBytes > (reports[i - 1]?.loadedBytes ?? 0),
        ),
      ).toBe(true);
      expect(reports.at(-1)?.loadedBytes).toBe(totalBytes);
    }
  });

  it("signal stops before and while reading", async () => {
    const files = await smallModel();
    await expect(loadModel(files, { signal: AbortSignal.abort("enough") })).rejects.toMatchObject({
      code: "aborted",
      cause: "enough",
    });
    for (const source of [files, join(root, "progress")]) {
      const controller = new AbortController();
      const loading = loadModel(source, {
        signal: controller.signal,
        onProgress: ({ file }) => file === "tokenizer.json" && controller.abort(),
      });
      await expect(loading).rejects.toThrow(AbortError);
    }
  });

  it("an unknown or senseless one is refused", async () => {
    const files = await smallModel();
    await expect(loadModel(files, { contextlength: 5 } as object)).rejects.toThrow(
      'loadModel: unknown option "contextlength"; known options: contextLength, dtype, onProgress, signal, fetch, headers, cache, integrity',
    );
    await expect(loadModel(files, { dtype: "q5_0" as "f32" })).rejects.toThrow(
      'loadModel: dtype must be one of f32, f16, bf16, q8_0, q4_0, got "q5_0"',
    );
    await expect(loadModel(files, { onProgress: 3 as unknown as () => void })).rejects.toThrow(ConfigError);
    await expect(describeModel(files, { contextLength: 5 } as object)).rejects.toThrow(
      'describeModel: unknown option "contextLength"; known options: signal, fetch, headers, cache',
    );
    const sums = { integrity: { "model.safetensors": "0".repeat(64) } };
    await expect(describeModel(files, sums as object)).rejects.toThrow(ConfigError);
    await expect(describeModel(files, sums as object)).rejects.toThrow(
      "describeModel: integrity cannot be checked, because the weights are not read",
    );
    await expect(loadModel(files, { contextLength: 0 })).rejects.toThrow("loadModel: contextLength must be an integer");
    await expect(loadModel(files, { contextLength: undefined })).resolves.toBeDefined();
    await expect(loadModel(3 as unknown as string)).rejects.toThrow(ConfigError);
  });
});

describe("ids with a role", () => {
  it("come from generation_config.json, then config.json, then the tokenizer", async () => {
    const files = await smallModel();
    reconfigure(files, { bos_token_id: 1, eos_token_id: [2, 4], pad_token_id: null });
    files.set("generation_config.json", json({ bos_token_id: 9, temperature: 0.7 }));
    expect((await loadModel(files)).generationDefaults).toEqual({ bosId: 9, eosIds: [2, 4] });
    files.delete("generation_config.json");
    expect((await loadModel(files)).generationDefaults).toEqual({ bosId: 1, eosIds: [2, 4] });
  });
});

describe("missing files", () => {
  it("no folder, an empty one, one of something else", async () => {
    await expect(loadModel(join(root, "nowhere"))).rejects.toThrow(
      /nowhere: there is no such file or folder; check the path/,
    );
    mkdirSync(join(root, "empty"));
    await expect(loadModel(join(root, "empty"))).rejects.toThrow(
      "config.json and model.safetensors not found; a model needs config.json and model.safetensors, here is nothing",
    );
    mkdirSync(join(root, "foreign"));
    for (const name of ["pytorch_model.bin", "config.json"]) writeFileSync(join(root, "foreign", name), "{}");
    await expect(loadModel(join(root, "foreign"))).rejects.toThrow(
      "model.safetensors not found; a model needs config.json and model.safetensors, here is config.json, pytorch_model.bin",
    );
    await expect(loadModel(join(root, "foreign"))).rejects.toThrow(FileError);
    await expect(loadModel(new Map())).rejects.toThrow(
      "the files in memory: config.json and model.safetensors not found",
    );
    expect(readdirSync(join(root, "empty"))).toEqual([]);
  });
});

describe("bad files", () => {
  it.each<[string, (files: Map<string, Uint8Array>) => void]>([
    [
      "model.safetensors: truncated: 7 bytes are missing, the first of them in tensor",
      (files) => files.set("model.safetensors", (files.get("model.safetensors") as Uint8Array).slice(0, -7)),
    ],
    ["model.safetensors: truncated", (files) => files.set("model.safetensors", new Uint8Array(0))],
    [
      "model.safetensors: not a safetensors file",
      (files) => files.set("model.safetensors", new TextEncoder().encode("PK\x03\x04 a zip file")),
    ],
    ["config.json: not valid JSON", (files) => files.set("config.json", new TextEncoder().encode("<html>"))],
    [
      'config.json: model_type "bert" is not supported; supported: gpt2, llama, mistral',
      (files) => files.set("config.json", json({ model_type: "bert" })),
    ],
    ["tokenizer.json: not valid", (files) => files.set("tokenizer.json", new TextEncoder().encode("{"))],
    ["tokenizer.json: not valid UTF-8", (files) => files.set("tokenizer.json", Uint8Array.of(0xff))],
    ["generation_config.json: must hold a JSON object", (files) => files.set("generation_config.json", json([]))],
    [
      'model.safetensors: 1 of 28 tensors are missing: "ln_f.bias"',
      (files) => retensor(files, (tensors) => tensors.delete("ln_f.bias")),
    ],
    [
      'have no place in the model that config.json describes: "extra"',
      (files) => retensor(files, (tensors) => tensors.set("extra", new Tensor(new Float32Array(1), [1]))),
    ],
    [
      '"wte.weight" must have shape [500, 12] by config.json, got [300, 12]',
      (files) => reconfigure(files, { vocab_size: 500 }),
    ],
    [
      "tokenizer.json: has 258 ids, the model of config.json only 257; they do not belong together",
      (files) => reconfigure(files, { vocab_size: 257 }),
    ],
    ["the config has 9999 layers, which 28 tensors cannot fill", (files) => reconfigure(files, { n_layer: 9999 })],
    ["nLayers must be an integer from 1 to 10000, got 1000000000", (files) => reconfigure(files, { n_layer: 1e9 })],
    ['"wte.weight" must have shape', (files) => reconfigure(files, { n_embd: 2 ** 14 })],
    ['"wpe.weight" must have shape', (files) => reconfigure(files, { n_positions: 2 ** 31 - 1 })],
  ])("%s", async (message, change) => {
    const files = await smallModel();
    change(files);
    await expect(loadModel(files)).rejects.toThrow(FormatError);
    await expect(loadModel(files)).rejects.toThrow(message);
  });

  it.each([{ position: "rotary", gated: true }, { position: "sinusoidal" }])(
    "a context that no tensor vouches for does not size an allocation: %j",
    async (overrides) => {
      const files = await smallModel(overrides);
      reconfigure(files, { contextLength: 2 ** 31 - 1 });
      await expect(loadModel(files)).rejects.toThrow(
        /config.json: a context of 2147483647 tokens needs position tables beyond 134217728 numbers; pass contextLength up to \d+/,
      );
      expect((await loadModel(files, { contextLength: 8 })).model.config.contextLength).toBe(8);
    },
  );

  it("of Hugging Face with 16-bit weights load with exactly these numbers", async () => {
    const files = await smallModel();
    const whole = readSafetensors(files.get("model.safetensors") as Uint8Array);
    files.set("model.safetensors", asBF16(whole.tensors()));
    const { model } = await loadModel(files);
    const expected = whole
      .tensor("wpe.weight")
      .data.map(
        (value) =>
          new Float32Array(Uint32Array.of(new Uint32Array(Float32Array.of(value).buffer)[0] & 0xffff0000).buffer)[0],
      );
    expect(model.positionEmbedding?.weight.data).toEqual(expected);
  });
});

function retensor(
  files: Map<string, Uint8Array>,
  change: (tensors: Map<string, { shape: readonly number[]; data: Float32Array }>) => void,
): void {
  const tensors = new Map<string, { shape: readonly number[]; data: Float32Array }>(
    readSafetensors(files.get("model.safetensors") as Uint8Array).tensors(),
  );
  change(tensors);
  files.set("model.safetensors", writeSafetensors(tensors));
}

/** A safetensors file whose numbers are cut to their upper 16 bits. */
function asBF16(tensors: ReadonlyMap<string, { shape: readonly number[]; data: Float32Array }>): Uint8Array {
  const entries: Record<string, object> = {};
  const parts: Uint8Array[] = [];
  let end = 0;
  for (const [name, { shape, data }] of tensors) {
    const words = Uint16Array.from(new Uint32Array(data.slice().buffer), (bits) => bits >>> 16);
    entries[name] = { dtype: "BF16", shape, data_offsets: [end, end + words.byteLength] };
    parts.push(new Uint8Array(words.buffer));
    end += words.byteLength;
  }
  const header = new TextEncoder().encode(JSON.stringify(entries));
  return new Uint8Array(
    Buffer.concat([new Uint8Array(BigUint64Array.of(BigInt(header.length)).buffer), header, ...parts]),
  );
}
