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
import type { FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { AbortError, ConfigError, FileError } from "../../src/errors.ts";
import { writeFile, writeFolder } from "../../src/formats/folder.ts";

/** Decides, before each call of node:fs/promises that changes something, whether it fails. */
const faults = vi.hoisted(() => ({ before: undefined as ((step: string, ...args: unknown[]) => void) | undefined }));

vi.mock("node:fs/promises", async (importOriginal) => {
  const actual = await importOriginal<typeof import("node:fs/promises")>();
  const wrapped = Object.fromEntries(
    ["mkdir", "mkdtemp", "rename", "link", "stat", "lstat"].map((step) => {
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
  const open = async (path: string, flags: string): Promise<FileHandle> => {
    faults.before?.("open", path);
    const file = await actual.open(path, flags);
    const { write, sync } = file;
    file.write = (async (...args: unknown[]) => {
      faults.before?.("write", path, ...args);
      return (write as (...all: unknown[]) => Promise<unknown>).apply(file, args);
    }) as FileHandle["write"];
    file.sync = async () => {
      faults.before?.("sync", path);
      return sync.call(file);
    };
    return file;
  };
  return { ...actual, ...wrapped, open };
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
    expect(steps).toBe(13);
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
      if (step === "write" && String(path).endsWith("/b")) throw systemError(code);
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
      if (step === "open" && String(path).endsWith("/b")) controller.abort("enough");
    };
    const error = await writeFolder("test", join(root, "m"), content, controller.signal).catch(
      (cause: unknown) => cause,
    );
    expect(error).toBeInstanceOf(AbortError);
    expect(error).toMatchObject({ code: "aborted", cause: "enough" });
    expect(everything()).toEqual(oldState);
  });
});

describe("a file in parts", () => {
  /** More than what goes to the disk at once, in parts of odd sizes; each byte tells where it stands. */
  const sizes = [3, 0, 5_000_001, 1, 4 << 20, 77];
  const whole = Uint8Array.from({ length: sizes.reduce((sum, size) => sum + size, 0) }, (_, i) => i * 7 + (i >> 8));
  let end = 0;
  const parts = sizes.map((size) => {
    end += size;
    const own = whole.subarray(end - size, end);
    return { size, bytes: () => own };
  });

  it("is what its parts are", async () => {
    await writeFolder("test", join(root, "m"), { files: new Map([["x", parts]]), removed: [] });
    expect(Buffer.compare(readFileSync(join(root, "m/x")), whole)).toBe(0);
  });

  it("has the bytes of memory that moves while it is written", async () => {
    let memory = new WebAssembly.Memory({ initial: 200, maximum: 300 });
    new Uint8Array(memory.buffer).set(whole.subarray(0, 200 << 16));
    const size = 200 << 16;
    const part = { size, bytes: () => new Uint8Array(memory.buffer, 0, size) };
    let writes = 0;
    faults.before = (step) => {
      if (step === "write" && writes++ < 3) memory.grow(1); // empties the arrays that lie in it
    };
    await writeFile("test", join(root, "x"), [part, part]);
    const written = readFileSync(join(root, "x"));
    memory = new WebAssembly.Memory({ initial: 1 });
    const expected = new Uint8Array(size);
    expected.set(whole.subarray(0, size));
    expect(Buffer.compare(written, Buffer.concat([expected, expected]))).toBe(0);
    expect(writes).toBeGreaterThan(5);
  });

  it("stops at a signal, or when a part cannot be made, and leaves nothing", async () => {
    const controller = new AbortController();
    faults.before = (step) => {
      if (step === "write") controller.abort();
    };
    const place = join(root, "new", "x.gguf");
    await expect(writeFile("test", place, parts, controller.signal)).rejects.toThrow(AbortError);
    faults.before = undefined;
    const failing = { size: 1, bytes: () => expect.fail("no such part") };
    await expect(writeFile("test", place, [failing])).rejects.toThrow("no such part");
    expect(everything()).toEqual({});
  });
});

describe("writeFile", () => {
  it("makes the folders above a file, with the permissions that files have here, and replaces a file", async () => {
    const place = join(root, "a", "b", "x.gguf");
    await writeFile("test", place, bytes("one"));
    writeFileSync(join(root, "plain"), "");
    expect(statSync(place).mode).toBe(statSync(join(root, "plain")).mode);
    await writeFile("test", place, bytes("two"));
    expect(everything()).toEqual({ a: "folder", "a/b": "folder", "a/b/x.gguf": "two", plain: "" });
  });

  it("leaves everything as it was if a step fails", async () => {
    mkdirSync(join(root, "m"));
    writeFileSync(join(root, "m", "x"), "old");
    for (let failing = 0; ; failing++) {
      let step = 0;
      faults.before = () => {
        if (step++ === failing) throw systemError("ENOSPC");
      };
      const error = await writeFile("test", join(root, "m", "x"), bytes("new")).then(
        () => undefined,
        (cause: unknown) => cause,
      );
      faults.before = undefined;
      if (error === undefined) {
        expect(failing).toBe(7);
        break;
      }
      expect((error as Error).message).toMatch(/no space is left .* nothing was saved, and what was there/);
      expect(everything()).toEqual({ m: "folder", "m/x": "old" });
    }
    expect(everything()).toEqual({ m: "folder", "m/x": "new" });
  });

  it("refuses a folder, an empty path and an address", async () => {
    mkdirSync(join(root, "m"));
    await expect(writeFile("test", join(root, "m"), bytes("x"))).rejects.toThrow("this is a folder; pass the path of");
    await expect(writeFile("test", "", bytes("x"))).rejects.toThrow(ConfigError);
    await expect(writeFile("test", "https://example.org/m.gguf", bytes("x"))).rejects.toThrow(ConfigError);
    expect(everything()).toEqual({ m: "folder" });
  });
});
