/** Where files come from: what all kinds of places have in common, and what is refused. */
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { AbortError, ConfigError, FileError, FormatError } from "../../src/errors.ts";
import { openSource, readWhole } from "../../src/formats/source.ts";
import type { ModelFile, ModelInput, SourceOptions } from "../../src/formats/source.ts";
import { FileServer, folderHandle, someBytes } from "./file-server.ts";

const contents = new Map([
  ["a.bin", someBytes(300_000)],
  ["empty", new Uint8Array(0)],
  ["sub/b.json", someBytes(20)],
]);
const sumOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const sums = Object.fromEntries([...contents].map(([name, bytes]) => [name, sumOf(bytes)]));

const root = mkdtempSync(join(tmpdir(), "heed-source-"));
mkdirSync(join(root, "sub"));
mkdirSync(join(root, "folder.bin"));
for (const [name, bytes] of contents) writeFileSync(join(root, name), bytes);

let server: FileServer;
beforeAll(async () => {
  server = await FileServer.start();
  for (const [name, bytes] of contents) {
    server.files.set(`/ranges/${name}`, { bytes });
    server.files.set(`/plain/${name}`, { bytes, ranges: false });
    server.files.set(`/unsized/${name}`, { bytes, ranges: false, sized: false });
  }
});
afterAll(async () => {
  await server.stop();
  rmSync(root, { recursive: true });
});

