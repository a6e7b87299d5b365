/** Hostile and damaged GGUF files: each loads or is refused with an error that names the file. */
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { readGGUFHeader } from "../../src/formats/gguf-header.ts";
import type { GGUFHeader } from "../../src/formats/gguf-header.ts";
import { ggufFile } from "./gguf-file.ts";
import type { Typed, WrittenHeader, WrittenTensor } from "./gguf-file.ts";
import { HOSTILE_SIZES, Judge, SEED, cuts, little, patched, tinyGGUF } from "./hostile-cases.ts";
import type { Code } from "./hostile-cases.ts";

const judge = new Judge();
const NAME = "tiny.gguf";
let file: Uint8Array;
let blocks: Uint8Array;
let header: GGUFHeader;
let good: Required<Pick<WrittenHeader, "metadata" | "tensors" | "dataBytes">>;

/** A kind of tokenizer, or a split, that nobody knows is a TokenizerError; everything else is about the format. */
const EITHER: readonly Code[] = ["format", "tokenizer"];

beforeAll(() => {
  file = tinyGGUF();
  blocks = tinyGGUF("q8_0", { dModel: 32, nLayers: 1 });
  header = readGGUFHeader(file, NAME);
  good = {
    metadata: [...header.metadata].map(([key, value]) => [key, typed(value)] as const),
    tensors: header.tensors.map(({ name, shape, type, begin }) => ({
      name,
      axes: [...shape].reverse(),
      type,
      offset: begin - header.dataStart,
    })),
    dataBytes: file.length - header.dataStart,
  };
});

function typed(value: unknown): Typed {
  if (typeof value === "string") return { type: 8, value };
  if (typeof value === "boolean") return { type: 7, value };
  if (typeof value === "number") return { type: Number.isInteger(value) ? 4 : 6, value };
  const items = Array.isArray(value) ? 8 : value instanceof Int32Array ? 5 : 6;
  return { type: 9, items, value: [...(value as string[])] };
}

/** Values that metadata should not have in most places. */
const HOSTILE_VALUES: readonly Typed[] = [
  ...[0n, 1n, 3n, 2n ** 31n, 2n ** 32n - 1n].map((value): Typed => ({ type: 4, value })),
  ...[-1n, -(2n ** 31n)].map((value): Typed => ({ type: 5, value })),
  ...[2n ** 40n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n].map((value): Typed => ({ type: 10, value })),
  ...[-1n, -(2n ** 63n)].map((value): Typed => ({ type: 11, value })),
  ...[NaN, Infinity, -Infinity, 0, -1, 0.5, 1e30, 1e-40].map((value): Typed => ({ type: 6, value })),
  ...[NaN, 1e308, 5e-324].map((value): Typed => ({ type: 12, value })),
  ...[true, false].map((value): Typed => ({ type: 7, value })),
  ...["", "x", "\0", "llama", "none", "__proto__", "x".repeat(10_000), "{{"].map((value): Typed => ({
    type: 8,
    value,
  })),
  { type: 9, items: 8, value: [] },
  { type: 9, items: 8, value: ["a", "a"] },
  { type: 9, items: 8, value: Array.from({ length: 300 }, (_, i) => `t${i}`) },
  { type: 9, items: 4, value: [1, 2, 3] },
  { type: 9, items: 6, value: [NaN, Infinity] },
  { type: 9, items: 7, value: [true, false] },
  { type: 9, items: 11, value: [-1n] },
];

/** The file with another header; its numbers are zeros. */
function write(changes: Partial<WrittenHeader>): Uint8Array {
  const head = ggufFile({ ...good, ...changes, dataBytes: 0 });
  const bytes = new Uint8Array(head.length + good.dataBytes);
  bytes.set(head);
  return bytes;
}

const load = (bytes: Uint8Array, codes: readonly Code[] = ["format"]): Promise<string> => {
  return judge.load(new Map([[NAME, bytes]]), codes);
};

/** The file with one tensor changed. */
function withTensor(index: number, changes: Partial<WrittenTensor>): Uint8Array {
  return write({ tensors: good.tensors.map((tensor, i) => (i === index ? { ...tensor, ...changes } : tensor)) });
}

