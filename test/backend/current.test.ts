import { afterEach, describe, expect, it, vi } from "vitest";
import { backend, backendMemory, kernels } from "../../src/backend/current.ts";
import { loops } from "../../src/backend/loops/loops.ts";
import { hasRelaxedSimd } from "../../src/backend/wasm/features.ts";
import { ConfigError } from "../../src/errors.ts";

type Current = typeof import("../../src/backend/current.ts");

afterEach(() => {
  vi.unstubAllGlobals();
  backend.use("loops");
});

/** Passes values that the types forbid. */
const use = backend.use as (name: unknown, options?: unknown) => void;

/** The modules anew, as a program has them that has not asked for anything yet. */
async function fresh(): Promise<Current> {
  vi.resetModules();
  return import("../../src/backend/current.ts");
}

describe("without a choice", () => {
  it.each([
    ["kernels", (current: Current) => void current.kernels().add],
    ["backendMemory", (current: Current) => void current.backendMemory()],
    ["info", () => {}],
    ["ready", (current: Current) => void current.backend.ready()],
  ])("the first call, be it %s, takes the fastest", async (_, ask) => {
    const current = await fresh();
    ask(current);
    const info = current.backend.info();
    expect(info).toMatchObject({ name: "wasm", simd: true, relaxed: hasRelaxedSimd() });
    expect(current.kernels().add).not.toBe(loops.kernels.add);
    current.backend.use("wasm", { threads: 1 });
  });

  it("nothing is built by the import alone", async () => {
    const build = vi.fn();
    vi.stubGlobal("WebAssembly", new Proxy(WebAssembly, { get: build }));
    await fresh();
    expect(build).not.toHaveBeenCalled();
  });
});

describe("loops", () => {
  it("run with one thread and say so", async () => {
    backend.use("loops", { threads: 1, relaxed: false });
    expect(kernels()).toBe(loops.kernels);
    expect(backendMemory()).toBe(loops.memory);
    const info = backend.info();
    expect(info).toMatchObject({ name: "loops", simd: false, relaxed: false, threads: 1 });
    expect(info.reasons).toHaveLength(1);
    expect(await backend.ready()).toEqual(info);
  });
});

describe("wasm", () => {
  it("stays the same, with its memory, until other options are asked for", () => {
    backend.use("wasm", { threads: 1, relaxed: false });
    expect(backend.info()).toMatchObject({ name: "wasm", simd: true, relaxed: false, threads: 1 });
    const [first, memory] = [kernels(), backendMemory()];
    backend.use("wasm", { threads: 1, relaxed: false });
    expect(kernels()).toBe(first);
    backend.use("loops");
    backend.use("auto", { relaxed: false, threads: 1 });
    expect([kernels(), backendMemory()]).toEqual([first, memory]);
    expect(kernels()).toBe(first);
    backend.use("wasm", { threads: 1 });
    expect(kernels()).not.toBe(first);
    expect(backendMemory()).not.toBe(memory);
  });

  it("starts the threads that are asked for, and ends those of the one before", async () => {
    backend.use("wasm", { threads: 2 });
    expect((await backend.ready()).threads).toBe(2);
    backend.use("wasm", { threads: 1 });
    expect((await backend.ready()).threads).toBe(1);
  });

  it.runIf(hasRelaxedSimd())("uses relaxed SIMD where there is any", () => {
    backend.use("wasm", { threads: 1, relaxed: true });
    expect(backend.info().relaxed).toBe(true);
  });
});

