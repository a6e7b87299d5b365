/** Which format is taken, and what is said where there is none or more than one. */
import { describe, expect, it } from "vitest";
import { ConfigError, FileError, FormatError } from "../../src/errors.ts";
import { openCheckpoint } from "../../src/formats/open-checkpoint.ts";
import { openSource } from "../../src/formats/source.ts";
import type { ModelSource } from "../../src/formats/source.ts";
import { presets } from "../../src/model/config.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { folderOf, ggufOf, openFiles } from "./model-files.ts";

const sizes = { vocabSize: 7, contextLength: 5, dModel: 4, nLayers: 1, nHeads: 2, nKvHeads: 2, dFf: 6 };
const model = new Transformer(presets.llama(sizes), { seed: 1 });
const folder = folderOf(model);
const gguf = ggufOf(model);
const nothing = new Uint8Array(0);

/** A source that points to one file of a folder. */
async function pointingTo(file: string, files: ReadonlyMap<string, Uint8Array>, place = file): Promise<ModelSource> {
  const source = await openSource("test", files);
  return {
    place,
    file,
    list: () => source.list(),
    open: (name) => source.open(name),
    verify: () => source.verify(),
    close: () => source.close(),
  };
}

describe("a folder", () => {
  it("may hold any one format", async () => {
    expect((await openFiles(folder)).format).toBe("safetensors");
    expect(
      (
        await openFiles(
          new Map([
            ["README.md", nothing],
            ["a.GGUF", gguf],
          ]),
        )
      ).format,
    ).toBe("gguf");
    expect((await openFiles(new Map([...folder, ["a.gguf", gguf], ["b.gguf", gguf]]))).format).toBe("safetensors");
    const withConfig = new Map([
      ["config.json", nothing],
      ["a.gguf", gguf],
      ["mmproj-a.gguf", nothing],
    ]);
    expect((await openFiles(withConfig)).format).toBe("gguf");
  });

  it("of several GGUF files needs the choice of one", async () => {
    const opening = openFiles(
      new Map([
        ["b.gguf", gguf],
        ["a.gguf", gguf],
      ]),
    );
    await expect(opening).rejects.toThrow(ConfigError);
    await expect(opening).rejects.toThrow(
      "test: the files in memory: there are several models here, a.gguf, b.gguf; pass the path of the file",
    );
  });

  it.each<[string, string[]]>([
    [
      "config.json and model.safetensors not found; a model needs config.json and model.safetensors, here is nothing",
      [],
    ],
    [
      "model.safetensors not found; a model needs config.json and model.safetensors, here is config.json",
      ["config.json"],
    ],
    [
      "config.json not found; a model needs config.json and model.safetensors, here is model.saf",
      ["model.safetensors", "x"],
    ],
    ["; pytorch_model.bin is a file of PyTorch: save the model as safetensors", ["config.json", "pytorch_model.bin"]],
    ["; consolidated.00.pth is a file of PyTorch", ["params.json", "consolidated.00.pth"]],
  ])("%s", async (message, names) => {
    const opening = openFiles(new Map(names.map((name) => [name, nothing])));
    await expect(opening).rejects.toThrow(FileError);
    await expect(opening).rejects.toThrow(message);
  });

  it("that is an address has to name other files than these", async () => {
    const source = { ...(await pointingTo("", new Map(), "https://x.org/model")), file: undefined };
    await expect(openCheckpoint("test", source)).rejects.toThrow(
      "config.json and model.safetensors not found; a model needs config.json and model.safetensors, a .gguf or .bin file has to be named in the address",
    );
  });
});

describe("a file", () => {
  const open = async (name: string, files: ReadonlyMap<string, Uint8Array>): Promise<string> =>
    (await openCheckpoint("test", await pointingTo(name, files))).format;

  it("may be of any format; config.json stands for its folder", async () => {
    const renamed = new Map([...folder, ["other.safetensors", folder.get("model.safetensors") as Uint8Array]]);
    renamed.delete("model.safetensors");
    expect(await open("other.safetensors", renamed)).toBe("safetensors");
    expect(await open("config.json", folder)).toBe("safetensors");
    expect(await open("m.gguf", new Map([["m.gguf", gguf]]))).toBe("gguf");
    expect(await open("blob", new Map([["blob", gguf]]))).toBe("gguf");
  });

  it.each<[string, string, new (...args: never[]) => Error]>([
    ["x.safetensors", "test: x.safetensors: config.json not found; it must lie beside x.safetensors", FileError],
    ["m-00001-of-00002.safetensors", "this is one part of a model; pass the folder", ConfigError],
    ["x.txt", "test: x.txt: not the file of a model; pass a folder, or a .safetensors, .gguf or", FormatError],
  ])("%s alone is none", async (name, message, kind) => {
    const opening = open(name, new Map([[name, nothing]]));
    await expect(opening).rejects.toThrow(kind);
    await expect(opening).rejects.toThrow(message);
    await expect(open(name, new Map())).rejects.toThrow(/-of-/.test(name) ? ConfigError : FileError);
  });

  it("with an index in capitals is an index", async () => {
    const index = new TextEncoder().encode('{"weight_map":{"x":"gone.safetensors"}}');
    const opening = open("m.safetensors.index.JSON", new Map([...folder, ["m.safetensors.index.JSON", index]]));
    await expect(opening).rejects.toThrow("1 of the 1 files that m.safetensors.index.JSON names are missing");
  });
});

describe("an address", () => {
  /** The names of files in the order in which they are opened, which downloads them where there is a cache. */
  async function openedNames(file: string | undefined, files: ReadonlyMap<string, Uint8Array>): Promise<string[]> {
    const names: string[] = [];
    const source = await pointingTo(file ?? "", files, "https://x.org/m");
    const open = (name: string): ReturnType<ModelSource["open"]> => {
      names.push(name);
      return source.open(name);
    };
    await openCheckpoint("test", { ...source, file, list: async () => [], open }).catch((error: unknown) => {
      if (!(error instanceof FormatError || error instanceof ConfigError)) throw error;
    });
    return names;
  }

  it.each([undefined, "model.safetensors"])(
    "opens the weights last, and those of an unknown family never: %s",
    async (file) => {
      const names = await openedNames(file, folder);
      expect(names.slice(0, 2)).toEqual(["config.json", "generation_config.json"]);
      expect(names.at(-1)).toBe("model.safetensors");
      const bert = new Map([...folder, ["config.json", new TextEncoder().encode('{"model_type":"bert"}')]]);
      expect(await openedNames(file, bert)).toEqual(["config.json"]);
    },
  );

  it("of one part of a model is refused by its name", async () => {
    expect(await openedNames("m-00001-of-00002.safetensors", folder)).toEqual([]);
  });
});
