/** What the tests of damaged and hostile model files share: tiny good models, ways to damage them, and the judge. */
import { expect } from "vitest";
import { HeedError } from "../../src/errors.ts";
import { joinParts } from "../../src/formats/parts.ts";
import { readSafetensors } from "../../src/formats/safetensors.ts";
import { writeSafetensors } from "../../src/formats/safetensors-writer.ts";
import { saveModel } from "../../src/formats/save.ts";
import { modelAsGGUF } from "../../src/formats/save-gguf.ts";
import type { WeightType } from "../../src/formats/weights.ts";
import { describeModel, loadModel } from "../../src/load.ts";
import type { LoadOptions } from "../../src/load.ts";
import { presets } from "../../src/model/config.ts";
import type { ModelConfig } from "../../src/model/config.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { BPETokenizer } from "../../src/tokenizer/bpe.ts";

/** Files by name. */
export type Files = Map<string, Uint8Array>;

/** Every run of every machine tries the same cases. */
export const SEED = 20_260;

const encoder = new TextEncoder();

/** The bytes of a text, or of a value as JSON. */
export function bytesOf(value: unknown): Uint8Array {
  return encoder.encode(typeof value === "string" ? value : JSON.stringify(value));
}

/** A file with other bytes from some place on; what would lie behind its end is left out. */
export function patched(file: Uint8Array, at: number, bytes: ArrayLike<number>): Uint8Array {
  const copy = new Uint8Array(file);
  for (let i = 0; i < bytes.length && at + i < copy.length; i++) copy[at + i] = bytes[i];
  return copy;
}

/** Every hundredth of a length, the last few bytes, and the first few. */
export function cuts(length: number): number[] {
  const places = Array.from({ length: 100 }, (_, i) => Math.floor((i * length) / 100));
  return [...new Set([...places, 1, 3, 4, 7, 8, 9, 12, 24, 27, 28, length - 4, length - 1])].filter(
    (at) => at < length,
  );
}

// ---------------------------------------------------------------- good models

const TINY: ModelConfig = { vocabSize: 264, contextLength: 16, dModel: 8, nLayers: 2, nHeads: 2, dFf: 12 };

/** A byte-level tokenizer of 260 tokens. */
export function tinyTokenizer(): BPETokenizer {
  return BPETokenizer.train("the sea, the sea, the ship", { vocabSize: 260 });
}

/** A folder as `saveModel` writes it. */
export async function tinyFolder(family: "llama" | "gpt2", overrides: Partial<ModelConfig> = {}): Promise<Files> {
  const files: Files = new Map();
  const model = new Transformer(presets[family]({ ...TINY, ...overrides }), { seed: 1 });
  await saveModel({ model, tokenizer: tinyTokenizer(), generationDefaults: { bosId: 3, eosIds: [4, 5] } }, files);
  files.set(
    "tokenizer_config.json",
    bytesOf({ eos_token: "a", chat_template: "{% for m in messages %}{{ m }}{% endfor %}" }),
  );
  return files;
}

/** The same model in two files with an index. */
export async function shardedFolder(): Promise<Files> {
  const files = await tinyFolder("llama");
  const whole = readSafetensors(files.get("model.safetensors") as Uint8Array);
  files.delete("model.safetensors");
  const names = whole.names;
  const map: Record<string, string> = {};
  for (const part of [0, 1]) {
    const file = `model-0000${part + 1}-of-00002.safetensors`;
    const own = names.filter((_, i) => i % 2 === part);
    files.set(file, writeSafetensors(new Map(own.map((name) => [name, whole.tensor(name)]))));
    for (const name of own) map[name] = file;
  }
  files.set("model.safetensors.index.json", bytesOf({ metadata: { total_size: 1 }, weight_map: map }));
  return files;
}

