/** The cache of downloads: only whole, right files get into it, and nothing is left of those that are not. */
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { AbortError, ConfigError, FileError, FormatError } from "../../src/errors.ts";
import type { ModelFile, SourceOptions } from "../../src/formats/source.ts";
import { FileServer, someBytes } from "./file-server.ts";

const bytes = someBytes(2_500_000);
const sum = createHash("sha256").update(bytes).digest("hex");
let server: FileServer;
let cache: string;
beforeAll(async () => {
  server = await FileServer.start();
});
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), "heed-cache-"));
  server.files.clear();
  server.files.set("/m/model.bin", { bytes });
  server.requests.length = 0;
});
afterEach(() => rmSync(cache, { recursive: true }));
afterAll(() => server.stop());

/** All files of the cache, by their path in it. */
const kept = (): string[] =>
  readdirSync(cache, { recursive: true, encoding: "utf8" })
    .filter((name) => statSync(join(cache, name)).isFile())
    .sort();

/** Loads files as the loader does. */
async function load(
  names: string[] = ["model.bin"],
  options: SourceOptions = {},
  path = "/m/",
): Promise<(Uint8Array | undefined)[]> {
  const { openSource, readWhole } = await import("../../src/formats/source.ts");
  const source = await openSource("test", server.url(path), { cache, ...options });
  try {
    const contents: (Uint8Array | undefined)[] = [];
    for (const name of names) {
      const file: ModelFile | undefined = await source.open(name);
      contents.push(file && (await readWhole(file)));
    }
    await source.verify();
    return contents;
  } finally {
    await source.close();
  }
}

const same = (content: Uint8Array | undefined): boolean =>
  content !== undefined && Buffer.compare(content, bytes) === 0;

