/** Weights from files into memory: every way that their numbers can take, and what happens if reading fails. */
import { describe, expect, it, vi } from "vitest";
import type { Block } from "../../src/backend/backend.ts";
import { backend, backendMemory } from "../../src/backend/current.ts";
import { AbortError, FileError, FormatError } from "../../src/errors.ts";
import type { Checkpoint, CheckpointTensor } from "../../src/formats/checkpoint.ts";
import { dequantize } from "../../src/formats/quantized/blocks.ts";
import type { WritableTensor } from "../../src/formats/safetensors-writer.ts";
import type { ModelFile } from "../../src/formats/source.ts";
import { readWeights } from "../../src/formats/weight-reader.ts";
import { WEIGHT_TYPES, planWeights } from "../../src/formats/weights.ts";
import type { WeightOptions, WeightType } from "../../src/formats/weights.ts";
import { presets } from "../../src/model/config.ts";
import { Transformer } from "../../src/model/transformer.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { describeBackends } from "../backends.ts";
import { encoded, folderOf, ggufOf, openFiles, tensorsOf } from "./model-files.ts";

const sizes = { vocabSize: 70, contextLength: 9, dModel: 64, nLayers: 2, nHeads: 4, dFf: 96 };
const gpt2 = new Transformer(presets.gpt2(sizes), { seed: 1 });
const llama = new Transformer(presets.llama({ ...sizes, nKvHeads: 2 }), { seed: 2 });

const differs = ({ name }: CheckpointTensor): FormatError => new FormatError(`${name} differs`);

function read(checkpoint: Checkpoint, options: WeightOptions = {}): Promise<Map<string, Tensor>> {
  return readWeights(planWeights(checkpoint, options), differs);
}

/** The numbers as they come back from a type. */
function through(type: string, data: Float32Array): Float32Array {
  const out = new Float32Array(data.length);
  const name = type.toUpperCase() as "F32";
  dequantize(name, encoded(name, data), out);
  return out;
}

/** The same checkpoint with files that are read in another way. */
function withFiles(checkpoint: Checkpoint, read: (file: ModelFile) => ModelFile["read"]): Checkpoint {
  const tensors = [...checkpoint.tensors].map(([name, tensor]) => {
    const { file } = tensor;
    return [name, { ...tensor, file: { name: file.name, size: file.size, read: read(file) } }] as const;
  });
  return { ...checkpoint, tensors: new Map(tensors) };
}

describeBackends(() => {
  it.each<[string, Transformer, "F32" | "F16" | "BF16"]>([
    ["GPT-2, transposed and fused,", gpt2, "F32"],
    ["GPT-2, transposed and fused,", gpt2, "F16"],
    ["GPT-2, transposed and fused,", gpt2, "BF16"],
    ["Llama", llama, "F32"],
    ["Llama", llama, "F16"],
    ["Llama", llama, "BF16"],
  ])("%s of Hugging Face in %3$s", async (_, model, stored) => {
    const checkpoint = await openFiles(folderOf(model, stored));
    const asStored = await read(checkpoint);
    for (const [name, { data, shape }] of model.parameters()) {
      const isMatrix = shape.length === 2 && name !== "positionEmbedding.weight";
      const tensor = asStored.get(name) as Tensor;
      expect(tensor.stored?.type ?? "f32", name).toBe(isMatrix ? stored.toLowerCase() : "f32");
      expect(tensor.data, name).toEqual(shape.length === 2 ? through(stored, data) : data);
    }
    for (const dtype of WEIGHT_TYPES) {
      for (const [name, tensor] of await read(checkpoint, { dtype })) {
        const { data, shape } = model.parameters().get(name) as Tensor;
        const inFile = shape.length === 2 ? through(stored, data) : data;
        const type = tensor.stored?.type ?? "f32";
        if (name.endsWith("Proj.weight")) expect(type, name).toBe(dtype);
        expect(tensor.data, `${name} as ${type}`).toEqual(through(type, inFile));
      }
    }
  });

  it.each(["F32", "F16", "Q8_0", "Q4_0"] as const)("a GGUF file in %s, whose rows lie in pairs", async (stored) => {
    const checkpoint = await openFiles(new Map([["m.gguf", ggufOf(llama, stored)]]));
    for (const dtype of [undefined, ...WEIGHT_TYPES]) {
      for (const [name, tensor] of await read(checkpoint, { dtype })) {
        const { data, shape } = llama.parameters().get(name) as Tensor;
        const inFile = shape.length === 2 ? through(stored, data) : data;
        const type = tensor.stored?.type ?? "f32";
        if (shape.length === 2) expect(type).toBe(dtype ?? stored.toLowerCase());
        expect(tensor.data, `${name} as ${type}`).toEqual(through(type, inFile));
      }
    }
  });
});