/** A GGUF file with a byte-level tokenizer. */
export function tinyGGUF(dtype: WeightType = "f32", overrides: Partial<ModelConfig> = {}): Uint8Array {
  const model = new Transformer(presets.llama({ ...TINY, ...overrides }), { seed: 1 });
  const lm = { model, tokenizer: tinyTokenizer(), generationDefaults: { bosId: 3, eosIds: [4] } };
  return joinParts("test", modelAsGGUF("test", lm, "tiny", dtype));
}

/** The seven sizes of a llama2.c file, in the order of the file. */
export const LLAMA2C_SIZES: readonly number[] = [8, 12, 2, 2, 1, 264, 16];

/** A llama2.c file; its numbers are small and all the same. */
export function llama2cFile([dim, hidden, layers, heads, kvHeads, vocab, context]: readonly number[]): Uint8Array {
  const kvDim = (dim / heads) * kvHeads;
  const perLayer = 2 * dim + 2 * dim * dim + 2 * kvDim * dim + 3 * hidden * dim;
  const head = vocab < 0 ? -vocab * dim : 0;
  const count = Math.abs(vocab) * dim + layers * perLayer + dim + context * (dim / heads) + head;
  const bytes = new Uint8Array(28 + 4 * count);
  new Int32Array(bytes.buffer, 0, 7).set([dim, hidden, layers, heads, kvHeads, vocab, context]);
  new Float32Array(bytes.buffer, 28).fill(0.01);
  return bytes;
}