const picked = [...contents].map(([name, bytes]) => {
  const file = new File([bytes], name.replace(/.*\//, ""));
  return Object.defineProperty(file, "webkitRelativePath", { value: `picked/${name}` });
});

/** Opens a source, opens a file that must be there, does something with it, and closes the source. */
async function withFile<T>(
  [input, options]: readonly [ModelInput, SourceOptions?],
  name: string,
  use: (file: ModelFile) => Promise<T>,
): Promise<T> {
  const source = await openSource("test", input, options);
  try {
    const file = await source.open(name);
    if (file === undefined) throw new Error(`no ${name}`);
    return await use(file);
  } finally {
    await source.close();
  }
}

describe.each([
  ["a folder", () => [root]],
  ["a file address of a folder", () => [pathToFileURL(root)]],
  ["a file address as text", () => [pathToFileURL(root).href]],
  ["a map", () => [contents]],
  ["picked files", () => [picked]],
  ["a folder handle", () => [folderHandle(contents)]],
  ["a server with ranges", () => [server.url("/ranges")]],
  ["a server without ranges", () => [new URL(server.url("/plain/"))]],
  ["a server that does not say lengths", () => [server.url("/unsized")]],
  ["a server and a cache", () => [server.url("/ranges"), { cache: join(root, "cache") }]],
] as [string, () => [ModelInput, SourceOptions?]][])("%s", (kind, place) => {
  it("gives names, sizes and contents", async () => {
    const source = await openSource("test", ...place());
    expect(source.file).toBeUndefined();
    if (!kind.includes("server")) expect(await source.list()).toEqual(expect.arrayContaining(["a.bin", "empty"]));
    for (const [name, bytes] of contents) {
      const file = await source.open(name);
      expect([file?.name, file?.size]).toEqual([name, bytes.length]);
      expect(await source.open(name)).toBe(file);
      expect(Buffer.compare(await readWhole(file as ModelFile), bytes)).toBe(0);
    }
    expect([await source.open("nothing"), await source.open("sub"), await source.open("folder.bin")]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    await source.verify();
    await source.close();
    await source.close();
    await expect(source.open("b")).rejects.toThrow("was closed");
  });

  it("reads parts in any order, also at the same time, into shared memory too", async () => {
    const bytes = contents.get("a.bin") as Uint8Array;
    await withFile(place(), "a.bin", async (file) => {
      const ranges = [
        [0, 8],
        [8, 100],
        [108, 150_000],
        [290_000, 10_000],
        [5, 70_000],
        [299_999, 1],
        [300_000, 0],
      ];
      await Promise.all(
        ranges.map(async ([begin, length]) => {
          const into = new Uint8Array(new SharedArrayBuffer(length + 2), 1, length);
          let seen = 0;
          await file.read(begin, into, { onBytes: (count) => (seen += count) });
          expect(Buffer.compare(into, bytes.subarray(begin, begin + length))).toBe(0);
          expect(seen).toBe(length);
          expect([...new Uint8Array(into.buffer, 0, 1), ...new Uint8Array(into.buffer, length + 1)]).toEqual([0, 0]);
        }),
      );
      for (const [begin, length] of [
        [300_000, 1],
        [-1, 1],
        [0.5, 1],
        [NaN, 0],
      ])
        // prettier-ignore
        await expect(file.read(begin, new Uint8Array(length))).rejects.toThrow(FormatError);
    });
  });

  it("stops when aborted, and passes on what a callback throws", async () => {
    const [input, options] = place();
    const signal = AbortSignal.abort("enough");
    await expect(openSource("test", input, { ...options, signal })).rejects.toThrow(AbortError);
    await withFile([input, options], "a.bin", async (file) => {
      const into = new Uint8Array(10);
      await expect(file.read(0, into, { signal })).rejects.toThrow(AbortError);
      const mine = new RangeError("mine");
      const onBytes = (): never => {
        throw mine;
      };
      await expect(file.read(0, into, { onBytes })).rejects.toBe(mine);
      await file.read(20, into);
      expect(into).toEqual(contents.get("a.bin")?.slice(20, 30));
    });
  });

  it("checks sums as soon as the last byte is there, or at the end", async () => {
    const [input, options] = place();
    const source = await openSource("test", input, { ...options, integrity: sums });
    for (const name of contents.keys()) await source.open(name);
    const file = (await source.open("a.bin")) as ModelFile;
    await file.read(200_000, new Uint8Array(10));
    await file.read(100, new Uint8Array(50));
    await source.verify();
    await source.close();

    for (const name of ["a.bin", "empty"]) {
      const bad = await openSource("test", input, { ...options, integrity: { [name]: "0".repeat(64) } });
      const message = new RegExp(`test: .*${name}.*: the SHA-256 is ${sums[name]}, expected 0{64};`);
      const reading = bad.open(name).then((found) => readWhole(found as ModelFile));
      await expect(reading).rejects.toThrow(FormatError);
      await expect(reading).rejects.toThrow(message);
      await expect(bad.verify()).rejects.toThrow(message);
      await bad.close();
    }
  });

  it("refuses names that lead elsewhere", async () => {
    const source = await openSource("test", ...place());
    for (const name of ["../x", "/etc/passwd", "a/../b", ".", "", "a//b", "..\\x", "a\0b", "a/"])
      await expect(source.open(name)).rejects.toThrow(/^test: ".*" is no name of a file in /);
    await source.close();
  });
});

describe("openSource", () => {
  it.each([
    [join(root, "nowhere"), FileError, /^test: \/.*nowhere: there is no such file or folder; check the path$/],
    [join(root, "a.bin", "x"), FileError, "a part of the path is a file and not a folder"],
    ["/dev/null", FileError, "/dev/null: this is neither a folder nor a file"],
    [`${root}\0`, ConfigError, "the path holds a zero character"],
    ["", ConfigError, "the path of the folder is empty"],
    ["ftp://example.org/model", ConfigError, "is an address and not the path of a folder"],
    [new URL("ftp://example.org/model"), ConfigError, 'an address must begin with https:, http: or file:, got "ftp:"'],
    ["http://", ConfigError, '"http://" is no valid address'],
    ["https://me:secret@example.org/x", ConfigError, /^(?!.*secret).*headers: \{ Authorization/],
    ["file://elsewhere/x%", ConfigError, "is no path: "],
    [undefined, ConfigError, "a handle, or a Map from file names to Uint8Arrays, got nothing"],
    [null, ConfigError, "got null"],
    [{}, ConfigError, "got an object"],
    [7, ConfigError, "got 7"],
    [["a"], ConfigError, 'a list of files must hold File objects, got "a"'],
    [[new File([], "a"), new File([], "a")], ConfigError, 'two files are called "a"'],
    [new Map([["config.json", "{}"]]), ConfigError, 'the content of "config.json" must be a Uint8Array, got string'],
  ])("%s is refused", async (input, kind, message) => {
    const opening = openSource("test", input as string);
    await expect(opening).rejects.toThrow(kind);
    await expect(opening).rejects.toThrow(message);
  });

  it.each([
    [{ fetch }, "test: fetch has no effect, because the source is no http address"],
    [{ headers: {} }, "test: headers has no effect"],
    [{ cache: "x" }, "test: cache has no effect"],
    [{ integrity: "0".repeat(64) }, "test: integrity is one text, but the source is not one file"],
    [{ integrity: { x: "0" } }, 'test: the integrity of "x" must be 64 hexadecimal digits or "sha256-"'],
    [{ integrity: { x: 5 } }, "got 5"],
    [{ integrity: [] }, "test: integrity must be a text or an object of texts by file name, got []"],
    [{ integrity: new Map() }, "test: integrity must be a text or an object of texts by file name"],
    [{ integrity: null }, "got null"],
    [{ signal: 5 }, "test: signal must be an AbortSignal, got 5"],
  ])("options %o are refused for a folder", async (options, message) => {
    await expect(openSource("test", root, options as SourceOptions)).rejects.toThrow(ConfigError);
    await expect(openSource("test", root, options as SourceOptions)).rejects.toThrow(message);
  });

  it("knows the one file, and opens its neighbours", async () => {
    for (const input of [
      join(root, "a.bin"),
      server.url("/ranges/a.bin"),
      server.url("/ranges/a.bin#x"),
      new File([contents.get("a.bin") as BlobPart], "a.bin"),
      [new File([contents.get("a.bin") as BlobPart], "a.bin")],
      new Map([["a.bin", contents.get("a.bin") as Uint8Array]]),
      await folderHandle(contents).getFileHandle("a.bin"),
    ]) {
      const sri = `sha256-${Buffer.from(sums["a.bin"], "hex").toString("base64")}`;
      const source = await openSource("test", input, { integrity: sri });
      expect(source.file).toBe("a.bin");
      expect(source.place).toMatch(/a\.bin|memory|picked/);
      expect(sumOf(await readWhole((await source.open("a.bin")) as ModelFile))).toBe(sums["a.bin"]);
      const neighbour = await source.open("sub/b.json");
      if (typeof input === "string") expect(neighbour?.size).toBe(20);
      await source.verify();
      await source.close();
      const bad = await openSource("test", input, { integrity: "0".repeat(64) });
      await expect(bad.open("a.bin").then((file) => readWhole(file as ModelFile))).rejects.toThrow(FormatError);
      await bad.close();
    }
  });

  it("says so if a sum is given for what was not read", async () => {
    const source = await openSource("test", contents, { integrity: { ...sums, x: "0".repeat(64) } });
    for (const name of contents.keys()) await source.open(name);
    await expect(source.verify()).rejects.toThrow(
      'test: integrity names "x", which was not read from the files in memory; leave it out',
    );
  });

  it.each([
    ["version https://git-lfs.github.com/spec/v1\noid sha256:0", "this is a pointer of Git LFS"],
    ["<!DOCTYPE html><html></html>", "this is a web page and not the file"],
    ["\n<html lang='en'>", "this is a web page and not the file"],
  ])("recognises what is no file of a model: %s", async (text, message) => {
    const source = await openSource("test", new Map([["model.bin", new TextEncoder().encode(text)]]));
    const file = (await source.open("model.bin")) as ModelFile;
    await expect(file.read(0, new Uint8Array(8))).rejects.toThrow(FormatError);
    await expect(readWhole(file)).rejects.toThrow(message);
    await file.read(1, new Uint8Array(8));
  });

  it("takes what only looks a little like it", async () => {
    for (const text of ["<|im_start|>{{ x }}", "version 7", "<html", "v", "version"]) {
      const source = await openSource("test", new Map([["x", new TextEncoder().encode(text)]]));
      expect((await readWhole((await source.open("x")) as ModelFile)).length).toBe(text.length);
    }
  });

  it("says so where there is no file system", async () => {
    for (const substitute of [
      () => {
        throw new Error("no such module");
      },
      () => ({ open: undefined }),
    ]) {
      vi.resetModules();
      vi.doMock("node:fs/promises", substitute);
      const { openSource: open } = await import("../../src/formats/source.ts");
      await expect(open("test", root)).rejects.toThrow(
        "test: this runtime has no file system; pass a Map from file names to Uint8Arrays instead of a path",
      );
      vi.doUnmock("node:fs/promises");
    }
  });
});
