/** Opening GGUF files: how much is read of them, and the ids that they name. */
import { describe, expect, it } from "vitest";
import { FormatError } from "../../src/errors.ts";
import { openGGUF } from "../../src/formats/checkpoint-gguf.ts";
import { ggufTensorNames } from "../../src/formats/gguf-config.ts";
import { writeGGUF } from "../../src/formats/gguf-writer.ts";
import type { GGUFEntry, GGUFTensor } from "../../src/formats/gguf-writer.ts";
import { openSource } from "../../src/formats/source.ts";
import type { ModelFile } from "../../src/formats/source.ts";

const f32 = (...shape: number[]): GGUFTensor => {
  const size = shape.reduce((product, axis) => product * axis, 1);
  return { shape, type: "F32", bytes: new Uint8Array(new Float32Array(size).fill(1).buffer) };
};

/** The metadata and tensors of a Llama that says nothing but its sizes. */
function file(
  metadata: Record<string, GGUFEntry> = {},
  tensors: Record<string, GGUFTensor> = { "token_embd.weight": f32(10, 4) },
): Uint8Array {
  const own = { context_length: 8, embedding_length: 4, block_count: 1, feed_forward_length: 8 };
  const entries: [string, GGUFEntry][] = Object.entries(own).map(([key, value]) => [`llama.${key}`, value]);
  return writeGGUF(
    new Map<string, GGUFEntry>([
      ["general.architecture", "llama"],
      ...entries,
      ["llama.attention.head_count", 2],
      ["llama.attention.layer_norm_rms_epsilon", 1e-5],
      ...Object.entries(metadata),
    ]),
    new Map(Object.entries(tensors)),
  );
}

/** The file, and how many bytes were read of it. */
async function opened(bytes: Uint8Array): Promise<{ file: ModelFile; read: () => number }> {
  const inner = (await (await openSource("test", new Map([["m.gguf", bytes]]))).open("m.gguf")) as ModelFile;
  let read = 0;
  return {
    read: () => read,
    file: {
      name: inner.name,
      size: inner.size,
      read: (begin, into) => {
        read += into.length;
        return inner.read(begin, into);
      },
    },
  };
}

describe("openGGUF", () => {
  it("reads no more than the header needs, at most twice as much", async () => {
    const words = Array.from({ length: 200_000 }, (_, i) => `word ${i}`); // some 3.7 MB
    const tensors = { "token_embd.weight": f32(2_000_000, 4) };
    const { file: large, read } = await opened(file({ "tokenizer.ggml.tokens": words }, tensors));
    const checkpoint = await openGGUF(large);
    expect(checkpoint.config).toMatchObject({ vocabSize: 2_000_000, dModel: 4, nHeads: 2, contextLength: 8 });
    expect(read()).toBeGreaterThan(3.5e6);
    expect(read()).toBeLessThan(9e6);
    expect(large.size).toBeGreaterThan(30e6);
    expect(checkpoint.tensors.get("token_embd.weight")).toMatchObject({ dtype: "F32", end: large.size });
  });

  it("reads the numbers of tensors that are settings", async () => {
    const checkpoint = await openGGUF(
      (await opened(file({}, { "token_embd.weight": f32(10, 4), "rope_freqs.weight": f32(1) }))).file,
    );
    expect(checkpoint.config.ropeScaling).toEqual({ type: "factors", factors: [1] });
    const wild = { "token_embd.weight": f32(10, 4), "rope_freqs.weight": f32(2, 70_000) };
    await expect(openGGUF((await opened(file({}, wild))).file)).rejects.toThrow(
      'm.gguf: tensor "rope_freqs.weight" must be a list of at most 65536 numbers',
    );
  });

  it("finds the ids with a role; those outside the vocabulary stand for none", async () => {
    const ids = { bos: 1, eos: 2, eot: 5, eom: 2, padding: 2 ** 32 - 1 };
    const metadata = Object.fromEntries(
      Object.entries(ids).map(([name, id]) => [`tokenizer.ggml.${name}_token_id`, id]),
    );
    const checkpoint = await openGGUF((await opened(file(metadata))).file);
    expect(await checkpoint.generationDefaults()).toEqual({ bosId: 1, eosIds: [2, 5] });
    expect(await (await openGGUF((await opened(file())).file)).generationDefaults()).toEqual({});
    const below = { bos: -1, eos: 0, eot: -1, eom: 10, padding: -1 };
    const none = Object.fromEntries(
      Object.entries(below).map(([name, value]) => [
        `tokenizer.ggml.${name}_token_id`,
        { type: "float32" as const, value },
      ]),
    );
    expect(await (await openGGUF((await opened(file(none))).file)).generationDefaults()).toEqual({ eosIds: [0] });
  });

  it("may have no tokenizer, or one that heed does not know", async () => {
    const kind = async (metadata: Record<string, GGUFEntry>): Promise<unknown> =>
      (await openGGUF((await opened(file(metadata))).file)).describeTokenizer();
    expect(await kind({})).toBeUndefined();
    expect(await kind({ "tokenizer.ggml.model": "no_vocab" })).toBeUndefined();
    expect(await (await openGGUF((await opened(file())).file)).tokenizer()).toBeUndefined();
    const bert = { "tokenizer.ggml.model": "bert", "tokenizer.ggml.tokens": ["a"], "tokenizer.chat_template": "x" };
    expect(await kind(bert)).toEqual({ kind: "bert", vocabSize: 1, chatTemplate: true });
    await expect((await openGGUF((await opened(file(bert))).file)).tokenizer()).rejects.toThrow(
      'tokenizer.ggml.model "bert" is not supported',
    );
  });

  it.each<[string, Uint8Array]>([
    ["m.gguf: this is one of 3 parts of a model; join them", file({ "split.count": 3 })],
    ["m.gguf: start, byte 0: not a GGUF file", new TextEncoder().encode("PK zip archive")],
    ['m.gguf: tensor "token_embd.weight", byte ', file().slice(0, -8)],
    ["truncated", new Uint8Array(0)],
  ])("%s", async (message, bytes) => {
    const opening = openGGUF((await opened(bytes)).file);
    await expect(opening).rejects.toThrow(FormatError);
    await expect(opening).rejects.toThrow(message);
  });

  it("knows the names of every architecture", () => {
    expect(ggufTensorNames("llama").rules.map(({ theirs }) => theirs)).toContain("token_embd.weight");
    expect(() => ggufTensorNames("clip")).toThrow("architecture must be one of");
  });
});
