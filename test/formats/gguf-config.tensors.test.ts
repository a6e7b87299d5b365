/** Models in GGUF's names and layout come back as they were. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { TensorArray } from "../../src/formats/architectures/tensor-rules.ts";
import {
  fromGGUF,
  ggufArchitectureOf,
  ggufRopeTensors,
  readGGUFConfig,
  toGGUF,
  writeGGUFMetadata,
} from "../../src/formats/gguf-config.ts";
import { presets, resolveConfig } from "../../src/model/config.ts";
import type { ResolvedConfig } from "../../src/model/config.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { rotaryFrequencies } from "../../src/ops/rope-scaling.ts";
import { asInFile, familyConfig } from "./any-config.ts";

/** Heads of 12, in pairs of two. */
const llamaLike = presets.llama({ vocabSize: 31, contextLength: 64, dModel: 48, nLayers: 4, nHeads: 4, nKvHeads: 2 });

/** As a file has numbers: those that are not whole have 32 bits. */
function stored(value: unknown): unknown {
  return typeof value === "number" && !Number.isInteger(value) ? Math.fround(value) : value;
}

/** What a file of a model says, read again. */
function throughFile(
  config: ResolvedConfig,
  model: Transformer,
): { architecture: string; again: ResolvedConfig; parameters: Map<string, TensorArray> } {
  const architecture = ggufArchitectureOf(config) as string;
  const tensors = new Map([
    ...toGGUF({ architecture, config }, model.parameters()),
    ...ggufRopeTensors({ architecture, config }),
  ]);
  const written = [...writeGGUFMetadata(architecture, config)].map(([key, { value }]) => [key, stored(value)] as const);
  const described = readGGUFConfig(new Map(written), tensors);
  return { architecture, again: described.config, parameters: fromGGUF(described, tensors) };
}

describe("a model in GGUF's names", () => {
  it("of each architecture comes back as it was", () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(familyConfig, fc.nat(), ({ family, config: sized }, seed) => {
        const { nLayers } = sized;
        const config = resolveConfig({ ...sized, ...asInFile(family, sized) });
        if (family === "mistral") return;
        const model = new Transformer(config, { seed });
        const { architecture, again, parameters } = throughFile(config, model);
        seen.add(architecture);
        expect(again).toEqual({ ...config, nLayers });
        expect([...parameters.keys()].sort()).toEqual([...model.parameters().keys()].sort());
        for (const [name, { shape, data }] of model.parameters()) {
          const found = parameters.get(name) as TensorArray;
          expect(found.shape).toEqual(shape);
          // 1 + w - 1 has lost the last bits of w, but none of 1 + w.
          const one = (values: Float32Array): Float32Array => values.map((value) => 1 + value);
          if (config.normOffset === 1 && name.toLowerCase().includes("norm"))
            expect(one(found.data)).toEqual(one(data));
          else expect(found.data).toEqual(data);
        }
      }),
      { numRuns: 100 },
    );
    expect(seen.size).toBeGreaterThan(9);
  });

  it("has Llama 3's scaling as divisors of the frequencies", () => {
    const scaling = {
      type: "llama3",
      factor: 8,
      originalContextLength: 16,
      lowFreqFactor: 1,
      highFreqFactor: 4,
    } as const;
    const config = resolveConfig({ ...llamaLike, ropeScaling: scaling });
    const { architecture, again } = throughFile(config, new Transformer(config));
    expect(architecture).toBe("llama");
    expect(again.ropeScaling?.type).toBe("factors");
    const expected = rotaryFrequencies(12, 10_000, scaling).frequencies;
    rotaryFrequencies(12, 10_000, again.ropeScaling).frequencies.forEach((frequency, i) =>
      expect(frequency / expected[i]).toBeCloseTo(1, 6),
    );
  });

  it("has Phi-3's divisors under two names, and nowhere else what other readers do not look for", () => {
    const ropeScaling = { type: "factors", factors: [1, 2, 4, 8], attentionFactor: 1.5 } as const;
    const config = resolveConfig({ ...llamaLike, rotaryDim: 8, ropeScaling });
    expect(ggufArchitectureOf(config)).toBe("phi3");
    expect([...ggufRopeTensors({ architecture: "phi3", config }).keys()]).toEqual([
      "rope_factors_long.weight",
      "rope_factors_short.weight",
    ]);
    expect(throughFile(config, new Transformer(config)).again).toEqual(config);
    const divided = { type: "factors", factors: [1, 1, 2, 2, 3, 3] } as const;
    expect(ggufArchitectureOf(resolveConfig({ ...llamaLike, qkvBias: true, ropeScaling: divided }))).toBeUndefined();
  });

  it("keeps the bytes of quantised rows, in Llama's order of pairs", () => {
    const config = resolveConfig(llamaLike);
    const blocks = { shape: [48, 48], dtype: 8, data: Uint8Array.from({ length: 48 * 51 }, (_, i) => i / 51) };
    const described = { architecture: "llama", config };
    const found = fromGGUF(described, new Map([["blk.3.attn_q.weight", blocks]]));
    const query = found.get("blocks.3.attention.qProj.weight") as TensorArray<Uint8Array>;
    expect(query).toMatchObject({ shape: [48, 48], dtype: 8 });
    expect(Array.from({ length: 12 }, (_, row) => query.data[row * 51])).toEqual([
      0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11,
    ]);
    expect(toGGUF(described, found).get("blk.3.attn_q.weight")?.data).toEqual(blocks.data);
  });
});
