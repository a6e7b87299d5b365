/** Hostile and damaged folders: config.json, index, tokenizer.json and what lies beside them. Each loads or is refused by name. */
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import {
  DEEP_JSON,
  HOSTILE_JSON,
  Judge,
  SEED,
  bytesOf,
  changedJSON,
  cuts,
  patched,
  shardedFolder,
  tinyFolder,
} from "./hostile-cases.ts";
import type { Code, Files } from "./hostile-cases.ts";

const judge = new Judge();
const INDEX = "model.safetensors.index.json";
const [FIRST, SECOND] = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
let llama: Files;
let gpt2: Files;
let shards: Files;

/** Kinds of tokenizers and stages that heed does not know are TokenizerErrors. */
const EITHER: readonly Code[] = ["format", "tokenizer"];

type JSONObject = Record<string, unknown>;

beforeAll(async () => {
  [llama, gpt2, shards] = [await tinyFolder("llama"), await tinyFolder("gpt2"), await shardedFolder()];
  shards.delete("tokenizer.json");
});

const parsed = (files: Files, name: string): JSONObject =>
  JSON.parse(new TextDecoder().decode(files.get(name))) as JSONObject;
const replaced = (files: Files, name: string, content: string | Uint8Array): Files =>
  new Map([...files, [name, typeof content === "string" ? bytesOf(content) : content]]);
const without = (files: Files, ...names: string[]): Files =>
  new Map([...files].filter(([name]) => !names.includes(name)));

/** One of the names as it would be written, with a value that is text already. */
function withField(json: JSONObject, field: string, value: string): string {
  return JSON.stringify({ ...json, [field]: "\u0001" }).replace('"\\u0001"', () => value);
}

describe("hostile config.json", () => {
  it("the models are good before they are damaged", async () => {
    for (const files of [llama, gpt2, shards, await tinyFolder("gpt2", { position: "sinusoidal" })])
      expect(await judge.load(files)).toBe("");
  });

  it("every field replaced by everything that it should not be", async () => {
    for (const files of [llama, gpt2, await tinyFolder("gpt2", { position: "rotary" })]) {
      const plain = without(files, "tokenizer.json");
      const config = parsed(files, "config.json");
      // A context that nothing in the files vouches for makes tables of its size, up to a limit.
      const isContext = (field: string): boolean => /max_position|n_positions|contextLength/.test(field);
      const fields = [...Object.keys(config), "quantization_config", "sliding_window", "head_dim", "attention_bias"];
      for (const [index, field] of fields.entries()) {
        // Some of the values for each field, others for the next.
        const some = HOSTILE_JSON.filter(
          (_, i) => i % 3 === index % 3 || (files === llama && i % 3 === (index + 1) % 3),
        );
        for (const value of some.filter((value) => !isContext(field) || !/^(1000003|16777215)$/.test(value)))
          await judge.load(replaced(plain, "config.json", withField(config, field, value)));
      }
    }
  });

  it("sizes that do not fit one another or the tensors", async () => {
    const plain = without(llama, "tokenizer.json");
    const config = parsed(llama, "config.json");
    for (const [field, value] of Object.entries({
      num_hidden_layers: 2 ** 31,
      num_attention_heads: 3,
      num_key_value_heads: 4,
      max_position_embeddings: 2 ** 40,
      vocab_size: 0,
      hidden_size: 2 ** 30,
      intermediate_size: 13,
      head_dim: 2 ** 21,
      rope_theta: -1,
      rms_norm_eps: -1,
    }))
      expect(await judge.load(replaced(plain, "config.json", JSON.stringify({ ...config, [field]: value })))).toMatch(
        /^FormatError: (config\.json|model\.safetensors): /,
      );
  });

  it("scalings of rotary positions that make no sense", async () => {
    const plain = without(llama, "tokenizer.json");
    const config = parsed(llama, "config.json");
    const good: JSONObject = {
      ...{ factor: 2, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8, beta_fast: 32 },
      ...{ beta_slow: 1, mscale: 1, mscale_all_dim: 1, attention_factor: 1, short_factor: [1, 1], long_factor: [1, 1] },
    };
    for (const rope_type of ["linear", "dynamic", "llama3", "yarn", "longrope", "su", "x"]) {
      await judge.load(replaced(plain, "config.json", JSON.stringify({ ...config, rope_scaling: { rope_type } })));
      for (const field of Object.keys(good)) {
        for (const value of HOSTILE_JSON.slice(0, 32).filter((_, i) => i % 4 === 1)) {
          const scaling = withField({ ...good, rope_type }, field, value);
          await judge.load(replaced(plain, "config.json", withField(config, "rope_scaling", scaling)));
        }
      }
    }
  });

  it("bases and factors at the ends of what numbers can be", async () => {
    const plain = without(llama, "tokenizer.json");
    const config = parsed(llama, "config.json");
    for (const theta of [1, 1 + 2 ** -52, 1e15, 1e300, Number.MAX_VALUE]) {
      for (const factor of [1, 1e-300, 1e300])
        await judge.load(
          replaced(
            plain,
            "config.json",
            JSON.stringify({ ...config, rope_theta: theta, rope_scaling: { type: "linear", factor } }),
          ),
        );
    }
  });
});

