/** How tensors of files become parameters: whole rows are moved, whatever they are made of. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError, FormatError } from "../../../src/errors.ts";
import {
  canonicalNames,
  fromFile,
  nameInFile,
  nameSome,
  toFile,
} from "../../../src/formats/architectures/tensor-rules.ts";
import type { TensorArray, TensorNames, TensorRule } from "../../../src/formats/architectures/tensor-rules.ts";
import { resolveConfig } from "../../../src/model/config.ts";

const sizes = { vocabSize: 5, contextLength: 4, dModel: 8, nLayers: 1, nHeads: 2 };
const config = resolveConfig(sizes);
const [Q, K, V] = ["q", "k", "v"].map((name) => `blocks.{i}.attention.${name}Proj.weight`);

function names(rule: Partial<TensorRule>): TensorNames {
  return { rules: [{ theirs: "layer.{i}.w", ours: [Q], ...rule }] };
}

/** Rows 0, 1, 2 … of two equal numbers. */
function rows(count: number, start = 0): TensorArray {
  return { shape: [count, 2], data: Float32Array.from({ length: 2 * count }, (_, i) => start + Math.floor(i / 2)) };
}

function firstOfRows({ data, shape }: TensorArray): number[] {
  return Array.from({ length: shape[0] }, (_, row) => data[(row * data.length) / shape[0]]);
}

const block0 = (name: string): string => name.replace("{i}", "0");

describe("the rows of a tensor", () => {
  it("lie one parameter behind the other", () => {
    const grouped = resolveConfig({ ...sizes, nKvHeads: 1 });
    const rule = names({ ours: [Q, K, V] });
    const found = fromFile("f", rule, grouped, new Map([["layer.0.w", rows(16)]]));
    expect([...found].map(([name, value]) => [name, value.shape[0], firstOfRows(value)[0]])).toEqual([
      [block0(Q), 8, 0],
      [block0(K), 4, 8],
      [block0(V), 4, 12],
    ]);
  });

  it("lie head by head (GPT-NeoX)", () => {
    const found = fromFile("f", names({ ours: [Q, K, V], order: "heads" }), config, new Map([["layer.0.w", rows(24)]]));
    expect([...found.values()].map(firstOfRows)).toEqual([
      [0, 1, 2, 3, 12, 13, 14, 15],
      [4, 5, 6, 7, 16, 17, 18, 19],
      [8, 9, 10, 11, 20, 21, 22, 23],
    ]);
  });

  it("lie with neighbours that turn together (GGUF's Llama)", () => {
    const [found] = fromFile("f", names({ order: "pairs" }), config, new Map([["layer.0.w", rows(8)]])).values();
    expect(firstOfRows(found)).toEqual([0, 2, 1, 3, 4, 6, 5, 7]); // there: 0 with 1, here: 0 with 2
  });

  it("are the same ones if they are bytes of another type, which goes with them", () => {
    const bytes = { shape: [24, 32], dtype: "Q8_0", data: Uint8Array.from({ length: 24 * 34 }, (_, i) => i / 34) };
    const rule = names({ ours: [Q, K, V], order: "heads" });
    const found = fromFile("f", rule, config, new Map([["layer.0.w", bytes]]));
    const key = found.get(block0(K)) as TensorArray<Uint8Array>;
    expect(key).toMatchObject({ shape: [8, 32], dtype: "Q8_0" });
    expect([key.data.length, key.data[0], key.data[34 * 4], key.data.at(-1)]).toEqual([8 * 34, 4, 16, 19]);
    const [back] = toFile("test", rule, config, found).values();
    expect({ ...back, data: back.data }).toEqual(bytes);
  });

  it.each<Partial<TensorRule>>([
    {},
    { ours: [Q, K, V] },
    { ours: [Q, K, V], order: "heads" },
    { order: "pairs" },
    { transposed: true },
    { ours: [Q, K, V], transposed: true },
    { added: 1 },
  ])("come back by %j", (rule) => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 40 }),
        (heads, half, width) => {
          const sized = resolveConfig({ ...sizes, nHeads: heads, headDim: 2 * half });
          const count = 2 * heads * half;
          const values = new Map(
            (rule.ours ?? [Q]).map((name, part) => [
              block0(name),
              { shape: [count, width], data: Float32Array.from({ length: count * width }, (_, i) => part * 1000 + i) },
            ]),
          );
          const there = toFile("test", names(rule), sized, values);
          expect([...there.values()][0].shape[rule.transposed ? 1 : 0]).toBe(count * values.size);
          const back = fromFile("f", names(rule), sized, there);
          expect([...back.keys()]).toEqual([...values.keys()]);
          for (const [name, { shape, data }] of values) expect(back.get(name)).toEqual({ shape, data });
        },
      ),
    );
  });

  it("share memory with the file where nothing is moved", () => {
    const value = rows(8);
    const [found] = fromFile("f", names({}), config, new Map([["layer.0.w", value]])).values();
    expect(found.data.buffer).toBe(value.data.buffer);
  });
});

