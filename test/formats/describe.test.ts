/** What the files of a model say of it. */
import { describe, expect, it } from "vitest";
import { describeModel, loadModel } from "../../src/load.ts";
import { presets } from "../../src/model/config.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { folderOf, ggufOf } from "./model-files.ts";

const sizes = { vocabSize: 7, contextLength: 5, dModel: 64, nLayers: 1, nHeads: 2 };
const gpt2 = new Transformer(presets.gpt2(sizes), { seed: 1 });
const llama = new Transformer(presets.llama({ ...sizes, nKvHeads: 1, dFf: 64 }), { seed: 1 });

describe("heldBytes", () => {
  it.each<[string, ReadonlyMap<string, Uint8Array>]>([
    ["learned positions and a head that is written twice", folderOf(gpt2, "F16", (all) => twin(all))],
    ["bf16", folderOf(llama, "BF16")],
    ["blocks of 8 bits", new Map([["m.gguf", ggufOf(llama, "Q8_0")]])],
  ])("is what loadModel holds: %s", async (_, files) => {
    const { heldBytes } = await describeModel(files);
    const { model } = await loadModel(files);
    const held = [...model.parameters().values()].map(({ stored, size }) => stored?.bytes.length ?? 4 * size);
    expect(heldBytes).toBe(held.reduce((sum, bytes) => sum + bytes, 0));
  });
});

/** Writes the head of a tied model again. */
function twin<T>(tensors: Map<string, T>): void {
  tensors.set("lm_head.weight", tensors.get("wte.weight") as T);
}