it("reads matrices of more than one chunk", async () => {
  const wide = new Transformer(presets.llama({ ...sizes, vocabSize: 40_000, nLayers: 1, nKvHeads: 2 }), { seed: 3 });
  const checkpoint = await openFiles(folderOf(wide, "BF16"));
  for (const dtype of ["bf16", "q8_0", "f32"] as const) {
    const { data } = wide.tokenEmbedding.weight;
    const got = (await read(checkpoint, { dtype })).get("tokenEmbedding.weight")?.data;
    expect(got?.length).toBe(data.length);
    const expected = through(dtype, through("bf16", data));
    expect(got?.findIndex((value, i) => value !== expected[i])).toBe(-1);
  }
});

it("reads integers and 64-bit floats", async () => {
  const bytes = new Uint8Array(BigInt64Array.from({ length: 64 }, (_, i) => BigInt(i - 3)).buffer);
  const set = (all: Map<string, WritableTensor>): unknown =>
    all.set("model.norm.weight", { shape: [64], dtype: "I64", bytes });
  const norm = (await read(await openFiles(folderOf(llama, "F32", set)))).get("finalNorm.weight");
  expect(norm?.data).toEqual(Float32Array.from({ length: 64 }, (_, i) => i - 3));
  new DataView(bytes.buffer).setBigInt64(8, 2n ** 60n + 1n, true);
  await expect(read(await openFiles(folderOf(llama, "F32", set)))).rejects.toThrow(
    /^model\.safetensors: tensor "model\.norm\.weight": the I64 number at index 1, about 1152921504606847000, has no exact/,
  );
});

describe("a second copy of a tied matrix", () => {
  const embedding = tensorsOf(gpt2).get("wte.weight") as { shape: readonly number[]; data: Float32Array };

  it.each<WeightType | undefined>([undefined, "f32", "bf16", "q8_0"])("is the same (%s)", async (dtype) => {
    for (const first of [true, false]) {
      const files = folderOf(gpt2, "F32", (all) => {
        const others = [...all];
        if (first) all.clear();
        all.set("lm_head.weight", embedding);
        for (const [name, value] of others) all.set(name, value);
      });
      const weights = await read(await openFiles(files), { dtype });
      expect(weights.has("lmHead.weight")).toBe(false);
      expect(weights.get("tokenEmbedding.weight")?.data).toEqual(through(dtype ?? "f32", embedding.data));
    }
  });

  it("is not", async () => {
    const data = embedding.data.slice();
    data[data.length - 1] += 1;
    const files = folderOf(gpt2, "F32", (all) => all.set("lm_head.weight", { ...embedding, data }));
    await expect(read(await openFiles(files))).rejects.toThrow("lm_head.weight differs");
  });
});

describe("reading that fails", () => {
  it("gives back everything that was pinned", async () => {
    backend.use("wasm");
    const released: number[] = [];
    const memory = backendMemory();
    const pin = memory.pin.bind(memory);
    let pinned = 0;
    memory.pin = (size) => {
      const block = pin(size);
      if (block === undefined) return undefined;
      pinned++;
      const release = block.release.bind(block);
      block.release = () => {
        released.push(size);
        release();
      };
      return block;
    };
    try {
      let reads = 0;
      const checkpoint = withFiles(await openFiles(folderOf(llama, "BF16")), (file) => async (begin, into, options) => {
        if (++reads === 9) throw new FileError("the disk is gone");
        return file.read(begin, into, options);
      });
      await expect(read(checkpoint)).rejects.toThrow("the disk is gone");
      expect(pinned).toBe(9);
      expect(released).toHaveLength(9);
    } finally {
      memory.pin = pin;
      backend.use("auto");
    }
  });

  it("stops between tensors when its signal fires", async () => {
    const controller = new AbortController();
    let reads = 0;
    const checkpoint = withFiles(await openFiles(folderOf(llama)), (file) => async (begin, into, options) => {
      if (++reads === 3) controller.abort("enough");
      return file.read(begin, into, options);
    });
    const reading = readWeights(planWeights(checkpoint), differs, controller.signal);
    await expect(reading).rejects.toThrow(AbortError);
    expect(reads).toBe(3);
  });
});

it("reads again what memory that grew meanwhile has left behind", async () => {
  vi.stubGlobal("SharedArrayBuffer", undefined); // as in a page: growth empties every array
  backend.use("wasm", { threads: 1 });
  const memory = backendMemory();
  const grown: Block[] = [];
  try {
    const seen = new Set<number>();
    let emptied = 0;
    const checkpoint = withFiles(await openFiles(folderOf(llama, "BF16")), (file) => async (begin, into, options) => {
      if (!seen.has(begin)) {
        seen.add(begin);
        const { length } = into;
        for (let size = 2 ** 16; into.length === length && size < 2 ** 24; size *= 2) {
          const block = memory.pin(size);
          if (block !== undefined) grown.push(block);
        }
        if (into.length === 0 && length > 0 && ++emptied % 2 === 0) throw new TypeError("the array is detached");
      }
      return file.read(begin, into, options);
    });
    const weights = await read(checkpoint);
    expect(emptied).toBeGreaterThan(4);
    for (const [name, { data, shape }] of llama.parameters())
      expect(weights.get(name)?.data, name).toEqual(shape.length === 2 ? through("bf16", data) : data);
  } finally {
    for (const block of grown) block.release();
    vi.unstubAllGlobals();
    backend.use("auto");
  }
});
