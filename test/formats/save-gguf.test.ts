/** A model of every architecture goes into a GGUF file and comes out of it as it was, in every type of number. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import type { RowData, TensorArray } from "../../src/formats/architectures/tensor-rules.ts";
import { fromGGUF, ggufArchitectures, readGGUFConfig } from "../../src/formats/gguf-config.ts";
import { GGML_TYPES, readGGUFHeader } from "../../src/formats/gguf-header.ts";
import type { GGUFHeader } from "../../src/formats/gguf-header.ts";
import { bytesOf, joinParts } from "../../src/formats/parts.ts";
import { quantize } from "../../src/formats/quantized/blocks.ts";
import { modelAsGGUF } from "../../src/formats/save-gguf.ts";
import type { WeightType } from "../../src/formats/weights.ts";
import type { LanguageModel } from "../../src/language-model.ts";
import { presets, resolveConfig } from "../../src/model/config.ts";
import type { ModelConfig, ResolvedConfig } from "../../src/model/config.ts";
import { Transformer, canBeStored } from "../../src/model/transformer.ts";
import { StoredMatrix } from "../../src/tensor/stored.ts";
import type { StoredType } from "../../src/tensor/stored.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { BPETokenizer } from "../../src/tokenizer/bpe.ts";
import { CharTokenizer } from "../../src/tokenizer/char.ts";
import { tokenizerFromGGUF } from "../../src/tokenizer/tokenizer-gguf.ts";
import { asInFile, familyConfig } from "./any-config.ts";

const bits = { f16: 16, bf16: 16, q8_0: 8.5, q4_0: 4.5 };

/** The same model with its matrices in a smaller form, where they have whole blocks. */
function storedModel(config: ResolvedConfig, seed: number, type: StoredType): Transformer {
  const parameters = new Map<string, Float32Array | Tensor>();
  for (const [name, { shape, data }] of new Transformer(config, { seed }).parameters()) {
    const [rows, cols] = shape;
    if (!canBeStored(name, shape) || (type.startsWith("q") && cols % 32 !== 0)) {
      parameters.set(name, data.slice());
      continue;
    }
    const bytes = new Uint8Array((data.length * bits[type]) / 8);
    quantize(type.toUpperCase() as "F16", data, bytes);
    parameters.set(name, Tensor.ofStored(new StoredMatrix(type, [rows, cols], bytes)));
  }
  return new Transformer(config, { parameters });
}

function write(lm: LanguageModel, asked?: WeightType): { bytes: Uint8Array; header: GGUFHeader } {
  const bytes = joinParts("test", modelAsGGUF("test", lm, "tiny", asked));
  return { bytes, header: readGGUFHeader(bytes) };
}

/** The tensors of a file: 32-bit floats as numbers, all others as bytes. */
function tensorsOf(bytes: Uint8Array, { tensors }: GGUFHeader): Map<string, TensorArray<RowData>> {
  return new Map(
    tensors.map(({ name, shape, type, begin, end }) => {
      const own = bytes.slice(begin, end);
      return [name, { shape, dtype: type, data: type === 0 ? new Float32Array(own.buffer) : own }];
    }),
  );
}

const typeOf = (header: GGUFHeader, name: string): string | undefined =>
  GGML_TYPES.get(header.tensors.find((tensor) => tensor.name === name)?.type ?? -1)?.name;

const sizes = { vocabSize: 300, contextLength: 8, dModel: 64, nLayers: 2, nHeads: 2, dFf: 80 };

