/** Files behind addresses: what is asked of servers, and what is said when they do not do it. */
import { createHash } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { AbortError, ConfigError, FileError } from "../../src/errors.ts";
import { openSource, readWhole } from "../../src/formats/source.ts";
import type { ModelFile, SourceOptions } from "../../src/formats/source.ts";
import { FileServer, someBytes } from "./file-server.ts";

const bytes = someBytes(3_000_000);
let server: FileServer;
beforeAll(async () => {
  server = await FileServer.start();
});
beforeEach(() => {
  server.files.clear();
  server.requests.length = 0;
});
afterAll(() => server.stop());

/** Opens a file of the folder /m/ and reads it whole. */
async function readAll(name = "x.bin", options?: SourceOptions): Promise<Uint8Array> {
  const source = await openSource("test", server.url("/m/"), options);
  try {
    return await readWhole((await source.open(name)) as ModelFile);
  } finally {
    await source.close();
  }
}

async function openFile(options?: SourceOptions): Promise<ModelFile> {
  return (await (await openSource("test", server.url("/m"), options)).open("x.bin")) as ModelFile;
}

const ranges = (): (string | undefined)[] => server.requests.map(({ range }) => range);

describe("requests", () => {
  it("are as few as the order of reading allows", async () => {
    server.files.set("/m/x.bin", { bytes });
    const file = await openFile();
    const read = async (begin: number, length: number): Promise<void> => {
      const into = new Uint8Array(length);
      await file.read(begin, into);
      expect(Buffer.compare(into, bytes.subarray(begin, begin + length))).toBe(0);
    };
    await read(0, 8);
    await read(8, 1000);
    await read(2000, 1_000_000); // a small gap is read over
    expect(ranges()).toEqual(["bytes=0-"]);
    await read(2_500_000, 10); // a large one is not
    await read(2_500_010, 499_990);
    expect(ranges()).toEqual(["bytes=0-", "bytes=2500000-"]);
    await read(5, 10);
    expect(ranges()).toEqual(["bytes=0-", "bytes=2500000-", "bytes=5-"]);
  });

  it("of servers without ranges begin at the start", async () => {
    server.files.set("/m/x.bin", { bytes, ranges: false });
    const file = await openFile();
    for (const begin of [2_500_000, 10]) {
      const into = new Uint8Array(100_000);
      await file.read(begin, into);
      expect(Buffer.compare(into, bytes.subarray(begin, begin + 100_000))).toBe(0);
    }
    expect(ranges()).toEqual(["bytes=0-", undefined]);
  });

  it("are not repeated for a sum: gaps are read over and counted", async () => {
    server.files.set("/m/x.bin", { bytes });
    const sum = createHash("sha256").update(bytes).digest("hex");
    const source = await openSource("test", server.url("/m/x.bin"), { integrity: sum });
    const file = (await source.open("x.bin")) as ModelFile;
    await file.read(0, new Uint8Array(8));
    await file.read(2_500_000, new Uint8Array(10));
    await source.verify();
    expect(ranges()).toEqual(["bytes=0-"]);
    await source.close();
  });

  it("carry the headers, through the given fetch, with the query", async () => {
    server.files.set("/m/x.bin?key=a%20b", { bytes: someBytes(5) });
    const seen: string[] = [];
    const options = {
      headers: new Map([["Authorization", "Bearer t"]]),
      fetch: (url: string, init: RequestInit) => {
        seen.push(url);
        return fetch(url, init);
      },
    };
    const source = await openSource("test", server.url("/m?key=a%20b"), options);
    expect((await source.open("x.bin"))?.size).toBe(5);
    expect(source.place).not.toContain("key");
    expect(seen).toEqual([server.url("/m/x.bin?key=a%20b")]);
    expect(server.requests[0].headers.authorization).toBe("Bearer t");
    await source.close();
  });

  it("follow redirects, and take no header of the source to another server", async () => {
    const other = await FileServer.start();
    other.files.set("/y", { bytes });
    server.files.set("/m/x.bin", {
      bytes,
      answer: (_, response) => void response.writeHead(302, { Location: other.url("/y") }).end(),
    });
    expect(Buffer.compare(await readAll("x.bin", { headers: { Authorization: "Bearer t" } }), bytes)).toBe(0);
    expect(other.requests[0].headers.authorization).toBeUndefined();
    expect(other.requests[0].range).toBe("bytes=0-");
    await other.stop();
  });

  it("encode names, so that none leads elsewhere", async () => {
    const source = await openSource("test", server.url("/m/"));
    for (const name of ["a b#c?d.bin", "http://127.0.0.1:9/x.bin".replace("//", "/"), "sub/%2e%2e"])
      expect(await source.open(name)).toBeUndefined();
    expect(server.requests.map(({ path }) => path)).toEqual([
      "/m/a%20b%23c%3Fd.bin",
      "/m/http%3A/127.0.0.1%3A9/x.bin",
      "/m/sub/%252e%252e",
    ]);
  });

  it("leave few answers open at a time", async () => {
    const large = new Uint8Array(3e7); // more than the buffers on the way hold
    for (let i = 0; i < 12; i++) server.files.set(`/m/${i}.bin`, { bytes: large });
    const source = await openSource("test", server.url("/m/"));
    const files = await Promise.all(Array.from({ length: 12 }, (_, i) => source.open(`${i}.bin`)));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(server.open).toBeLessThanOrEqual(4);
    for (const file of files) await file?.read(10, new Uint8Array(1000));
    expect(server.requests.length).toBeLessThanOrEqual(24);
    await source.close();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(server.open).toBe(0);
  });
});