describe("a folder", () => {
  it("keeps files under their names, and later loads ask nobody, not even for what there is not", async () => {
    let downloaded = 0;
    const onDownload = (count: number, file: string): void => void (downloaded += file === "model.bin" ? count : NaN);
    const [content, none] = await load(["model.bin", "other.json"], { onDownload });
    expect([same(content), none, downloaded]).toEqual([true, undefined, bytes.length]);
    expect(kept()).toEqual([
      expect.stringMatching(/^127\.0\.0\.1_\d+_m_[0-9a-f]{32}\/model\.bin$/),
      expect.stringMatching(/\/other\.json\.absent$/),
    ]);
    server.requests.length = 0;
    const [again, noneAgain] = await load(["model.bin", "other.json"], {
      fetch: () => Promise.reject(new Error("offline")),
    });
    expect([same(again), noneAgain]).toEqual([true, undefined]);
  });

  it("tells models, queries and names apart, and no name leads out of it", async () => {
    const names = [
      "Model.bin",
      "MODEL.bin",
      "sub/model.bin",
      "a:b?.bin",
      "con",
      "x".repeat(300),
      "é.absent",
      "absent.absent",
    ];
    for (const name of names) server.files.set(`/m/${name.split("/").map(encodeURIComponent).join("/")}`, { bytes });
    server.files.set("/M/model.bin", { bytes: someBytes(5) });
    server.files.set("/m/model.bin?v=2", { bytes: someBytes(6) });
    expect((await load([...names, "model.bin"])).every(same)).toBe(true);
    expect((await load(["model.bin"], {}, "/M/"))[0]?.length).toBe(5);
    expect((await load(["model.bin"], {}, "/m/?v=2"))[0]?.length).toBe(6);
    const lower = kept().map((name) => name.toLowerCase());
    expect(new Set(lower).size).toBe(names.length + 3);
    expect(Math.max(...lower.map((name) => name.length))).toBeLessThan(260);
  });

  it("is made if it does not exist, and may be used by several downloads at once", async () => {
    const deep = join(cache, "a", "b");
    const loads = await Promise.all([1, 2, 3].map(() => load(["model.bin"], { cache: deep })));
    expect(loads.every(([content]) => same(content))).toBe(true);
    expect(kept()).toHaveLength(1);
  });

  it.each<[string, Partial<import("./file-server.ts").Served>, SourceOptions, new (...args: never[]) => Error]>([
    ["a cut connection", { cutAfter: 1000, ranges: false }, {}, FileError],
    ["a wrong sum", {}, { integrity: { "model.bin": "0".repeat(64) } }, FormatError],
    ["a length that is too large", { headers: { "Content-Range": "bytes 0-2499999/9000000000000" } }, {}, FileError],
    ["a refusal", { answer: (_, response) => void response.writeHead(500).end() }, {}, FileError],
  ])("%s leaves nothing in it", async (_, served, options, kind) => {
    server.files.set("/m/model.bin", { bytes, ...served });
    await expect(load(["model.bin"], options)).rejects.toThrow(kind);
    expect(readdirSync(cache)).toEqual([]);
  });

  it("an abort in the middle and a failing callback leave nothing in it", async () => {
    const control = new AbortController();
    let files = 0;
    const onBytes = (): void => {
      files = kept().length;
      control.abort();
    };
    await expect(load(["model.bin"], { signal: control.signal, onDownload: onBytes })).rejects.toThrow(AbortError);
    expect(files).toBe(1); // it had begun
    const onDownload = (): never => {
      throw new RangeError("mine");
    };
    await expect(load(["model.bin"], { onDownload })).rejects.toThrow("mine");
    await expect(load(["model.bin"], { onDownload, cache: join(cache, "a", "b") })).rejects.toThrow("mine");
    expect(readdirSync(cache)).toEqual([]);
  });

  it("a kept file with another sum is downloaded again", async () => {
    await load();
    const [path] = kept();
    writeFileSync(join(cache, path), someBytes(2_500_000).fill(1));
    expect(same((await load(["model.bin"], { integrity: { "model.bin": sum } }))[0])).toBe(true);
    server.requests.length = 0;
    expect(same((await load(["model.bin"], { integrity: { "model.bin": sum } }))[0])).toBe(true);
    expect(server.requests).toEqual([]);
  });

  it("what broken-off downloads left is not believed, and removed after a day", async () => {
    await load();
    const folder = join(cache, kept()[0].split("/")[0]);
    rmSync(join(folder, "model.bin"));
    for (const name of [".download-old", ".download-new"]) writeFileSync(join(folder, name), "x");
    utimesSync(join(folder, ".download-old"), 1e9, 1e9);
    expect(same((await load())[0])).toBe(true);
    expect(readdirSync(folder).sort()).toEqual([".download-new", "model.bin"]);
    expect(readFileSync(join(folder, "model.bin")).length).toBe(bytes.length);
  });

  it("an absence is only remembered after a load that was good", async () => {
    await expect(load(["nothing", "model.bin"], { integrity: { "model.bin": "0".repeat(64) } })).rejects.toThrow();
    expect(kept()).toEqual([]);
  });

  it("an absence is only remembered if the server has said so: a page to log in and a refusal pass", async () => {
    const refuse = (status: number, type: string) => ({
      bytes,
      answer: (_: unknown, response: import("node:http").ServerResponse) =>
        void response.writeHead(status, { "Content-Type": type }).end("<html>"),
    });
    server.files.set("/m/page", refuse(200, "text/html"));
    server.files.set("/m/refused", refuse(403, "application/xml"));
    server.files.set("/m/gone", refuse(410, "text/html"));
    const names = ["model.bin", "page-1", "page", "refused", "gone"];
    expect((await load(names)).slice(1)).toEqual([undefined, undefined, undefined, undefined]);
    expect(kept().map((name) => name.replace(/.*[/_]/, ""))).toEqual(
      expect.arrayContaining(["page-1.absent", "gone.absent", "model.bin"]),
    );
    expect(kept()).toHaveLength(3);
    for (const name of ["page", "refused"]) server.files.set(`/m/${name}`, { bytes });
    expect((await load(names)).map(same)).toEqual([true, false, true, true, false]);
  });

  it.each([
    ["a Git LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"],
    ["a web page", "<!DOCTYPE html><p>no"],
  ])("%s is refused before it gets into it", async (_, text) => {
    server.files.set("/m/model.bin", { bytes: Buffer.from(text) });
    const { openSource } = await import("../../src/formats/source.ts");
    const source = await openSource("test", server.url("/m/"), { cache });
    await expect(source.open("model.bin")).rejects.toThrow(FormatError); // although nobody reads it
    await source.close();
    expect(readdirSync(cache)).toEqual([]);
  });

  it("forgets what was fetched, and small files that were found, but neither large ones nor those with a sum", async () => {
    const { openSource } = await import("../../src/formats/source.ts");
    const message = Buffer.from('{"error":"busy"}');
    const small = createHash("sha256").update(message).digest("hex");
    for (const name of ["found.json", "checked.json", "fetched.json"])
      server.files.set(`/m/${name}`, { bytes: message });
    server.files.set("/m/fetched.bin", { bytes });
    await load(["model.bin", "found.json", "checked.json"]);
    const source = await openSource("test", server.url("/m/"), { cache, integrity: { "checked.json": small } });
    for (const name of ["model.bin", "found.json", "checked.json", "fetched.json", "fetched.bin"])
      expect(await source.open(name)).toBeDefined();
    expect(kept()).toHaveLength(5);
    await source.forget();
    expect(kept().map((name) => name.replace(/.*\//, ""))).toEqual(["checked.json", "model.bin"]);
    await expect(source.open("other.json")).rejects.toThrow("was closed");
    await source.close();
  });

  it("says what is wrong with the folder", async () => {
    writeFileSync(join(cache, "file"), "");
    await expect(load(["model.bin"], { cache: join(cache, "file") })).rejects.toThrow(
      "a part of the path is a file and not a folder",
    );
    await expect(load(["model.bin"], { cache: "a\0" })).rejects.toThrow(ConfigError);
  });
});

describe("a file system that goes wrong", () => {
  type Files = typeof import("node:fs/promises");
  type Handle = Awaited<ReturnType<Files["open"]>>;
  /** Puts other functions in place of those of the file system. */
  const replace = async (change: (real: Files) => Partial<Files>): Promise<void> => {
    const real = await vi.importActual<Files>("node:fs/promises");
    vi.resetModules();
    vi.doMock("node:fs/promises", () => ({ ...real, ...change(real) }));
  };
  const failure = (code: string): Error => Object.assign(new Error(code), { code });
  const integrity = { "model.bin": sum };
  afterEach(() => {
    vi.doUnmock("node:fs/promises");
    vi.resetModules();
  });

  it("refuses to move a file over an open one, as Windows does: the wrong one is closed before", async () => {
    await load();
    writeFileSync(join(cache, kept()[0]), someBytes(2_500_000).fill(1));
    const open = new Map<Handle, string>();
    await replace((real) => ({
      open: async (path, ...rest) => {
        const handle = await real.open(path, ...rest);
        const close = handle.close.bind(handle);
        handle.close = () => {
          open.delete(handle);
          return close();
        };
        open.set(handle, resolve(String(path)));
        return handle;
      },
      rename: async (from, to) => {
        if ([...open.values()].includes(resolve(String(to)))) throw failure("EPERM");
        await real.rename(from, to);
      },
    }));
    expect(same((await load(["model.bin"], { integrity }))[0])).toBe(true);
    expect(Buffer.compare(readFileSync(join(cache, kept()[0])), bytes)).toBe(0);
    expect(open.size).toBe(0);
  });

  it("refuses to move it although another process has the file: that one must have the sum, too", async () => {
    await load();
    await replace(() => ({ rename: () => Promise.reject(failure("EPERM")) }));
    expect(same((await load(["model.bin"], { integrity }))[0])).toBe(true);
    writeFileSync(join(cache, kept()[0]), someBytes(2_500_000).fill(1));
    await expect(load(["model.bin"], { integrity })).rejects.toThrow("the SHA-256 is");
    writeFileSync(join(cache, kept()[0]), "short");
    await expect(load(["model.bin"], { integrity })).rejects.toThrow("access is not allowed");
    expect(kept()).toHaveLength(1);
  });

  it("loses the folder to another download that failed: it is made again", async () => {
    let lost = 0;
    await replace((real) => ({
      open: async (path, flags, ...rest) => {
        if (flags === "wx" && lost++ === 0) rmSync(join(String(path), ".."), { recursive: true });
        return real.open(path, flags, ...rest);
      },
    }));
    expect(same((await load())[0])).toBe(true);
    expect(lost).toBe(2);
  });

  it("loses its power: the bytes are on the disk before the name is", async () => {
    const steps: string[] = [];
    await replace((real) => ({
      open: async (path, flags, ...rest) => {
        const handle = await real.open(path, flags, ...rest);
        const sync = handle.sync.bind(handle);
        handle.sync = () => {
          steps.push("sync");
          return sync();
        };
        return handle;
      },
      rename: (from, to) => {
        steps.push("rename");
        return real.rename(from, to);
      },
    }));
    await load();
    expect(steps).toEqual(["sync", "rename"]);
  });
});

/** A Cache of the Cache API: keeps nothing unless a body comes to its end. */
class SmallCache {
  readonly entries = new Map<string, Response>();
  async match(url: string): Promise<Response | undefined> {
    return this.entries.get(url)?.clone();
  }
  async delete(url: string): Promise<boolean> {
    return this.entries.delete(url);
  }
  async put(url: string, response: Response): Promise<void> {
    try {
      const body = await response.blob();
      this.entries.set(url, new Response(response.status === 404 ? null : body, { status: response.status }));
    } catch {
      throw new TypeError("the body failed");
    }
  }
}

describe("the Cache API", () => {
  const opened = new SmallCache();
  beforeEach(() => {
    vi.resetModules();
    vi.doMock("node:fs/promises", () => ({ open: undefined }));
    opened.entries.clear();
    vi.stubGlobal("caches", { open: async () => opened });
  });
  afterEach(() => {
    vi.doUnmock("node:fs/promises");
    vi.unstubAllGlobals();
  });

  it("is used where there is no file system", async () => {
    const [content, none] = await load(["model.bin", "other.json"], { cache: "models" });
    expect([same(content), none, opened.entries.size]).toEqual([true, undefined, 2]);
    server.requests.length = 0;
    const integrity = { "model.bin": sum };
    const [again, noneAgain] = await load(["model.bin", "other.json"], { cache: "models", integrity });
    expect([same(again), noneAgain]).toEqual([true, undefined]);
    expect(server.requests).toEqual([]);
  });

  it("forgets what was fetched", async () => {
    const { openSource } = await import("../../src/formats/source.ts");
    const source = await openSource("test", server.url("/m/"), { cache: "models" });
    expect(await source.open("model.bin")).toBeDefined();
    expect(opened.entries.size).toBe(1);
    await source.forget();
    expect(opened.entries.size).toBe(0);
  });

  it("gets nothing of a download that fails", async () => {
    const integrity = { "model.bin": "0".repeat(64) };
    await expect(load(["model.bin"], { cache: "models", integrity })).rejects.toThrow("the SHA-256 is");
    server.files.set("/m/model.bin", { bytes, cutAfter: 1000, ranges: false });
    await expect(load(["model.bin"], { cache: "models" })).rejects.toThrow("the connection failed");
    expect(opened.entries.size).toBe(0);
  });

  it("says so if the browser gives no space, or has no such API", async () => {
    opened.put = async () => {
      throw new DOMException("full", "QuotaExceededError");
    };
    await expect(load()).rejects.toThrow("the browser gives no more space");
    vi.stubGlobal("caches", undefined);
    await expect(load()).rejects.toThrow("neither a file system nor the Cache API");
  });
});