describe("what is not to be had", () => {
  it.each([
    ["gpu", undefined, /name must be "auto", "loops" or "wasm", got gpu/],
    [undefined, undefined, /got undefined/],
    ["loops", { thread: 1 }, /unknown option "thread"; known options: threads, relaxed/],
    ["loops", { threads: 2 }, /one thread.*got 2/],
    ["loops", { threads: 0 }, /one thread.*got 0/],
    ["loops", { relaxed: true }, /relaxed must be false or left out, got true/],
    ["loops", null, /options must be an object, got null/],
    ["wasm", { threads: 0 }, /threads must be an integer from 1 to 64, got 0/],
    ["wasm", { threads: 65 }, /threads must be an integer from 1 to 64, got 65/],
    ["auto", { threads: 1.5 }, /threads must be an integer from 1 to 64, got 1.5/],
    ["auto", { threads: "2" }, /threads must be an integer from 1 to 64, got "2"/],
    ["wasm", { relaxed: 1 }, /relaxed must be true or false, got 1/],
  ])("is refused: %s with %o", (name, options, message) => {
    backend.use("wasm", { threads: 1 });
    const before = kernels();
    expect(() => use(name, options)).toThrow(ConfigError);
    expect(() => use(name, options)).toThrow(message);
    expect(kernels()).toBe(before);
  });

  it.each(["auto", "wasm"] as const)("is relaxed SIMD for %s where the engine has none", (name) => {
    backend.use("wasm", { threads: 1, relaxed: false });
    const before = kernels();
    const { validate } = WebAssembly;
    vi.stubGlobal("WebAssembly", {
      ...all(WebAssembly),
      validate: (bytes: Uint8Array<ArrayBuffer>) => bytes.length < 40 && validate(bytes),
    });
    expect(() => backend.use(name, { relaxed: true })).toThrow(ConfigError);
    expect(() => backend.use(name, { relaxed: true })).toThrow(/no relaxed SIMD; relaxed must be false or left out/);
    expect(kernels()).toBe(before);
    backend.use(name, { threads: 1 });
    expect(backend.info()).toMatchObject({ name: "wasm", relaxed: false });
  });
});

/** The members of a namespace object, which are not enumerable. */
function all(namespace: object): object {
  return Object.fromEntries(
    Object.getOwnPropertyNames(namespace).map((name) => [name, namespace[name as keyof typeof namespace]]),
  );
}

class Refused {
  constructor() {
    throw new WebAssembly.CompileError("blocked by Content Security Policy");
  }
}

describe.each([
  ["is missing", () => undefined, "there is no WebAssembly"],
  ["has no SIMD", () => ({ ...all(WebAssembly), validate: () => false }), "this engine's WebAssembly has no SIMD"],
  [
    "compiles nothing",
    () => ({ ...all(WebAssembly), Module: Refused }),
    "WebAssembly is refused here: blocked by Content Security Policy",
  ],
  [
    "grants no memory",
    () => ({ ...all(WebAssembly), Memory: Refused }),
    "WebAssembly is refused here: blocked by Content Security Policy",
  ],
])("where WebAssembly %s", (_, stub, reason) => {
  it("loops run and say why", async () => {
    const current = await fresh();
    vi.stubGlobal("WebAssembly", stub());
    expect(current.kernels().add.name).toBe("add");
    const info = current.backend.info();
    expect(info).toMatchObject({ name: "loops", simd: false, relaxed: false, threads: 1 });
    expect(info.reasons).toEqual([`The "wasm" backend is not used: ${reason}`, expect.stringContaining("Plain loops")]);
    expect(await current.backend.ready()).toEqual(info);
    current.backend.use("auto", { threads: 1, relaxed: false });
    expect(current.backend.info()).toEqual(info);
    current.backend.use("loops");
    expect(current.backend.info().reasons).toHaveLength(1);
  });

  it("wasm is refused, and so are options that loops do not have", async () => {
    const current = await fresh();
    vi.stubGlobal("WebAssembly", stub());
    current.backend.use("loops");
    expect(() => current.backend.use("wasm")).toThrow(
      `backend.use: the "wasm" backend does not work here: ${reason}; call backend.use("loops"), or "auto" for the fastest that works`,
    );
    expect(() => current.backend.use("auto", { threads: 4 })).toThrow(/the "loops" backend has one thread.*got 4/);
    expect(current.backend.info().reasons).toHaveLength(1);
  });
});

describe("where SharedArrayBuffer is missing", () => {
  it("wasm runs on one thread and says why not more", async () => {
    const current = await fresh();
    vi.stubGlobal("SharedArrayBuffer", undefined);
    current.backend.use("wasm", { threads: 4 });
    const info = await current.backend.ready();
    expect(info).toMatchObject({ name: "wasm", threads: 1 });
    expect(info.reasons.join()).toMatch(/memory cannot be shared/);
    expect(current.backendMemory()).toMatchObject({ shared: false });
  });
});