describe("answers that are not the file", () => {
  it.each([
    [401, {}, "it may need a token"],
    [403, {}, 'headers: { Authorization: "Bearer …" }'],
    [403, { "Content-Type": "application/xml" }, "access is not allowed"],
    [429, { "Retry-After": "17" }, "too many requests; wait and try again (Retry-After: 17)"],
    [500, {}, "the server has a problem"],
    [418, {}, "this is not the file; check the address"],
  ])("status %i is an error", async (status, headers, message) => {
    server.files.set("/m/x.bin", { bytes, answer: (_, response) => void response.writeHead(status, headers).end() });
    await expect(readAll()).rejects.toMatchObject({ name: "FileError", details: { status } });
    await expect(readAll()).rejects.toThrow(
      `test: ${server.url("/m/x.bin")}: the server answered with status ${status}`,
    );
    await expect(readAll()).rejects.toThrow(message);
  });

  it("404, web pages, and the refusals of object stores after a first file mean that there is no such file", async () => {
    const page = { "Content-Type": "text/html; charset=utf-8" };
    server.files.set("/m/page", { bytes, headers: page });
    server.files.set("/m/x.bin", { bytes });
    server.files.set("/m/refused", {
      bytes,
      answer: (_, response) => void response.writeHead(403, { "Content-Type": "application/xml" }).end("<Error/>"),
    });
    const source = await openSource("test", server.url("/m/"));
    await source.open("x.bin");
    expect([await source.open("refused"), await source.open("nothing")]).toEqual([undefined, undefined]);
    expect(source.place).toBe(server.url("/m/"));
    expect(await source.open("page")).toBeUndefined();
    expect(source.place).toBe(`${server.url("/m/")} (where the server sends web pages)`);
    await source.close();
  });

  it("lengths beyond reason are refused, and large ones cost no memory", async () => {
    const size = (length: string) => ({
      bytes,
      answer: (_: unknown, response: import("node:http").ServerResponse) => {
        response.writeHead(206, { "Content-Range": `bytes 0-1/${length}`, "Content-Length": 2 }).end("{}");
      },
    });
    server.files.set("/m/x.bin", size("99999999999999999999"));
    await expect(readAll()).rejects.toThrow("the server says that the file has 100000000000000000000 bytes");
    server.files.set("/m/x.bin", size("8000000000000"));
    const file = await openFile();
    expect(file.size).toBe(8e12);
    const before = process.memoryUsage().rss;
    await expect(readWhole(file)).rejects.toThrow(FileError);
    expect(process.memoryUsage().rss - before).toBeLessThan(1e8);
  });

  it("a file that changes between two requests is refused", async () => {
    for (const change of [{ headers: { ETag: '"2"' } }, { bytes: bytes.subarray(1) }]) {
      server.files.set("/m/x.bin", { bytes });
      const file = await openFile();
      await file.read(100, new Uint8Array(10));
      server.files.set("/m/x.bin", { bytes, ...change });
      await expect(file.read(0, new Uint8Array(10))).rejects.toThrow("the file was changed on the server");
    }
  });

  it.each<[string, string | undefined, string | undefined, string]>([
    ["the same date", "Mon", "Mon", ""],
    ["another date", "Mon", "Tue", "the file was changed on the server"],
    ["no date any more", "Mon", undefined, "the file was changed on the server"],
    ["never a date", undefined, undefined, "the connection failed"],
  ])("without ETag a broken transfer goes on only with the same date: %s", async (_, first, later, message) => {
    server.files.set("/m/x.bin", { bytes, cutAfter: 1_200_000 });
    const withDate = async (url: string, init: RequestInit): Promise<Response> => {
      const { body, status, headers: sent } = await fetch(url, init);
      const headers = new Headers(sent);
      headers.delete("ETag");
      const date = server.requests.length === 1 ? first : later;
      if (date !== undefined) headers.set("Last-Modified", date);
      return new Response(body, { status, headers });
    };
    const reading = readAll("x.bin", { fetch: withDate });
    if (message === "") expect(Buffer.compare(await reading, bytes)).toBe(0);
    else await expect(reading).rejects.toThrow(message);
    expect(server.requests.length > 1).toBe(first !== undefined);
  });

  it("are closed, also if fetch does not listen to its signal", async () => {
    let canceled = 0;
    const answer = (status: number, headers: Record<string, string> = {}) => {
      const body = new ReadableStream({ cancel: () => void canceled++ });
      return new Response(body, { status, headers });
    };
    const source = async (...answers: Response[]) =>
      openSource("test", "http://a.example/", { fetch: async () => answers.shift() ?? new Response(null) });
    expect(await (await source(answer(200, { "Content-Type": "text/html" }))).open("x")).toBeUndefined();
    expect(canceled).toBe(1);
    await (await source(answer(416))).open("x");
    expect(canceled).toBe(2);
    const part = (etag: string) => answer(206, { "Content-Range": "bytes 0-9999999/10000000", ETag: etag });
    for (const second of [answer(503), part('"2"'), part('"1"')]) {
      canceled = 0;
      const file = await (await source(part('"1"'), second)).open("x");
      await expect(file?.read(5_000_000, new Uint8Array(1))).rejects.toThrow(FileError);
      expect(canceled).toBe(2);
    }
  });

  it("a server that sends another range is refused", async () => {
    server.files.set("/m/x.bin", { bytes, headers: { "Content-Range": `bytes 7-2999999/3000000` } });
    await expect(readAll()).rejects.toThrow("the server sent the bytes from 7 on, not those from 0 on");
  });

  it("what fetch gives must be a Response", async () => {
    await expect(readAll("x.bin", { fetch: async () => 5 as never })).rejects.toThrow(ConfigError);
  });
});

