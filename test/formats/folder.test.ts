/** Folders are written wholly or not at all, whichever step of the file system fails. */
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { AbortError, ConfigError, FileError } from "../../src/errors.ts";
import { writeFolder } from "../../src/formats/folder.ts";

/** Decides, before each call of node:fs/promises that changes something, whether it fails. */
const faults = vi.hoisted(() => ({ before: undefined as ((step: string, ...args: unknown[]) => void) | undefined }));

vi.mock("node:fs/promises", async (importOriginal) => {
  const actual = await importOriginal<typeof import("node:fs/promises")>();
  const wrapped = Object.fromEntries(
    ["mkdir", "mkdtemp", "writeFile", "rename", "link", "stat", "lstat"].map((step) => {
      const original = actual[step as "mkdir"] as (...args: unknown[]) => Promise<unknown>;
      return [
        step,
        async (...args: unknown[]) => {
          faults.before?.(step, ...args);
          return original(...args);
        },
      ];
    }),
  );
  return { ...actual, ...wrapped };
});

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "heed-folder-"));
});
afterEach(() => {
  faults.before = undefined;
  rmSync(root, { recursive: true, force: true });
});

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: made by the test`), { code });
}

/** Every file below the root with its text. */
function everything(): Record<string, string> {
  const paths = readdirSync(root, { recursive: true, encoding: "utf8" }).sort();
  return Object.fromEntries(
    paths.map((path) => [
      path,
      statSync(join(root, path)).isDirectory() ? "folder" : readFileSync(join(root, path), "utf8"),
    ]),
  );
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const content = {
  files: new Map([
    ["a", bytes("new a")],
    ["b", bytes("new b")],
  ]),
  removed: ["c", "never"],
};

function writeOld(): void {
  mkdirSync(join(root, "m"));
  for (const name of ["a", "c", "other"]) writeFileSync(join(root, "m", name), `old ${name}`);
}

const oldState = { m: "folder", "m/a": "old a", "m/c": "old c", "m/other": "old other" };
const newState = { m: "folder", "m/a": "new a", "m/b": "new b", "m/other": "old other" };

describe("writeFolder", () => {
  it("makes a folder, and those above it, with the permissions that folders have here", async () => {
    await writeFolder("test", join(root, "x", "y", "m"), content);
    expect(everything()).toEqual({
      x: "folder",
      "x/y": "folder",
      "x/y/m": "folder",
      "x/y/m/a": "new a",
      "x/y/m/b": "new b",
    });
    expect(statSync(join(root, "x/y/m")).mode).toBe(statSync(join(root, "x")).mode);
  });

  it("replaces files, removes stale ones, and leaves others alone", async () => {
    writeOld();
    await writeFolder("test", join(root, "m"), content);
    expect(everything()).toEqual(newState);
    await writeFolder("test", `${join(root, "m")}/`, content);
    expect(everything()).toEqual(newState);
  });

  it("replaces a link and not what it leads to", async () => {
    writeOld();
    symlinkSync(join(root, "m/c"), join(root, "m/b"));
    await writeFolder("test", join(root, "m"), { files: content.files, removed: [] });
    expect(everything()).toEqual({ ...newState, "m/c": "old c" });
  });

  it("works where there are no hard links", async () => {
    writeOld();
    faults.before = (step) => {
      if (step === "link") throw systemError("EPERM");
    };
    await writeFolder("test", join(root, "m"), content);
    expect(everything()).toEqual(newState);
  });
});

/** Runs `writeFolder` again and again, failing at the first step, at the second …, until it comes through. */
async function failAtEveryStep(target: string, links: boolean, check: (error: unknown) => void): Promise<number> {
  for (let failing = 0; ; failing++) {
    let step = 0;
    faults.before = (name) => {
      if (name === "link" && !links) throw systemError("EPERM");
      if (name !== "link" && step++ === failing) throw systemError("EIO");
    };
    const error = await writeFolder("test", target, content).then(
      () => undefined,
      (cause: unknown) => cause,
    );
    faults.before = undefined;
    if (error === undefined) return failing;
    check(error);
  }
}

describe("a failure at any step", () => {
  it.each([true, false])("leaves an old folder as it was (hard links: %s)", async (links) => {
    writeOld();
    const steps = await failAtEveryStep(join(root, "m"), links, (error) => {
      expect(error).toBeInstanceOf(FileError);
      expect((error as Error).message).toMatch(
        /^test: .*\/m: EIO: made by the test; nothing was saved, and what was there before is unchanged$/,
      );
      expect(everything()).toEqual(oldState);
    });
    expect(steps).toBeGreaterThan(9);
    expect(everything()).toEqual(newState);
  });

  it("leaves nothing where there was nothing", async () => {
    const steps = await failAtEveryStep(join(root, "x", "m"), true, (error) => {
      expect(error).toBeInstanceOf(FileError);
      expect(everything()).toEqual({});
    });
    expect(steps).toBe(9);
    expect(everything()).toEqual({ x: "folder", "x/m": "folder", "x/m/a": "new a", "x/m/b": "new b" });
  });

  it("that also prevents putting back keeps the old files and says where they are", async () => {
    writeOld();
    let broken = false;
    faults.before = (step, ...args) => {
      if (step === "link") throw systemError("EPERM");
      if (step === "rename" && String(args[0]).endsWith("new/a")) broken = true;
      if (step === "rename" && broken) throw systemError("EIO");
    };
    const error = (await writeFolder("test", join(root, "m"), content).catch((cause: unknown) => cause)) as Error;
    const place = /some old files could not be put back; they lie in (.*)$/.exec(error.message)?.[1] ?? "";
    expect(readFileSync(join(place, "a"), "utf8")).toBe("old a");
  });
});

describe("what goes wrong on disks", () => {
  it.each([
    ["ENOSPC", "no space is left on the disk; free some or choose another place"],
    ["EACCES", "access is not allowed; check the permissions of the file and of its folder"],
    ["EROFS", "the file system can only be read; choose another place"],
    ["EDQUOT", "the disk quota is used up"],
  ])("%s in the middle of the second file", async (code, reason) => {
    writeOld();
    faults.before = (step, path) => {
      if (step !== "writeFile" || !String(path).endsWith("/b")) return;
      writeFileSync(String(path), "ne");
      throw systemError(code);
    };
    const error = await writeFolder("test", join(root, "m"), content).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(FileError);
    expect(error).toMatchObject({ code: "file", details: { code } });
    expect((error as Error).message).toContain(reason);
    expect(everything()).toEqual(oldState);
  });

  it("a file where the folder should be, or above it", async () => {
    writeFileSync(join(root, "m"), "a file");
    await expect(writeFolder("test", join(root, "m"), content)).rejects.toThrow("this is a file; pass a folder");
    await expect(writeFolder("test", join(root, "m", "n"), content)).rejects.toThrow(
      "a part of the path is a file and not a folder",
    );
    await expect(writeFolder("test", join(root, "m", "n", "o"), content)).rejects.toThrow(FileError);
    expect(everything()).toEqual({ m: "a file" });
  });

  it("a folder where a file should be", async () => {
    writeOld();
    mkdirSync(join(root, "m", "b"));
    await expect(writeFolder("test", join(root, "m"), content)).rejects.toThrow("a folder of this name is in the way");
    expect(everything()).toEqual({ ...oldState, "m/b": "folder" });
  });

  it("a path that is none", async () => {
    await expect(writeFolder("test", "", content)).rejects.toThrow(ConfigError);
    await expect(writeFolder("test", "https://example.org/m", content)).rejects.toThrow(
      "is an address and not the path of a folder",
    );
  });
});

describe("an abort", () => {
  it("between the files leaves everything as it was", async () => {
    writeOld();
    const controller = new AbortController();
    faults.before = (step, path) => {
      if (step === "writeFile" && String(path).endsWith("/b")) controller.abort("enough");
    };
    const error = await writeFolder("test", join(root, "m"), content, controller.signal).catch(
      (cause: unknown) => cause,
    );
    expect(error).toBeInstanceOf(AbortError);
    expect(error).toMatchObject({ code: "aborted", cause: "enough" });
    expect(everything()).toEqual(oldState);
  });
});
