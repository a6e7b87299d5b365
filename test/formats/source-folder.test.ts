/** Files of the file system: large ones, and those that change. */
import {
  mkdtempSync,
  openSync,
  closeSync,
  ftruncateSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { FileError } from "../../src/errors.ts";
import { machineMemory } from "../../src/formats/file-system.ts";
import { openSource, readWhole } from "../../src/formats/source.ts";
import type { ModelFile } from "../../src/formats/source.ts";

const root = mkdtempSync(join(tmpdir(), "heed-folder-"));
afterAll(() => rmSync(root, { recursive: true }));

describe("a file of the file system", () => {
  it("is read beyond 4 GiB, in steps of at most 16 MiB", async () => {
    const path = join(root, "large.bin");
    const file = openSync(path, "w");
    ftruncateSync(file, 2 ** 33); // a hole, which takes no space
    const begin = 2 ** 32 + 12_345;
    writeSync(file, "heed", begin);
    closeSync(file);
    const source = await openSource("test", path);
    const opened = (await source.open("large.bin")) as ModelFile;
    expect(opened.size).toBe(2 ** 33);
    const into = new Uint8Array(6);
    await opened.read(begin - 1, into);
    expect(Buffer.from(into).toString()).toBe("\0heed\0");
    const steps: number[] = [];
    await opened.read(2 ** 32, new Uint8Array(2 ** 25), { onBytes: (count) => steps.push(count) });
    expect(Math.max(...steps)).toBeLessThanOrEqual(2 ** 24);
    expect(steps.reduce((a, b) => a + b)).toBe(2 ** 25);
    await source.close();
  });

  it("that becomes shorter is an error", async () => {
    const path = join(root, "x.bin");
    writeFileSync(path, "0123456789");
    const source = await openSource("test", path);
    const file = (await source.open("x.bin")) as ModelFile;
    truncateSync(path, 4);
    await expect(readWhole(file)).rejects.toThrow(FileError);
    await expect(readWhole(file)).rejects.toThrow(`${path}: the file became shorter while it was read; try again`);
    await source.close();
  });

  it("may be a link, as in the cache of the hub's own tools", async () => {
    writeFileSync(join(root, "blob"), "{}");
    symlinkSync(join(root, "blob"), join(root, "config.json"));
    symlinkSync(join(root, "gone"), join(root, "dangling.json"));
    const source = await openSource("test", root);
    expect((await source.open("config.json"))?.size).toBe(2);
    expect(await source.open("dangling.json")).toBeUndefined();
    await source.close();
  });
});

it("the memory of the machine is known", async () => {
  const memory = (await machineMemory()) ?? 0;
  expect(memory).toBeGreaterThan(2 ** 27);
  expect(memory).toBeLessThan(2 ** 50);
});