describe("hostile GGUF files", () => {
  it("the models are good before they are damaged", async () => {
    expect(await load(file)).toBe("");
    expect(await load(blocks)).toBe("");
    expect(await load(write({}))).toBe("");
    expect(await judge.load(new Blob([file as Uint8Array<ArrayBuffer>]))).toBe("");
  });

  it("cut anywhere", async () => {
    for (const bytes of [file, blocks]) {
      // What fills up behind the last tensor is no part of it.
      const end = Math.max(...readGGUFHeader(bytes).tensors.map((tensor) => tensor.end));
      for (const at of cuts(end)) expect(await load(bytes.slice(0, at))).toMatch(/^FormatError/);
      for (const at of cuts(header.dataStart)) expect(await load(bytes.slice(0, at))).toMatch(/^FormatError/);
    }
  });

  it("hostile counts", async () => {
    for (const count of HOSTILE_SIZES) {
      for (const at of [8, 16])
        expect(await load(patched(file, at, little(count, 8)))).toMatch(/^FormatError: tiny\.gguf/);
      await load(patched(file, 4, little(count, 4)));
    }
  });

  it("hostile lengths of texts and lists, wherever they stand", async () => {
    const view = new DataView(file.buffer, file.byteOffset, header.dataStart);
    let found = 0;
    for (let at = 24; at + 8 <= header.dataStart && found < 120; at++) {
      const length = view.getBigUint64(at, true);
      if (length === 0n || length > 400n || view.getUint8(at) === 0) continue;
      found++;
      for (const size of [2n ** 63n, 2n ** 64n - 1n, 2n ** 32n - 1n, length + 1n, 0n])
        await load(patched(file, at, little(size, 8)), EITHER);
    }
    expect(found).toBeGreaterThan(50);
  });

  it("every value of the metadata replaced by hostile ones, removed, or there twice", async () => {
    const named = good.metadata.filter(([key]) => key !== "general.name");
    for (const [index, [key]] of named.entries()) {
      const others = named.filter((_, i) => i !== index);
      await load(write({ metadata: others }), EITHER);
      expect(await load(write({ metadata: [...named, named[index]] }))).toMatch(/the key occurs twice/);
      // Half of the values for each key, the other half for the next.
      const values = HOSTILE_VALUES.filter((_, i) => i % 2 === index % 2);
      for (const value of values) await load(write({ metadata: [...others, [key, value]] }), EITHER);
    }
  });

  it("settings that nobody wrote: scaling, windows, experts, splits", async () => {
    const keys = [
      ..."scaling.type scaling.factor scaling.original_context_length scaling.attn_factor scale_linear freq_base".split(
        " ",
      ),
      ..."scaling.yarn_beta_fast scaling.yarn_log_multiplier dimension_count".split(" "),
    ].map((key) => `llama.rope.${key}`);
    keys.push("llama.expert_count", "llama.attention.sliding_window", "llama.attention.key_length", "split.count");
    keys.push(
      "general.alignment",
      "tokenizer.chat_template",
      "tokenizer.chat_templates",
      "tokenizer.ggml.add_bos_token",
    );
    keys.push("tokenizer.ggml.padding_token_id", "tokenizer.ggml.scores");
    for (const key of keys) {
      const others = good.metadata.filter(([name]) => name !== key);
      for (const value of HOSTILE_VALUES.filter((_, i) => i % 2 === 0))
        await load(write({ metadata: [...others, [key, value]] }), EITHER);
      for (const type of ["linear", "yarn", "longrope", "llama3"]) {
        if (!key.startsWith("llama.rope.scaling.") || key.endsWith("type")) continue;
        const typeEntry = ["llama.rope.scaling.type", { type: 8, value: type }] as const;
        for (const value of HOSTILE_VALUES.slice(0, 22).filter((_, i) => i % 4 === 0))
          await load(write({ metadata: [...others, typeEntry, [key, value]] }), EITHER);
      }
    }
  });

  it("tensors with hostile shapes, types and places", async () => {
    for (const index of [0, 1, good.tensors.length - 1]) {
      const { axes } = good.tensors[index];
      for (const size of HOSTILE_SIZES) {
        await load(withTensor(index, { axes: [size, ...axes.slice(1)] }));
        await load(withTensor(index, { axes: [...axes, size] }));
        await load(withTensor(index, { axes: [size, size, size, size] }));
        await load(withTensor(index, { offset: size }));
        await load(withTensor(index, { type: Number(size & 0xffffffffn) }));
      }
      for (let type = 0; type < 42; type++) {
        const dtype = (["f32", "f16", "bf16", "q8_0", "q4_0"] as const)[type % 5];
        await judge.load(new Map([[NAME, withTensor(index, { type })]]), ["format"], { dtype });
      }
      expect(await load(withTensor(index, { axes: [1, 1, 1, 1, 1] }))).toMatch(/5 axes/);
      expect(await load(withTensor(index, { axes: [] }))).toMatch(/^FormatError/);
      expect(await load(withTensor(index, { offset: (good.tensors[index].offset as number) + 4 }))).toMatch(
        /not a multiple/,
      );
      const other = good.tensors[(index + 1) % good.tensors.length];
      expect(await load(withTensor(index, { offset: other.offset }))).toMatch(/overlaps|truncated/);
      expect(await load(withTensor(index, { name: other.name }))).toMatch(/the name occurs twice/);
      expect(await load(withTensor(index, { name: "x".repeat(100_000) }))).toMatch(/^FormatError/);
    }
    expect(await load(write({ tensors: [] }))).toMatch(/^FormatError/);
  });

  it("tokenizers whose parts do not fit", async () => {
    const list = (name: string): readonly unknown[] =>
      header.metadata.get(`tokenizer.ggml.${name}`) as readonly unknown[];
    const [tokens, merges] = [list("tokens") as string[], list("merges") as string[]];
    const lists: Record<string, readonly string[][]> = {
      tokens: [
        tokens.slice(1),
        tokens.slice(0, 10),
        [...tokens, "zz"],
        [...tokens, tokens[0]],
        tokens.map(() => ""),
        [...tokens].reverse(),
      ],
      merges: [
        ["a"],
        ["a b c"],
        ["qqq zzz"],
        [""],
        [" "],
        [...merges, ...merges],
        [...merges].reverse(),
        ["a b", "b a"],
      ],
    };
    for (const [name, values] of Object.entries(lists)) {
      const key = `tokenizer.ggml.${name}`;
      const others = good.metadata.filter(([other]) => other !== key);
      for (const value of values)
        await load(write({ metadata: [...others, [key, { type: 9, items: 8, value }]] }), EITHER);
    }
    const key = "tokenizer.ggml.token_type";
    const others = good.metadata.filter(([other]) => other !== key);
    for (const type of [-1, 0, 2, 3, 4, 5, 6, 7, 2 ** 31 - 1])
      await load(write({ metadata: [...others, [key, { type: 9, items: 5, value: tokens.map(() => type) }]] }), EITHER);
  });

  it("bytes of the header changed at random", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(header.dataStart - 1),
        fc.uint8Array({ minLength: 1, maxLength: 4 }),
        async (at, bytes) => {
          await load(patched(file, at, bytes), EITHER);
        },
      ),
      { numRuns: 300, seed: SEED },
    );
    const parameters = fc.tuple(fc.nat(header.dataStart - 1), fc.constantFrom(...HOSTILE_SIZES), fc.constantFrom(4, 8));
    await fc.assert(
      fc.asyncProperty(parameters, async ([at, size, bytes]) => {
        await load(patched(file, at, little(size, bytes as 4 | 8)), EITHER);
      }),
      { numRuns: 300, seed: SEED },
    );
  });

  it("bytes at random behind the first ones", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 100 }), fc.constantFrom(0, 4, 8, 24), async (bytes, kept) => {
        await load(new Uint8Array([...file.subarray(0, kept), ...bytes]));
      }),
      { numRuns: 120, seed: SEED },
    );
  });
});

describe("all of them together", () => {
  it("are many, and each is judged fast", () => judge.finish(2000));
});
