/** The table of a model. */
import { describe, expect, it } from "vitest";
import { Transformer } from "../../src/model/transformer.ts";
import { StoredMatrix } from "../../src/tensor/stored.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { GPT2, LLAMA } from "./models.ts";

/** The number at the end of a line. */
const countAt = (line: string): number => Number(/([\d,]+)$/.exec(line)?.[1].replaceAll(",", ""));

describe.each([
  ["GPT-2", GPT2],
  ["Llama", LLAMA],
])("the summary of a %s", (_, sizes) => {
  it.each([1, 2, 5])(
    "with %d layers has counts that add up to the total, which is the number of parameters",
    (nLayers) => {
      const model = new Transformer({ ...sizes, nLayers });
      const lines = model.summary().split("\n").slice(1);
      const total = lines.pop() as string;
      expect(total).toMatch(/^ +total /);
      expect(lines.map(countAt).reduce((a, b) => a + b, 0)).toBe(countAt(total));
      expect(countAt(total)).toBe([...model.parameters().values()].reduce((sum, { size }) => sum + size, 0));
    },
  );

  it("lists every parameter of the first block with its shape", () => {
    const model = new Transformer(sizes);
    for (const [name, { shape }] of model.parameters()) {
      if (!name.startsWith("blocks.1"))
        expect(model.summary()).toMatch(
          new RegExp(`^ +${name.replaceAll(".", "\\.")} +\\[${shape.join(", ")}\\] +[\\d,]+$`, "m"),
        );
    }
  });
});

describe("the head line", () => {
  it("says what the model is", () => {
    expect(new Transformer(GPT2).summary()).toMatch(
      /^Transformer: 2 layers, 16 wide, 4 heads, context 96, vocabulary 23\n/,
    );
    expect(new Transformer(LLAMA).summary()).toMatch(
      /^Transformer: 2 layers, 16 wide, 4 heads over 2 key\/value heads, context 96, vocabulary 23\n/,
    );
  });
});

describe("the numbers of the head line", () => {
  it("agree with their nouns", () => {
    const config = { ...LLAMA, nLayers: 1, nKvHeads: 1 };
    expect(new Transformer(config).summary()).toMatch(
      /^Transformer: 1 layer, 16 wide, 4 heads over 1 key\/value head,/,
    );
    expect(new Transformer({ ...config, nHeads: 1 }).summary()).toMatch(/^Transformer: 1 layer, 16 wide, 1 head, /);
  });
});

describe("later blocks", () => {
  it("stand in one line", () => {
    expect(new Transformer(GPT2).summary()).toMatch(/^ +blocks\.1 +the same +3,280$/m);
    expect(new Transformer({ ...GPT2, nLayers: 5 }).summary()).toMatch(/^ +blocks\.1 … 4 +the same +13,120$/m);
    expect(new Transformer({ ...GPT2, nLayers: 1 }).summary()).not.toContain("the same");
  });
});

describe("a tied head", () => {
  it("is shown and counts nothing", () => {
    expect(new Transformer(GPT2).summary()).toMatch(/^ +lmHead\.weight += tokenEmbedding\.weight +0$/m);
    expect(new Transformer(LLAMA).summary()).toMatch(/^ +lmHead\.weight +\[23, 16\] +368$/m);
  });
});

describe("how weights are held", () => {
  it("is shown where not all are f32, or where they come from a file", () => {
    expect(new Transformer(GPT2).summary()).not.toMatch(/f32|weights:/);
    const parameters = new Map<string, Tensor>(
      [...new Transformer(LLAMA).parameters()].map(([name, tensor]) => [name, new Tensor(tensor.data, tensor.shape)]),
    );
    const loaded = new Transformer(LLAMA, { parameters: new Map(parameters), origin: "model.gguf" });
    expect(loaded.summary()).toMatch(/\n {2}weights: [\d.]+ MB as f32, from model\.gguf$/);
    expect(loaded.summary()).not.toMatch(/\] +f32 /);
    const { shape } = parameters.get("lmHead.weight") as Tensor;
    const bytes = new Uint8Array(2 * shape[0] * shape[1]);
    const stored = Tensor.ofStored(new StoredMatrix("bf16", [shape[0], shape[1]], bytes));
    const values = [...loaded.parameters()].map(
      ([name, { data, shape: own }]) => [name, new Tensor(data, own)] as const,
    );
    const mixed = new Transformer(LLAMA, { parameters: new Map([...values, ["lmHead.weight", stored]]) });
    expect(mixed.summary()).toMatch(/^ {2}lmHead\.weight +\[23, 16\] +bf16 +368$/m);
    expect(mixed.summary()).toMatch(/^ {2}finalNorm\.weight +\[16\] +f32 +16$/m);
    expect(mixed.summary()).toMatch(/\n {2}weights: [\d.]+ MB as bf16 and f32$/);
  });

  it("an origin is of given parameters", () => {
    expect(() => new Transformer(LLAMA, { origin: "x" })).toThrow("origin must be a text and stand beside parameters");
  });
});