describe("hostile JSON of every kind", () => {
  const names = ["config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json", INDEX];

  it("100,000 levels deep, at the top and in fields", async () => {
    for (const name of names) {
      const files = name === INDEX ? shards : llama;
      const json = parsed(files, name);
      const fields = [...Object.keys(json), "rope_scaling", "quantization_config"];
      for (const [kind, deep] of DEEP_JSON.entries()) {
        await judge.load(replaced(files, name, deep), EITHER);
        for (const field of fields.filter((_, i) => i % 6 === kind))
          await judge.load(replaced(files, name, withField(json, field, deep)), EITHER);
        expect(await judge.load(replaced(files, name, deep.slice(0, -1)), EITHER)).toMatch(
          /^FormatError.*not valid JSON/,
        );
      }
    }
  });

  it("one place changed at random", async () => {
    const choice = fc.tuple(
      fc.constantFrom(...names),
      fc.array(fc.nat(1000), { minLength: 1, maxLength: 5 }),
      fc.nat(200),
    );
    await fc.assert(
      fc.asyncProperty(choice, async ([name, path, what]) => {
        const files = name === INDEX ? shards : llama;
        // See above for contexts.
        const values = HOSTILE_JSON.filter((value) => !(name === "config.json" && /^(1000003|16777215)$/.test(value)));
        const codes: Code[] = name === INDEX ? ["format", "file"] : ["format", "tokenizer"];
        await judge.load(replaced(files, name, changedJSON(parsed(files, name), path, what, values)), codes);
      }),
      { numRuns: 500, seed: SEED },
    );
  });

  it("not text, not JSON, cut anywhere", async () => {
    for (const name of names) {
      const files = name === INDEX ? shards : llama;
      const bytes = files.get(name) as Uint8Array;
      for (const at of cuts(bytes.length - 1).filter((_, i) => i % 5 === 0))
        expect(await judge.load(replaced(files, name, bytes.slice(0, at)))).toMatch(/^FormatError/);
      for (const byte of [0x80, 0xc3, 0xff])
        expect(await judge.load(replaced(files, name, patched(bytes, bytes.indexOf(0x22) + 1, [byte])))).toMatch(
          /not valid UTF-8/,
        );
      for (const text of ["", "null", "[]", "1", '"x"', "{", "NaN", "{'a':1}", "<html>", "{}{}"])
        expect(await judge.load(replaced(files, name, text)), `${name}: ${text}`).toMatch(/^FormatError/);
    }
  });
});