describe("modelAsGGUF", () => {
  it("keeps config and weights of every architecture, bit for bit", () => {
    const seen = new Set<string>();
    const types = fc.constantFrom<StoredType | undefined>(undefined, "f16", "bf16", "q8_0", "q4_0");
    fc.assert(
      fc.property(familyConfig, fc.nat(), types, fc.boolean(), ({ family, config: sized }, seed, type, wide) => {
        if (family === "mistral") return; // GGUF's Llama has no window
        const { headDim, nHeads, rotaryDim, embeddingScale } = sized;
        const dModel = 32 * nHeads;
        const config = resolveConfig({
          ...sized,
          ...asInFile(family, sized),
          // Rows of whole blocks.
          ...(wide && { headDim: 32, dModel, dFf: 64, attentionScale: 1 / Math.sqrt(32) }),
          ...(wide && rotaryDim === headDim && { rotaryDim: 32 }),
          ...(wide && embeddingScale !== 1 && { embeddingScale: Math.sqrt(dModel) }),
        });
        const model = type === undefined ? new Transformer(config, { seed }) : storedModel(config, seed, type);
        const { bytes, header } = write({ model });
        const tensors = tensorsOf(bytes, header);
        const described = readGGUFConfig(header.metadata, tensors as Map<string, TensorArray>);
        seen.add(described.architecture);
        expect(described.config).toEqual(config);
        const found = fromGGUF(described, tensors);
        expect([...found.keys()].sort()).toEqual([...model.parameters().keys()].sort());
        for (const [name, parameter] of model.parameters()) {
          const { shape, data } = found.get(name) as TensorArray<RowData>;
          expect(shape).toEqual(parameter.shape);
          // 1 + w - 1 has lost the last bits of w, but none of 1 + w.
          const added = config.normOffset === 1 && /norm/i.test(name) ? 1 : 0;
          const bytesOfAll = (values: RowData): Uint8Array =>
            bytesOf(added === 0 ? values : (values as Float32Array).map((value) => added + value));
          const expected = bytesOfAll(parameter.stored?.bytes ?? parameter.data);
          expect(Buffer.compare(bytesOfAll(data), expected), name).toBe(0);
        }
      }),
      { numRuns: 80 },
    );
    expect([...seen].sort()).toEqual(ggufArchitectures().sort());
  });

  it("writes a shared head a second time where llama.cpp wants one", () => {
    const model = new Transformer(
      { ...sizes, activation: "gelu", position: "rotary", parallelBlocks: true, rotaryDim: 8 },
      { seed: 1 },
    );
    const { bytes, header } = write({ model });
    const tensors = tensorsOf(bytes, header);
    expect(readGGUFConfig(header.metadata, tensors as Map<string, TensorArray>).config).toEqual({
      ...model.config,
      tieEmbeddings: false,
    });
    expect(tensors.get("output.weight")?.data).toEqual(tensors.get("token_embd.weight")?.data);
  });

  it("refuses what llama.cpp would compute in another way", () => {
    const llama = presets.llama(sizes);
    const cases: [string, ModelConfig][] = [
      ["slidingWindow 4", { ...llama, slidingWindow: 4 }],
      ["tieEmbeddings false", { ...llama, activation: "geluTanh", normOffset: 1, embeddingScale: 8 }],
      ["ropeScaling", { ...llama, ropeScaling: { type: "yarn", factor: 2, originalContextLength: 4, betaFast: 8 } }],
    ];
    for (const [setting, config] of cases) expect(() => write({ model: new Transformer(config) })).toThrow(setting);
  });

  it("writes the type that is asked for, as llama.cpp does", () => {
    const model = new Transformer(presets.gpt2(sizes), { seed: 1 });
    const types = (asked?: WeightType): unknown[] => {
      const { header } = write({ model }, asked);
      expect(header.metadata.get("general.quantization_version")).toBe(2);
      const names = ["token_embd.weight", "blk.0.ffn_down.weight", "position_embd.weight", "blk.0.attn_norm.weight"];
      return [header.metadata.get("general.file_type"), ...names.map((name) => typeOf(header, name))];
    };
    expect(types()).toEqual([0, "F32", "F32", "F32", "F32"]);
    expect(types("f16")).toEqual([1, "F16", "F16", "F32", "F32"]);
    expect(types("bf16")).toEqual([32, "BF16", "BF16", "F32", "F32"]);
    expect(types("q8_0")).toEqual([7, "Q8_0", "F16", "F32", "F32"]); // rows of 80 are no whole blocks
    expect(types("q4_0")).toEqual([2, "Q4_0", "F16", "F32", "F32"]);
  });

  it("holds the tokenizer, padded to the model's vocabulary, and the ids with a role", () => {
    const tokenizer = BPETokenizer.train("the sea, the sea", { vocabSize: 262, specialTokens: ["<s>", "</s>"] });
    const generationDefaults = { bosId: 0, eosIds: [7, 1, 8], padId: 3 };
    const model = new Transformer(presets.llama(sizes), { seed: 1 });
    const { metadata } = write({ model, tokenizer, generationDefaults }).header;
    const again = tokenizerFromGGUF(metadata);
    expect(again.encode("the sea")).toEqual(tokenizer.encode("the sea"));
    expect([again.vocabSize, metadata.get("general.name")]).toEqual([300, "tiny"]);
    const ids = ["bos", "eos", "padding", "eot", "eom"].map((name) => metadata.get(`tokenizer.ggml.${name}_token_id`));
    expect(ids).toEqual([0, 1, 3, 7, 8]);
  });

  it("names the ids that end a text, or refuses: these win over the tokenizer's", () => {
    const tokenizer = BPETokenizer.train("the sea, the sea", { vocabSize: 262, specialTokens: ["<s>", "</s>"] });
    const model = new Transformer(presets.llama(sizes), { seed: 1 });
    const { metadata } = write({ model, tokenizer, generationDefaults: { eosIds: [5] } }).header;
    expect(["eos", "eot"].map((name) => metadata.get(`tokenizer.ggml.${name}_token_id`))).toEqual([5, undefined]);
    for (const eosIds of [[], [1, 2, 3, 4]])
      expect(() => write({ model, tokenizer, generationDefaults: { eosIds } })).toThrow(
        `generationDefaults.eosIds has ${eosIds.length}`,
      );
  });

  it("says that there is no tokenizer", () => {
    const model = new Transformer(presets.llama(sizes), { seed: 1 });
    const { metadata } = write({ model, generationDefaults: { eosIds: [4] } }).header;
    expect(metadata.get("tokenizer.ggml.model")).toBe("none");
    expect(metadata.get("tokenizer.ggml.eos_token_id")).toBe(4);
  });

  it.each<[string, ModelConfig]>([
    ['for its position "sinusoidal"', presets.gpt2({ ...sizes, position: "sinusoidal" })],
    ['for its rotaryPairing "pairs"', presets.llama({ ...sizes, rotaryPairing: "pairs" })],
    ['for its activation "relu"', presets.gpt2({ ...sizes, activation: "relu" })],
    ["for its attentionScale 1", presets.llama({ ...sizes, attentionScale: 1 })],
    ["; known: gpt2, llama", presets.gpt2({ ...sizes, position: "sinusoidal", activation: "relu" })],
  ])("refuses a model without a form, %s", (why, config) => {
    const make = (): unknown => modelAsGGUF("test", { model: new Transformer(config) }, "x", undefined);
    expect(make).toThrow(ConfigError);
    expect(make).toThrow("test: no architecture of GGUF files has the settings of this model");
    expect(make).toThrow(why);
    expect(make).toThrow("save it to a folder, which holds every model");
  });

  it("refuses a tokenizer without a form", () => {
    const tokenizer = CharTokenizer.train("hello");
    const lm = { model: new Transformer(presets.gpt2(sizes)), tokenizer };
    expect(() => modelAsGGUF("test", lm, "x", undefined)).toThrow("GGUF files have no place for a vocabulary without");
  });
});
