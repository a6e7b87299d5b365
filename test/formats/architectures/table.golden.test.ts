/** Every architecture computes what Hugging Face's transformers compute. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { backend } from "../../../src/backend/current.ts";
import type { NamedArray } from "../../../src/formats/safetensors.ts";
import { readConfig } from "../../../src/formats/config-json.ts";
import type { DescribedModel } from "../../../src/formats/config-json.ts";
import { Fields } from "../../../src/formats/fields.ts";
import { fromHuggingFace, toHuggingFace } from "../../../src/formats/names.ts";
import { parameterShapes } from "../../../src/formats/weights.ts";
import { Transformer } from "../../../src/model/transformer.ts";
import { sizeOf } from "../../../src/tensor/shape.ts";
import { goldenCases } from "./golden-cases.ts";

const TOKENS = [1, 7, 3, 3, 22, 0, 9, 14, 5, 11, 2, 18];

/** Numbers in [-0.5, 0.5) that a tensor's name and their index decide; PyTorch's side makes the same ones. */
function formula(name: string, length: number): Float32Array {
  let hash = 2_166_136_261;
  for (const char of name) hash = Math.imul(hash ^ char.charCodeAt(0), 16_777_619);
  return Float32Array.from({ length }, (_, i) => {
    let x = Math.imul(i + 1, 2_654_435_761) ^ hash;
    x = Math.imul(x ^ (x >>> 15), 2_246_822_519);
    return ((x ^ (x >>> 13)) >>> 0) / 2 ** 32 - 0.5;
  });
}

/** A checkpoint of the model, in Hugging Face's names. */
function checkpoint(described: DescribedModel): Map<string, NamedArray> {
  const shapes = toHuggingFace(described, parameterShapes(described.config));
  return new Map(
    [...shapes].map(([name, { shape }]) => {
      const data = formula(name, sizeOf(shape));
      const fromOne = /norm|ln_/.test(name) && name.endsWith("weight") && !described.type.startsWith("gemma");
      return [name, { shape, data: fromOne ? data.map((value) => value + 1) : data }];
    }),
  );
}

describe("logits of", () => {
  beforeAll(() => backend.use("loops"));
  afterAll(() => backend.use("auto"));

  it.each(goldenCases)("%s %j", (type, fields, expected) => {
    const described = readConfig(new Fields("config.json", { model_type: type, ...fields }));
    const values = fromHuggingFace(described, checkpoint(described));
    const parameters = new Map([...values].map(([name, { data }]) => [name, data]));
    // Dynamic scaling shows beyond the context that the file names; a table of learned positions cannot be longer.
    const { position, contextLength } = described.config;
    const longer = position === "rotary" ? 32 : contextLength;
    const model = new Transformer({ ...described.config, contextLength: longer }, { parameters });
    const logits = model.forward(TOKENS, { lastOnly: true }).data;
    expected.forEach((logit, i) => expect(Math.abs(logits[i] - logit), `logit ${i}`).toBeLessThan(2e-5));
  });
});
