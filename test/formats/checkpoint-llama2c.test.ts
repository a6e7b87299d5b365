/** llama2.c's files: sizes, order, and what is said of files that are none. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { FormatError } from "../../src/errors.ts";
import { openCheckpoint } from "../../src/formats/open-checkpoint.ts";
import { openSource } from "../../src/formats/source.ts";
import { loadModel } from "../../src/load.ts";
import type { Checkpoint } from "../../src/formats/checkpoint.ts";
import { toGGUF } from "../../src/formats/gguf-config.ts";
import { presets } from "../../src/model/config.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { dataPath, describeWithData } from "../data.ts";

const sizes = { vocabSize: 11, contextLength: 5, dModel: 8, nLayers: 2, nHeads: 2, nKvHeads: 1, dFf: 6 };
const KINDS = ["attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm", "ffn_gate", "ffn_down", "ffn_up"];

/** A model as llama2.c writes it. */
function llama2cOf(model: Transformer): Uint8Array {
  const { config } = model;
  const tensors = toGGUF({ architecture: "llama", config }, model.parameters());
  const { dModel, dFf, nLayers, nHeads, nKvHeads, vocabSize, contextLength, headDim, tieEmbeddings } = config;
  const header = [dModel, dFf, nLayers, nHeads, nKvHeads, tieEmbeddings ? vocabSize : -vocabSize, contextLength];
  const layers = Array.from({ length: nLayers }, (_, layer) => layer);
  const names = [
    "token_embd.weight",
    ...KINDS.flatMap((kind) => layers.map((layer) => `blk.${layer}.${kind}.weight`)),
    "output_norm.weight",
  ];
  const parts: (Int32Array | Float32Array)[] = [Int32Array.from(header)];
  for (const name of names) parts.push(tensors.get(name)?.data as Float32Array);
  parts.push(new Float32Array(contextLength * headDim).fill(99));
  if (!tieEmbeddings) parts.push(tensors.get("output.weight")?.data as Float32Array);
  return new Uint8Array(
    Buffer.concat(parts.map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength))),
  );
}

const open = async (bytes: Uint8Array): Promise<Checkpoint> =>
  openCheckpoint("test", await openSource("test", new Map([["model.bin", bytes]])));

describe("openLlama2c", () => {
  it.each([true, false])("reads a model (head shared: %s)", async (tieEmbeddings) => {
    const model = new Transformer(presets.llama({ ...sizes, tieEmbeddings, normEps: 1e-5, ropeTheta: 10_000 }), {
      seed: 1,
    });
    const loaded = await loadModel(new Map([["model.bin", llama2cOf(model)]]));
    expect(loaded.model.config).toEqual(model.config);
    expect(loaded.model.forward([1, 2, 3]).data).toEqual(model.forward([1, 2, 3]).data);
    expect(loaded.generationDefaults).toEqual({ bosId: 1, eosIds: [2, 1] });
    expect(loaded.tokenizer).toBeUndefined();
  });

  const good = llama2cOf(new Transformer(presets.llama(sizes), { seed: 1 }));
  const withSize = (index: number, value: number): Uint8Array => {
    const bytes = good.slice();
    new DataView(bytes.buffer).setInt32(4 * index, value, true);
    return bytes;
  };

  it.each<[string, Uint8Array]>([
    ["model.bin: a llama2.c model of these sizes has", good.slice(0, -4)],
    ["model.bin: a llama2.c model of these sizes has", Uint8Array.from([...good, 0, 0, 0, 0])],
    ["model.bin: truncated: a llama2.c file begins with 28 bytes", good.slice(0, 27)],
    ["model.bin: truncated", new Uint8Array(0)],
    ["model.bin: this is a file of PyTorch; save the model as safetensors", new TextEncoder().encode("PK\x03\x04 zip")],
    ["model.bin: this is a file of PyTorch", Uint8Array.of(0x80, 2, 0x8a, 0x0a)],
    ["model.bin: this is a newer llama2.c file; only version 0 is read", new TextEncoder().encode("24ka and more")],
    ["model.bin: not a llama2.c file, or a damaged one", withSize(0, 0)],
    ["model.bin: not a llama2.c file, or a damaged one", withSize(2, -1)],
    ["model.bin: not a llama2.c file, or a damaged one", withSize(3, 3)],
    ["model.bin: ", withSize(2, 9999)],
    ["model.bin: ", withSize(5, 2 ** 31 - 1)],
    ["model.bin: ", withSize(6, 2 ** 31 - 1)],
  ])("%s", async (message, bytes) => {
    await expect(open(bytes)).rejects.toThrow(FormatError);
    await expect(open(bytes)).rejects.toThrow(message);
  });
});

describeWithData("a file of llama2.c", () => {
  it("has its tokenizer beside it, under either name", async () => {
    const [model, tokenizer] = ["stories260K.bin", "tok512.bin"].map(
      (name) => new Uint8Array(readFileSync(dataPath("stories260K/reference", name))),
    );
    for (const name of ["tok512.bin", "tokenizer.bin"]) {
      const files = new Map([
        ["stories260K.bin", model],
        [name, tokenizer],
      ]);
      expect((await loadModel(files)).tokenizer?.encode("Once upon a time")).toEqual([403, 407, 261, 378]);
      const checkpoint = await openCheckpoint("test", await openSource("test", files));
      expect(await checkpoint.describeTokenizer()).toEqual({ kind: "llama2.c", vocabSize: 512, chatTemplate: false });
    }
  });
});
