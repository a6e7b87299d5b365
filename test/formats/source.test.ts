/** Where files come from: folders and maps, and what is said when they are not there. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import { AbortError, ConfigError, FileError } from "../../src/errors.ts";
import { openSource } from "../../src/formats/source.ts";

const root = mkdtempSync(join(tmpdir(), "heed-source-"));
writeFileSync(
  join(root, "a.bin"),
  Uint8Array.from({ length: 300 }, (_, i) => i),
);
writeFileSync(join(root, "empty"), "");
mkdirSync(join(root, "folder"));
afterAll(() => rmSync(root, { recursive: true }));

const files = new Map([
  ["a.bin", Uint8Array.from({ length: 300 }, (_, i) => i)],
  ["empty", new Uint8Array(0)],
]);

describe.each([
  ["a folder", root],
  ["a map", files],
] as const)("%s", (_, place) => {
  it("gives names, sizes and contents", async () => {
    const source = await openSource("test", place);
    expect(await source.list()).toEqual(expect.arrayContaining(["a.bin", "empty"]));
    expect([
      await source.size("a.bin"),
      await source.size("empty"),
      await source.size("nothing"),
      await source.size("folder"),
    ]).toEqual([300, 0, undefined, undefined]);
    let seen = 0;
    const bytes = await source.read("a.bin", { onBytes: (count) => (seen += count) });
    expect(new Uint8Array(bytes)).toEqual(files.get("a.bin"));
    expect(seen).toBe(300);
    expect((await source.read("empty")).length).toBe(0);
  });

  it("says so if a file is missing", async () => {
    const source = await openSource("test", place);
    await expect(source.read("nothing")).rejects.toThrow(FileError);
    await expect(source.read("nothing")).rejects.toThrow("nothing");
  });

  it("stops when aborted, and passes on what a callback throws", async () => {
    const source = await openSource("test", place);
    await expect(source.read("a.bin", { signal: AbortSignal.abort("enough") })).rejects.toThrow(AbortError);
    const mine = new RangeError("mine");
    await expect(
      source.read("a.bin", {
        onBytes: () => {
          throw Object.assign(new Error("mine"), { cause: mine });
        },
      }),
    ).rejects.toMatchObject({ message: "mine", cause: mine });
  });
});

describe("openSource", () => {
  it.each([
    [join(root, "nowhere"), FileError, /^test: \/.*nowhere: there is no such file or folder; check the path$/],
    [join(root, "a.bin"), FileError, "this is a file; pass the folder that it lies in"],
    [join(root, "a.bin", "x"), FileError, "a part of the path is a file and not a folder"],
    [`${root}\0`, ConfigError, "the path holds a zero character"],
    ["", ConfigError, "the path of the folder is empty"],
    ["https://example.org/model", ConfigError, "is an address and not the path of a folder"],
    [
      undefined,
      ConfigError,
      "the source must be the path of a folder or a Map from file names to Uint8Arrays, got undefined",
    ],
    [null, ConfigError, "got null"],
    [{}, ConfigError, "got object"],
    [new Map([["config.json", "{}"]]), ConfigError, 'the content of "config.json" must be a Uint8Array, got string'],
  ])("%s is refused", async (source, kind, message) => {
    const opening = openSource("test", source as string);
    await expect(opening).rejects.toThrow(kind);
    await expect(opening).rejects.toThrow(message);
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