describe("broken connections", () => {
  it("are errors with their cause", async () => {
    const free = await FileServer.start();
    const address = free.url("/m/");
    await free.stop();
    const source = await openSource("test", address);
    await expect(source.open("x.bin")).rejects.toThrow(/^test: .*x\.bin: the connection failed \(.*ECONNREFUSED.*\)/);
    const failing = readAll("x.bin", { fetch: () => Promise.reject(new TypeError("Failed to fetch")) });
    await expect(failing).rejects.toMatchObject({ name: "FileError", cause: new TypeError("Failed to fetch") });
  });

  it("are taken up again where they broke, if the server knows ranges", async () => {
    server.files.set("/m/x.bin", { bytes, cutAfter: 1_200_000 });
    expect(Buffer.compare(await readAll(), bytes)).toBe(0);
    expect(server.requests.length).toBeGreaterThan(2);
  });

  it("fail if nothing more comes, or if the server knows no ranges", async () => {
    server.files.set("/m/x.bin", { bytes, cutAfter: 1_200_000, ranges: false });
    await expect(readAll()).rejects.toThrow(FileError);
    expect(server.requests.length).toBe(1);
    server.files.set("/m/x.bin", { bytes });
    const file = await openFile();
    await file.read(0, new Uint8Array(10));
    server.files.set("/m/x.bin", { bytes, cutAfter: 0 });
    await expect(file.read(2_000_000, new Uint8Array(10))).rejects.toThrow("the connection failed");
  });

  it("a wrong Content-Length is an error", async () => {
    const fetch = async (): Promise<Response> => new Response("12345", { headers: { "Content-Length": "10" } });
    await expect(readAll("x.bin", { fetch })).rejects.toThrow("the transfer ended at byte 5 of 10; try again");
    const longer = async (): Promise<Response> => new Response("12345", { headers: { "Content-Length": "3" } });
    expect(Buffer.from(await readAll("x.bin", { fetch: longer })).toString()).toBe("123");
  });
});

