/** Hostile and damaged llama2.c files: each loads or is refused with an error that names the file. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  HOSTILE_SIZES,
  Judge,
  LLAMA2C_SIZES,
  SEED,
  cuts,
  little,
  llama2cFile,
  llama2cTokenizer,
  patched,
} from "./hostile-cases.ts";
import type { Files } from "./hostile-cases.ts";

const judge = new Judge();
const model = llama2cFile(LLAMA2C_SIZES);
const tokenizer = llama2cTokenizer();
const files = (changes: Record<string, Uint8Array> = {}): Files =>
  new Map(Object.entries({ "tiny.bin": model, "tokenizer.bin": tokenizer, ...changes }));

describe("hostile llama2.c files", () => {
  it("the model is good before it is damaged", async () => {
    expect(await judge.load(files())).toBe("");
    expect(await judge.load(new Map([["tiny.bin", model]]))).toBe("");
    expect(await judge.load(files({ "tiny.bin": llama2cFile([8, 12, 2, 2, 1, -264, 16]) }))).toBe("");
  });

  it("cut anywhere", async () => {
    for (const at of cuts(model.length))
      expect(await judge.load(files({ "tiny.bin": model.slice(0, at) }))).not.toBe("");
    for (const at of cuts(tokenizer.length)) {
      await judge.load(files({ "tokenizer.bin": tokenizer.slice(0, at) }));
      await judge.load(
        new Map([
          ["tiny.bin", model],
          ["tok264.bin", tokenizer.slice(0, at)],
        ]),
      );
    }
    expect(await judge.load(files({ "tiny.bin": new Uint8Array([...model, 0]) }))).toMatch(
      /the file has \d+; it is damaged/,
    );
  });

  it("every size replaced by every hostile one", async () => {
    for (let field = 0; field < 7; field++) {
      for (const size of HOSTILE_SIZES)
        await judge.load(files({ "tiny.bin": patched(model, 4 * field, little(size, 4)) }));
      for (const size of [-1n, -2n, -264n, -(2n ** 31n)])
        await judge.load(files({ "tiny.bin": patched(model, 4 * field, little(size, 4)) }));
    }
  });

  it("sizes that agree with the length but not with each other, or only in their product", async () => {
    for (const sizes of [
      [8, 12, 2, 3, 1, 264, 16],
      [8, 12, 2, 2, 3, 264, 16],
      [8, 12, 2, 0, 0, 264, 16],
      [8, 12, 2, -2, -1, 264, 16],
      [7, 12, 2, 7, 7, 264, 16], // an odd width of heads
      [8, 12, 2, 2, 1, 100, 16], // fewer ids than the tokenizer has
      [8, 12, 2, 2, 1, 264, 0],
      [65536, 65536, 10000, 65536, 65536, 65536, 65536],
      [2 ** 30, 2 ** 30, 2 ** 30, 1, 1, 2 ** 30, 2 ** 30],
      [1, 1, 2 ** 31 - 1, 1, 1, 1, 1],
      [2, 1, 10_000, 1, 1, 2, 2], // layers that take almost nothing
    ]) {
      const bytes = Uint8Array.from(model);
      new Int32Array(bytes.buffer, 0, 7).set(sizes);
      expect(await judge.load(files({ "tiny.bin": bytes }))).not.toBe("");
    }
    const odd = llama2cFile([6, 12, 1, 2, 2, 264, 16]);
    expect(await judge.load(files({ "tiny.bin": odd }))).toMatch(/tiny\.bin: not a llama2\.c file.*even headDim/);
    const few = llama2cFile([8, 12, 2, 2, 1, 100, 16]);
    expect(await judge.load(files({ "tiny.bin": few })), "describing does not compare the two").toMatch(/has 264 ids/);
  });

  it("bytes of the header and of the tokenizer changed at random", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(27), fc.uint8Array({ minLength: 1, maxLength: 6 }), async (at, bytes) => {
        await judge.load(files({ "tiny.bin": patched(model, at, bytes) }));
      }),
      { numRuns: 250, seed: SEED },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.nat(tokenizer.length - 1),
        fc.uint8Array({ minLength: 1, maxLength: 6 }),
        async (at, bytes) => {
          await judge.load(files({ "tokenizer.bin": patched(tokenizer, at, bytes) }));
        },
      ),
      { numRuns: 150, seed: SEED },
    );
  });

  it("numbers that are not finite load: the file is what it says", async () => {
    for (const value of [NaN, Infinity, -Infinity, 1e38]) {
      const bytes = Uint8Array.from(model);
      new Float32Array(bytes.buffer, 28).fill(value);
      expect(await judge.load(files({ "tiny.bin": bytes }))).toBe("");
    }
  });

  it("bytes at random, and other kinds of files under this name", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 80 }), async (bytes) => {
        await judge.load(new Map([["x.bin", bytes]]));
        await judge.load(files({ "tokenizer.bin": bytes }));
      }),
      { numRuns: 60, seed: SEED },
    );
    for (const start of [
      "PK\x03\x04",
      "24ka",
      "GGUF",
      "\x80\x02",
      "<!doctype html><html>",
      "version https://git-lfs.github.com/spec/v1\n",
    ]) {
      const bytes = Uint8Array.from(start.padEnd(100, "\0"), (char) => char.charCodeAt(0));
      expect(await judge.load(new Map([["x.bin", bytes]]))).toMatch(/^FormatError/);
    }
  });
});

describe("all of them together", () => {
  it("are many, and each is judged fast", () => judge.finish(900));
});