describe("hostile tokenizers in folders", () => {
  const change = (edit: (json: JSONObject & { model: JSONObject }) => void): Files => {
    const json = parsed(llama, "tokenizer.json") as JSONObject & { model: JSONObject };
    edit(json);
    return replaced(llama, "tokenizer.json", JSON.stringify(json));
  };

  it("ids beyond the vocabulary, many or few, take no memory", async () => {
    for (const id of [264, 65_535, 1_000_000, 2 ** 24 - 1]) {
      expect(await judge.load(change(({ model }) => Object.assign(model.vocab as object, { zz: id })))).toMatch(
        /^FormatError/,
      );
      const added = { id, content: "<zz>", special: true };
      expect(await judge.load(change((json) => Object.assign(json, { added_tokens: [added] })))).toMatch(
        /^FormatError/,
      );
    }
    for (const id of [-1, 0.5, 2 ** 24, 2 ** 31, 1e300, null, "1"])
      expect(await judge.load(change(({ model }) => Object.assign(model.vocab as object, { zz: id })))).toMatch(
        /^FormatError/,
      );
  });

  it("merges that are none, or make nothing, or make each other", async () => {
    for (const merges of [
      ["a"],
      ["a b c"],
      ["x y"],
      [""],
      [" "],
      [null],
      [1],
      [["a"]],
      [["a", "b", "c"]],
      [["a", 1]],
      {},
      "ab",
    ])
      expect(await judge.load(change(({ model }) => Object.assign(model, { merges })))).toMatch(/^FormatError/);
    const many = Array.from({ length: 5000 }, () => "t h");
    await judge.load(
      change(({ model }) => Object.assign(model, { merges: many })),
      EITHER,
    );
  });

  it("stages without number, deep in one another, with patterns that explode", async () => {
    const split = (Regex: string): object => ({
      type: "Split",
      pattern: { Regex },
      behavior: "Isolated",
      invert: false,
    });
    const stages = Array.from({ length: 1000 }, (_, i) => split(`a{${i % 50}}b${i}`));
    const replacements = stages.map((_, i) => ({ type: "Replace", pattern: { Regex: `a${i}+` }, content: "b" }));
    for (const [name, value] of [
      ["pre_tokenizer", { type: "Sequence", pretokenizers: stages }],
      ["pre_tokenizer", { type: "Sequence", pretokenizers: [{ type: "Sequence", pretokenizers: stages }] }],
      ["normalizer", { type: "Sequence", normalizers: replacements }],
    ] as const) {
      const message = await judge.load(change((json) => Object.assign(json, { [name]: value })));
      expect(message).toMatch(new RegExp(`^FormatError: tokenizer.json: ${name} has 1000 stages, at most 100`));
    }
    for (const [name, value] of [
      ["pre_tokenizer", { type: "Sequence", pretokenizers: stages.slice(0, 100) }],
      ["decoder", { type: "Sequence", decoders: replacements }],
      ["pre_tokenizer", split("(a*)*(b*)*c{1000}{1000}")],
      ["pre_tokenizer", split("(?=a)".repeat(700))],
      ["pre_tokenizer", split("(".repeat(10_000))],
      ["pre_tokenizer", split("[".repeat(10_000))],
      ["pre_tokenizer", split("a|".repeat(10_000))],
      ["pre_tokenizer", split("\\p{L}{1000000000}")],
      ["normalizer", { type: "Prepend", prepend: "x".repeat(100_000) }],
    ] as const)
      await judge.load(
        change((json) => Object.assign(json, { [name]: value })),
        EITHER,
      );
  });

  it("chat templates that are broken load, and say so when they are used", async () => {
    for (const template of [
      "{{",
      "{% for %}",
      "{% endif %}",
      "{{ a".repeat(1000),
      "(".repeat(100_000),
      "{{ ((((".repeat(5000),
    ]) {
      const files = replaced(llama, "chat_template.jinja", template);
      expect(await judge.load(files)).toBe("");
      const config = JSON.stringify({ chat_template: template, bos_token: "a" });
      expect(await judge.load(replaced(llama, "tokenizer_config.json", config))).toBe("");
    }
  });
});

