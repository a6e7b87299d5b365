import { afterEach, describe, expect, it } from "vitest";
import { backend, kernels } from "../../src/backend/current.ts";
import { loops } from "../../src/backend/loops/loops.ts";
import { ConfigError } from "../../src/errors.ts";

afterEach(() => backend.use("loops"));

/** Passes values that the types forbid. */
const use = backend.use as (name: unknown, options?: unknown) => void;

describe("backend", () => {
  it("runs loops and says why not more", async () => {
    for (const name of ["auto", "loops"] as const) {
      backend.use(name);
      expect(kernels()).toBe(loops.kernels);
      const info = backend.info();
      expect(info).toMatchObject({ name: "loops", simd: false, relaxed: false, threads: 1 });
      expect(info.reasons).toHaveLength(1);
      expect(await backend.ready()).toEqual(info);
    }
  });

  it("takes the options that loops can honour", () => {
    backend.use("loops", { threads: 1, relaxed: false });
    backend.use("auto", { threads: undefined });
  });

  it.each([
    ["wasm", undefined, /no "wasm" backend.*use\("loops"\)/],
    ["gpu", undefined, /name must be "auto", "loops" or "wasm", got gpu/],
    [undefined, undefined, /got undefined/],
    ["loops", { thread: 1 }, /unknown option "thread"; known options: threads, relaxed/],
    ["loops", { threads: 2 }, /one thread.*got 2/],
    ["loops", { threads: 0 }, /one thread.*got 0/],
    ["auto", { threads: 4 }, /one thread.*got 4/],
    ["loops", { relaxed: true }, /relaxed must be false or left out, got true/],
    ["loops", null, /options must be an object, got null/],
  ])("refuses %s with %o", (name, options, message) => {
    expect(() => use(name, options)).toThrow(ConfigError);
    expect(() => use(name, options)).toThrow(message);
    expect(backend.info().name).toBe("loops");
  });
});
