/** Models in several safetensors files with an index, and what else lies in their folder. */
import { describe, expect, it } from "vitest";
import { FileError, FormatError } from "../../src/errors.ts";
import { writeSafetensors } from "../../src/formats/safetensors-writer.ts";
import { loadModel } from "../../src/load.ts";
import { presets } from "../../src/model/config.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { folderOf, openFiles, tensorsOf } from "./model-files.ts";

const sizes = { vocabSize: 7, contextLength: 5, dModel: 4, nLayers: 2, nHeads: 2, dFf: 6 };
const model = new Transformer(presets.llama({ ...sizes, nKvHeads: 2 }), { seed: 1 });
const [ONE, TWO] = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
const INDEX = "model.safetensors.index.json";

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** The model in two files. */
function shardedFiles(changeMap: (map: Record<string, unknown>) => void = () => {}): Map<string, Uint8Array> {
  const tensors = [...tensorsOf(model)];
  const half = Math.floor(tensors.length / 2);
  const map: Record<string, unknown> = {};
  tensors.forEach(([name], i) => (map[name] = i < half ? ONE : TWO));
  changeMap(map);
  const files = folderOf(model);
  files.delete("model.safetensors");
  files.set(INDEX, json({ metadata: { total_size: 1 }, weight_map: map }));
  files.set(ONE, writeSafetensors(new Map(tensors.slice(0, half))));
  files.set(TWO, writeSafetensors(new Map(tensors.slice(half))));
  return files;
}

describe("several files with an index", () => {
  it("are one model", async () => {
    const { model: loaded } = await loadModel(shardedFiles());
    expect(loaded.forward([1, 2, 3]).data).toEqual(model.forward([1, 2, 3]).data);
    const checkpoint = await openFiles(shardedFiles());
    expect(checkpoint.tensors.get("lm_head.weight")?.file.name ?? TWO).toBe(TWO);
    expect(checkpoint.files.map(({ name }) => name)).toEqual(["config.json", INDEX, ONE, TWO]);
  });

  it.each([
    "../other.safetensors",
    "/etc/x.safetensors",
    "a/b.safetensors",
    "..\\x.safetensors",
    "C:x.safetensors",
    "x.bin",
    3,
    null,
  ])("no file outside of the folder, and nothing but safetensors: %j", async (name) => {
    const opening = openFiles(shardedFiles((map) => (map["model.norm.weight"] = name)));
    await expect(opening).rejects.toThrow(FormatError);
    await expect(opening).rejects.toThrow(
      'model.safetensors.index.json: weight_map["model.norm.weight"] must be the plain name of a .safetensors file in the same folder, got ',
    );
  });

  it("files that are missing are named", async () => {
    const files = shardedFiles();
    files.delete(TWO);
    await expect(openFiles(files)).rejects.toThrow(FileError);
    await expect(openFiles(files)).rejects.toThrow(
      `the files in memory: 1 of the 2 files that ${INDEX} names are missing: ${TWO}`,
    );
  });

  it("tensors must be where the index says, and nowhere else", async () => {
    await expect(openFiles(shardedFiles((map) => (map["model.norm.weight"] = ONE)))).rejects.toThrow(
      `${ONE}: the tensor "model.norm.weight", which ${INDEX} names, is not there`,
    );
    await expect(openFiles(shardedFiles((map) => (map.ghost = TWO)))).rejects.toThrow(
      `${TWO}: the tensor "ghost", which ${INDEX} names, is not there`,
    );
    const files = shardedFiles();
    files.set(TWO, files.get(ONE) as Uint8Array);
    await expect(openFiles(files)).rejects.toThrow(
      /^model-00002-of-00002.safetensors: the tensor ".*" is in model-00001/,
    );
  });

  it("the index must be one", async () => {
    for (const [index, message] of [
      ["[]", "must hold a JSON object"],
      ["{", "not valid JSON"],
      ['{"weight_map":[]}', "weight_map must be an object, got []"],
      ["{}", "weight_map must be an object, got nothing"],
    ]) {
      const files = shardedFiles();
      files.set(INDEX, new TextEncoder().encode(index));
      await expect(openFiles(files)).rejects.toThrow(`${INDEX}: ${message}`);
    }
  });
});

describe("describeTokenizer", () => {
  const described = async (tokenizer: unknown, config?: object): Promise<unknown> => {
    const files = folderOf(model).set("tokenizer.json", json(tokenizer));
    if (config !== undefined) files.set("tokenizer_config.json", json(config));
    return (await openFiles(files)).describeTokenizer();
  };

  it("knows the kind and the size of what heed cannot make, too", async () => {
    const added = [{ id: 2, content: "<s>" }, null];
    expect(await described({ model: { type: "WordPiece", vocab: { a: 0, b: 1 } }, added_tokens: added })).toEqual({
      kind: "WordPiece",
      vocabSize: 4,
      chatTemplate: false,
    });
    expect(await described({ model: { type: "Unigram", vocab: [["a", 0]] } }, { chat_template: "x" })).toEqual({
      kind: "Unigram",
      vocabSize: 1,
      chatTemplate: true,
    });
    expect(await described({})).toEqual({ kind: "unknown", vocabSize: 0, chatTemplate: false });
    expect(await (await openFiles(folderOf(model))).describeTokenizer()).toBeUndefined();
  });
});
