/** Files that a browser hands out. */
import { describe, expect, it } from "vitest";
import { ConfigError, FileError } from "../../src/errors.ts";
import { openSource, readWhole } from "../../src/formats/source.ts";
import type { ModelFile, ModelInput } from "../../src/formats/source.ts";
import { folderHandle } from "./file-server.ts";

const text = (parts: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(parts);

describe("a blob without a name", () => {
  it.each([
    ["GGUF\x03", "model.gguf"],
    ["\x02\0\0\0\0\0\0\0{}", "model.safetensors"],
    ["\x40", "model.bin"],
    ["", "model.bin"],
  ])("%j is called %s", async (content, name) => {
    const source = await openSource("test", new Blob([text(content)]));
    expect([source.file, await source.list()]).toEqual([name, [name]]);
    expect(await readWhole((await source.open(name)) as ModelFile)).toEqual(text(content));
    expect(await source.open("config.json")).toBeUndefined();
  });
});

describe("failures of the browser", () => {
  const failing = (name: string): never => {
    throw new DOMException("no", name);
  };

  it.each([
    ["NotAllowedError", "access is not allowed; ask for it with the handle's requestPermission()"],
    ["NotFoundError", "it is not there any more"],
    ["InvalidStateError", "no"],
  ])("%s becomes a FileError", async (name, message) => {
    const handle = { kind: "file", name: "x.bin", getFile: async () => failing(name) } as unknown as ModelInput;
    await expect(openSource("test", handle)).rejects.toThrow(FileError);
    await expect(openSource("test", handle)).rejects.toThrow(`test: "x.bin": ${message}`);
  });

  it("while reading, too", async () => {
    const file = new File([text("0123456789")], "x.bin");
    file.slice = () => ({ arrayBuffer: async () => failing("NotReadableError") }) as unknown as Blob;
    const source = await openSource("test", file);
    await expect(readWhole((await source.open("x.bin")) as ModelFile)).rejects.toThrow(
      'test: "x.bin": it cannot be read; it may have been changed or removed since it was picked',
    );
  });

  it("and in folders", async () => {
    const handle = {
      ...folderHandle(new Map()),
      getFileHandle: async () => failing("NotAllowedError"),
      keys: undefined,
    };
    const source = await openSource("test", handle as unknown as ModelInput);
    expect(await source.list()).toEqual([]);
    await expect(source.open("x")).rejects.toThrow('test: "x" in the folder "picked": access is not allowed');
  });
});

it("picked files keep the path below the folder that was picked", async () => {
  const file = Object.defineProperty(new File([], "x"), "webkitRelativePath", { value: "top/sub/x" });
  const source = await openSource("test", [file, new File([], "y")]);
  expect(await source.list()).toEqual(["sub/x", "y"]);
  await expect(openSource("test", [file, file])).rejects.toThrow(ConfigError);
});

it("the list of a file input, which is no array; numbers are no files", async () => {
  const list = { length: 2, 0: new File([text("{}")], "config.json"), 1: new File([text("x")], "model.safetensors") };
  expect(await (await openSource("test", list)).list()).toEqual(["config.json", "model.safetensors"]);
  const bytes = new Uint8Array(3) as unknown as ModelInput;
  await expect(openSource("test", bytes)).rejects.toThrow("the source must be a path");
});