describe("refused", () => {
  const bytes = { shape: [8, 2], data: new Uint8Array(16) };

  it.each<[string, Partial<TensorRule>, TensorArray<Float32Array | Uint8Array>]>([
    ['f: "layer.0.w" [9, 2] cannot be split into 3 by the config', { ours: [Q, K, V] }, rows(9)],
    ['f: "layer.0.w" [23, 2] cannot be split into 3 by the config', { ours: [Q, K, V], order: "heads" }, rows(23)],
    ['f: "layer.0.w" [9, 2] cannot be split into 1 by the config', { order: "pairs" }, rows(9)],
    ['f: "layer.0.w" [8] cannot be split into 1', { transposed: true }, { shape: [8], data: new Float32Array(8) }],
    ['f: "layer.0.w" [] cannot be split into 1', { order: "pairs" }, { shape: [], data: new Float32Array(1) }],
    ['f: the architecture has no place for "layer.0.w"', { theirs: "other" }, rows(8)],
    ['"layer.0.w" must be held as 32-bit floats', { transposed: true }, bytes],
    ['"layer.0.w" must be held as 32-bit floats', { added: 1 }, bytes],
  ])("%s", (message, rule, value) => {
    const readAll = (): unknown =>
      [...fromFile("f", names(rule), config, new Map([["layer.0.w", value]])).values()].map(({ data }) => data);
    expect(readAll).toThrow(FormatError);
    expect(readAll).toThrow(message);
  });

  it("parameters that do not go together", () => {
    const mixed = new Map([Q, K, V].map((name, i) => [block0(name), { ...rows(8), dtype: i === 1 ? "F16" : "F32" }]));
    const write = (): unknown => toFile("test", names({ ours: [Q, K, V] }), config, mixed);
    expect(write).toThrow(ConfigError);
    expect(write).toThrow('test: shapes do not fit into "layer.0.w": [8, 2], [8, 2], [8, 2]');
    expect(() => toFile("test", names({}), config, new Map([["x", rows(1)]]))).toThrow(
      'test: the architecture has no parameter "x"',
    );
  });
});

describe("names", () => {
  it("are found under other beginnings, and what carries no weights is left out", () => {
    const all: TensorNames = {
      rules: [{ theirs: "model.layers.{i}.w", ours: [Q] }],
      renamed: [
        ["text.", ""],
        ["", "model."],
      ],
      ignored: ["model.layers.{i}.buffer", "eyes.*"],
    };
    const values = new Map(
      ["layers.3.w", "text.model.layers.4.w", "layers.3.buffer", "text.eyes.3", "eyes.1.w", "score"].map((name) => [
        name,
        0,
      ]),
    );
    expect([...canonicalNames(all, values).keys()]).toEqual(["model.layers.3.w", "model.layers.4.w", "score"]);
    expect(nameInFile(all, Q)).toBe("model.layers.{i}.w");
    expect(nameInFile(all, K)).toBeUndefined();
  });

  it("are shown up to three", () => {
    expect(nameSome(["a"])).toBe('"a"');
    expect(nameSome(["a", "b", "c", "d", "e"])).toBe('"a", "b", "c" and 2 more');
  });
});
