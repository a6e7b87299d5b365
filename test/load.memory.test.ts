/** What a model is said to need, on a machine without any memory. */
import { expect, it, vi } from "vitest";
import type * as FileSystem from "../src/formats/file-system.ts";
import { ConfigError } from "../src/errors.ts";
import { loadModel } from "../src/load.ts";
import { presets } from "../src/model/config.ts";
import { Transformer } from "../src/model/transformer.ts";
import { folderOf } from "./formats/model-files.ts";

vi.mock("../src/formats/file-system.ts", async (importOriginal) => ({
  ...(await importOriginal<typeof FileSystem>()),
  machineMemory: async () => 0,
}));

const sizes = { vocabSize: 7, contextLength: 16, dModel: 8, nLayers: 1, nHeads: 2, dFf: 8 };

it.each([
  ["learned", 16, 0],
  ["sinusoidal", 5000, 4 * 5000 * 8],
  ["rotary", 100, 4 * 100 * 4],
  ["rotary", 5000, 4 * 1024 * 4], // tables of angles grow with the texts
] as const)("%s positions of a context of %d take %d bytes at first", async (position, contextLength, positions) => {
  const model = new Transformer(presets.gpt2({ ...sizes, position }));
  const weights = 4 * [...model.parameters().values()].reduce((sum, { size }) => sum + size, 0);
  const files = folderOf(model, "F32", (all) => {
    const head = all.get("wte.weight");
    if (head !== undefined) all.set("lm_head.weight", head);
  });
  const loading = loadModel(files, { contextLength });
  await expect(loading).rejects.toThrow(ConfigError);
  await expect(loading).rejects.toMatchObject({ details: { weights, positions, available: 0 } });
});