describe("the signal", () => {
  it("stops waiting for an answer, for bytes, and between them, at once", async () => {
    const slow = (head: boolean) => ({
      bytes,
      answer: (_: unknown, response: import("node:http").ServerResponse) => {
        if (head) response.writeHead(200, { "Content-Length": 100 }).write("x");
      },
    });
    for (const head of [false, true]) {
      server.files.set("/m/x.bin", slow(head));
      const control = new AbortController();
      const reading = readAll("x.bin", { signal: control.signal });
      setTimeout(() => control.abort("enough"), 50);
      const begin = performance.now();
      await expect(reading).rejects.toMatchObject({ name: "AbortError", cause: "enough" });
      expect(performance.now() - begin).toBeLessThan(2000);
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(server.open).toBe(0);
    }
  });

  it("leaves no timer of a transfer that was to be taken up again", async () => {
    server.files.set("/m/x.bin", { bytes, cutAfter: 1_200_000 });
    const control = new AbortController();
    const made = vi.spyOn(globalThis, "setTimeout");
    const cleared = vi.spyOn(globalThis, "clearTimeout");
    try {
      const reading = readAll("x.bin", { signal: control.signal });
      const waits = (): number => made.mock.calls.findIndex(([, milliseconds]) => milliseconds === 100);
      setImmediate(function look() {
        if (waits() < 0) setImmediate(look);
        else control.abort();
      });
      await expect(reading).rejects.toThrow(AbortError);
      expect(cleared).toHaveBeenCalledWith(made.mock.results[waits()].value);
    } finally {
      vi.restoreAllMocks();
    }
  });

  it("works if fetch does not listen to it, and one for a single read leaves the file usable", async () => {
    const control = new AbortController();
    setTimeout(() => control.abort(), 20);
    const never = readAll("x.bin", { signal: control.signal, fetch: () => new Promise(() => {}) });
    await expect(never).rejects.toThrow(AbortError);

    server.files.set("/m/x.bin", { bytes });
    const file = await openFile();
    const one = new AbortController();
    const onBytes = (): void => one.abort();
    await expect(file.read(0, new Uint8Array(3_000_000), { signal: one.signal, onBytes })).rejects.toThrow(AbortError);
    expect(Buffer.compare(await readWhole(file), bytes)).toBe(0);
  });

  it("closing stops a read", async () => {
    server.files.set("/m/x.bin", {
      bytes,
      answer: (_, response) => void response.writeHead(200, { "Content-Length": 100 }).write("x"),
    });
    const source = await openSource("test", server.url("/m/"));
    const file = (await source.open("x.bin")) as ModelFile;
    const reading = readWhole(file);
    setTimeout(() => void source.close(), 30);
    await expect(reading).rejects.toThrow(AbortError);
    await expect(readWhole(file)).rejects.toThrow("was closed");
  });
});

it.each([
  [{ fetch: 5 }, "test: fetch must be a function, got 5"],
  [{ headers: "a" }, 'test: headers must be an object, got "a"'],
  [{ headers: { "a b": "c" } }, "test: headers must be texts by name"],
  [{ cache: "" }, 'test: cache must be the name of a folder, got ""'],
  [{ cache: 5 }, "got 5"],
])("options %o are refused", async (options, message) => {
  await expect(openSource("test", server.url("/"), options as never)).rejects.toThrow(ConfigError);
  await expect(openSource("test", server.url("/"), options as never)).rejects.toThrow(message);
});