/** A tokenizer.bin of 264 tokens. */
export function llama2cTokenizer(): Uint8Array {
  const spellings = ["<unk>", "<s>", "</s>", ...Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16)}>`)];
  const entries = [...spellings, " ", "a", "b", "ab", " ab"].map((spelling, id) => {
    const bytes = encoder.encode(spelling);
    const head = new Uint8Array(8);
    new DataView(head.buffer).setFloat32(0, -id, true);
    new DataView(head.buffer).setUint32(4, bytes.length, true);
    return [...head, ...bytes];
  });
  return Uint8Array.from([8, 0, 0, 0, ...entries.flat()]);
}

// ---------------------------------------------------------------- hostile values

/** A hundred thousand levels of brackets. */
const deep = (open: string, close: string): string => open.repeat(1e5) + close.repeat(1e5);

/** What no JSON file should hold in most places, as text. */
export const HOSTILE_JSON: readonly string[] = [
  ..."null true false 0 1 2 3 -1 -0 0.5 1e-320 1e308 -1e308 1e999 -1e999 7 1000003 16777215".split(" "),
  ...["2147483648", "4294967295", "1099511627776", "9007199254740993", "9223372036854775808", "18446744073709551615"],
  ...['""', '"x"', '"\\u0000"', '"\\ud800"', '"__proto__"', '"constructor"', '"../../etc/passwd"', '"NaN"', '"1"'],
  ...[
    "[]",
    "{}",
    "[[]]",
    "[{}]",
    "[null]",
    "[1,2]",
    "[0,18446744073709551615]",
    '{"a":1}',
    '["a","b"]',
    '{"type":"x"}',
  ],
  ...['{"__proto__":{"x":1}}', '{"length":4294967295}', `"${"long".repeat(5000)}"`, `[${"1,".repeat(3000)}1]`],
];

/** Nested beyond what the stack holds. */
export const DEEP_JSON: readonly string[] = [
  deep("[", "]"),
  deep('{"a":', "}").replace("}", "1}"),
  deep('[{"a":', "}]").replace("}", "1}"),
];

/**
 * A JSON document with one place changed: `path` walks down to it (each step chooses among the entries there), and `what`
 * puts another value there, removes it, doubles its key, or moves it under another key.
 */
export function changedJSON(
  json: unknown,
  path: readonly number[],
  what: number,
  values: readonly string[] = HOSTILE_JSON,
): string {
  const marker = "\u0001here\u0001";
  const copy = JSON.parse(JSON.stringify(json)) as Record<string, unknown>;
  let parent: Record<string, unknown> = copy;
  let key = "";
  for (const step of path) {
    const inner: unknown = key === "" ? parent : parent[key];
    if (typeof inner !== "object" || inner === null || Object.keys(inner).length === 0) break;
    parent = inner as Record<string, unknown>;
    const keys = Object.keys(parent);
    key = keys[step % keys.length];
  }
  const kind = what % (values.length + 3);
  if (kind === values.length) {
    if (Array.isArray(parent)) parent.splice(Number(key), 1);
    else delete parent[key];
    return JSON.stringify(copy);
  }
  const before = JSON.stringify(parent[key]);
  parent[key] = marker;
  const text = JSON.stringify(copy);
  const [quoted, name] = [JSON.stringify(marker), JSON.stringify(key)];
  if (kind === values.length + 1 && !Array.isArray(parent))
    return text.replace(quoted, () => `${before},${name}:${before}`);
  if (kind === values.length + 2 && !Array.isArray(parent))
    return text.replace(`${name}:${quoted}`, () => `${JSON.stringify(`${key}_`)}:${before}`);
  return text.replace(quoted, () => values[kind % values.length]);
}

/** Numbers that counts, sizes and offsets of binary files should not have. */
export const HOSTILE_SIZES: readonly bigint[] = [
  ...[0n, 1n, 2n, 3n, 5n, 31n, 32n, 255n, 2n ** 16n, 2n ** 20n, 2n ** 24n, 2n ** 29n, 2n ** 31n - 1n, 2n ** 31n],
  ...[2n ** 32n - 1n, 2n ** 32n, 2n ** 40n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 61n, 2n ** 62n, 2n ** 63n - 1n, 2n ** 63n],
  ...[2n ** 64n - 1n, 2n ** 64n - 8n, 2n ** 64n - 2n ** 32n],
];

/** A number of 4 or 8 bytes, little-endian. */
export function little(value: bigint, bytes: 4 | 8): Uint8Array {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, BigInt.asUintN(64, value), true);
  return out.subarray(0, bytes);
}

// ---------------------------------------------------------------- the judge

/** Kinds of errors, by their codes, that a case may end with. */
export type Code = "format" | "file" | "config" | "tokenizer";

const ARRAYS = [
  "ArrayBuffer",
  "Uint8Array",
  "Uint16Array",
  "Uint32Array",
  "Int8Array",
  "Int32Array",
  "Float32Array",
  "Float64Array",
] as const;

/** What valid work may allocate beside the file: caches and tables of a tokenizer, rotary angles. */
const ROOM = 1 << 20;

/** Counts bytes that are allocated by size, in arrays and in the backend's memory, while `work` runs. */
async function metered<T>(work: () => Promise<T>): Promise<[result: T, bytes: number]> {
  const scope = globalThis as unknown as Record<string, new (...args: unknown[]) => unknown>;
  const before = ARRAYS.map((name) => scope[name]);
  const { pinned } = Tensor;
  let bytes = 0;
  for (const [i, name] of ARRAYS.entries()) {
    const own = before[i] as unknown as { BYTES_PER_ELEMENT?: number };
    const proxy: (typeof before)[number] = new Proxy(before[i], {
      construct(target, args: unknown[], newTarget) {
        if (typeof args[0] === "number") bytes += args[0] * (own.BYTES_PER_ELEMENT ?? 1);
        return Reflect.construct(target, args, newTarget === proxy ? target : newTarget) as object;
      },
    });
    scope[name] = proxy;
  }
  Tensor.pinned = (shape) => {
    bytes += 4 * shape.reduce((product, axis) => product * axis, 1);
    return pinned.call(Tensor, shape);
  };
  try {
    return [await work(), bytes];
  } finally {
    for (const [i, name] of ARRAYS.entries()) scope[name] = before[i];
    Tensor.pinned = pinned;
  }
}

/** Runs cases, judges each, and remembers how many there were and how long they took. */
export class Judge {
  #count = 0;
  readonly #times: number[] = [];
  /** How cases ended: "loaded", or the code of the error. */
  readonly outcomes: Map<string, number> = new Map<string, number>();

  /**
   * Loads and describes a model: either both work, and then it computes; or there is an error of one of these kinds that
   * names a file. Neither takes long, nor more memory than the files have twice.
   *
   * @returns the message of the error, "" if there was none
   */
  async load(files: Files | Blob, codes: readonly Code[] = ["format"], options: LoadOptions = {}): Promise<string> {
    this.#count++;
    const names = files instanceof Blob ? [] : [...files.keys()];
    const size = files instanceof Blob ? files.size : [...files.values()].reduce((sum, bytes) => sum + bytes.length, 0);
    const described = await this.#try(() => describeModel(files), codes, names, size);
    const message = await this.#try(
      async () => {
        const { model } = await loadModel(files, options);
        return () => {
          const { shape } = model.forward([0]);
          expect(shape).toEqual([1, 1, model.config.vocabSize]);
          model.dispose();
        };
      },
      codes,
      names,
      size,
    );
    // Loading looks at more than describing, never at less.
    if (described !== "") expect(message, described).not.toBe("");
    return message;
  }

  /** Runs another reader of a file of which `load` makes a case, too; `names` are those that a message may name. */
  async read(read: () => unknown, names: readonly string[], size: number): Promise<string> {
    return this.#try(async () => read(), ["format"], names, size);
  }

  async #try(
    work: () => Promise<unknown>,
    codes: readonly Code[],
    names: readonly string[],
    size: number,
  ): Promise<string> {
    let message = await this.#once(work, codes, names, size);
    // A machine that is busy elsewhere gets a second chance; a slow case is slow again.
    if ((this.#times.at(-1) ?? 0) > 1000) {
      this.#times.pop();
      message = await this.#once(work, codes, names, size);
    }
    return message;
  }

  async #once(
    work: () => Promise<unknown>,
    codes: readonly Code[],
    names: readonly string[],
    size: number,
  ): Promise<string> {
    const start = performance.now();
    const [result, allocated] = await metered(() => work().catch((error: unknown) => error));
    this.#times.push(performance.now() - start);
    const isError = result instanceof Error;
    const message = isError ? `${result.name}: ${result.message}` : "";
    expect(allocated, `bytes allocated for files of ${size}. ${message}`).toBeLessThanOrEqual(2 * size + ROOM);
    if (!isError) {
      this.#note("loaded");
      if (typeof result === "function") result();
      return "";
    }
    if (!(result instanceof HeedError)) throw result;
    this.#note(result.code);
    expect(codes, message).toContain(result.code);
    expect(result.message.length, message).toBeLessThan(1500);
    if (result.code === "format" && names.length > 0)
      expect(
        names.some((name) => result.message.includes(name)),
        `no file is named: ${message}`,
      ).toBe(true);
    return message;
  }

  #note(outcome: string): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
  }

  /** Asserts that there were as many cases, that half took less than 100 ms and none more than a second. */
  finish(atLeast: number): void {
    const sorted = [...this.#times].sort((a, b) => a - b);
    if (process.env.HEED_ERRORS !== undefined)
      console.log(
        `${this.#count} cases, median ${sorted[sorted.length >> 1].toFixed(2)} ms, longest ${(sorted.at(-1) ?? 0).toFixed(0)} ms, in all ${(sorted.reduce((a, b) => a + b, 0) / 1000).toFixed(1)} s;`,
        Object.fromEntries(this.outcomes),
      );
    expect(this.#count).toBeGreaterThanOrEqual(atLeast);
    expect(sorted[sorted.length >> 1]).toBeLessThan(100);
    expect(sorted.at(-1)).toBeLessThan(1000);
    expect(this.outcomes.size, "some load and some do not").toBeGreaterThan(1);
  }
}