describe("hostile sets of files", () => {
  it("shards that are missing, cut, swapped, doubled or empty", async () => {
    expect(await judge.load(without(shards, FIRST), ["file"])).toMatch(/1 of the 2 files .* are missing: model-00001/);
    const [one, two] = [FIRST, SECOND].map((name) => shards.get(name) as Uint8Array);
    expect(await judge.load(new Map([...shards, [FIRST, two], [SECOND, one]]))).toMatch(/^FormatError/);
    expect(await judge.load(replaced(shards, FIRST, two))).toMatch(/is in model-00001-of-00002.safetensors, too/);
    expect(await judge.load(replaced(shards, FIRST, ""))).toMatch(/^FormatError/);
    for (const at of cuts(one.length))
      expect(await judge.load(replaced(shards, FIRST, one.slice(0, at)))).toMatch(/^FormatError/);
  });

  it("indexes that name other places, or themselves, or too much", async () => {
    const index = parsed(shards, INDEX) as { weight_map: Record<string, string> };
    const [tensor] = Object.keys(index.weight_map);
    const load = (weight_map: unknown, codes: readonly Code[] = ["format"]): Promise<string> =>
      judge.load(replaced(shards, INDEX, JSON.stringify({ ...index, weight_map })), codes);
    for (const place of [
      "../x.safetensors",
      "/etc/x.safetensors",
      "a/b.safetensors",
      "a\\b.safetensors",
      "C:x.safetensors",
      ".",
      "..",
      "",
      INDEX,
      "config.json",
      ".safetensors",
      "\0.safetensors",
      "http://x/a.safetensors",
    ])
      expect(await load({ ...index.weight_map, [tensor]: place }, ["format", "file"]), place).toMatch(
        /^(Format|File)Error/,
      );
    expect(await load({ ...index.weight_map, [tensor]: SECOND })).toMatch(/^FormatError.*is not there/);
    expect(await load({ ...index.weight_map, extra: FIRST })).toMatch(
      /the tensor "extra", which .* names, is not there/,
    );
    const { [tensor]: _, ...rest } = index.weight_map;
    await load(rest);
    expect(await load({})).toMatch(/^FormatError/);
    const many = Array.from({ length: 3000 }, (_, i) => [`t${i}`, `model-${i}.safetensors`]);
    expect(await load(Object.fromEntries(many), ["file"])).toMatch(/^FileError.{0,1000}are missing/);
    const doubled = JSON.stringify(index).replace(`"${tensor}":`, () => `"${tensor}":"${SECOND}","${tensor}":`);
    await judge.load(replaced(shards, INDEX, doubled));
  });

  it("files of one model beside the files of another", async () => {
    for (const name of llama.keys()) {
      await judge.load(replaced(gpt2, name, llama.get(name) as Uint8Array), EITHER);
      await judge.load(without(llama, name), ["file", "format"]);
      await judge.load(new Map([[name, llama.get(name) as Uint8Array]]), ["file", "format"]);
      for (const other of llama.keys()) await judge.load(replaced(llama, name, llama.get(other) as Uint8Array), EITHER);
    }
    expect(await judge.load(new Map(), ["file"])).toMatch(/^FileError/);
  });

  it("bytes changed at random in any file", async () => {
    const files = fc.constantFrom("config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json");
    const damage = fc.tuple(files, fc.nat(100_000), fc.uint8Array({ minLength: 1, maxLength: 3 }));
    await fc.assert(
      fc.asyncProperty(damage, async ([name, at, bytes]) => {
        const content = llama.get(name) as Uint8Array;
        await judge.load(replaced(llama, name, patched(content, at % content.length, bytes)), EITHER);
      }),
      { numRuns: 200, seed: SEED },
    );
  });
});

describe("all of them together", () => {
  it("are many, and each is judged fast", () => judge.finish(2000));
});
