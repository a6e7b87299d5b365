/** Models from what a browser has: files that a user picked, folders of the page's own storage, addresses. */
import { beforeAll, describe, expect, inject, it } from "vitest";
import {
  AbortError,
  BPETokenizer,
  FormatError,
  Transformer,
  describeModel,
  generate,
  loadModel,
  saveModel,
} from "heed";
import type { LanguageModel } from "heed";

const tokenizer = BPETokenizer.train("The sea is deep and the ocean is wide. ".repeat(30), { vocabSize: 300 });
const config = { vocabSize: 300, contextLength: 32, dModel: 64, nLayers: 2, nHeads: 2 };
const original: LanguageModel = {
  model: new Transformer(
    { ...config, position: "rotary", norm: "rmsNorm", activation: "silu", gated: true, bias: false },
    { seed: 1 },
  ),
  tokenizer,
};
const files = new Map<string, Uint8Array>();
let text: string;

const write = async (lm: LanguageModel): Promise<string> => (await generate(lm, "The sea", { maxNewTokens: 8 })).text;
const asFile = (name: string): File => new File([files.get(name) as Uint8Array<ArrayBuffer>], name);

/** The address of a folder of the server that holds the files; a name for each page, since pages run side by side. */
async function upload(names: Iterable<string>): Promise<string> {
  const folder = new URL(`/kept/${inject("isolated") ? "isolated" : "plain"}/model/`, location.href).href;
  for (const name of names) {
    const body = files.get(name) as Uint8Array<ArrayBuffer>;
    expect((await fetch(folder + name, { method: "PUT", body })).ok).toBe(true);
  }
  return folder;
}

describe(inject("isolated") ? "in an isolated page" : "in a page that is not isolated", () => {
  beforeAll(async () => {
    await saveModel(original, files);
    text = await write(original);
  });

  it("picked files", async () => {
    expect(await write(await loadModel([...files.keys()].map(asFile)))).toBe(text);
    const halved = await loadModel([...files.keys()].map(asFile), { dtype: "f16" });
    expect(halved.model.summary()).toContain("f16");
    const broken = [...files.keys()].map((name) =>
      name.endsWith(".safetensors") ? new File([asFile(name).slice(0, 999)], name) : asFile(name),
    );
    await expect(loadModel(broken)).rejects.toThrow(FormatError);
  });

  it("a folder of the page's own storage", async () => {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle("model", { create: true });
    for (const [name, bytes] of files) {
      const stream = await (await folder.getFileHandle(name, { create: true })).createWritable();
      await stream.write(bytes as Uint8Array<ArrayBuffer>);
      await stream.close();
    }
    expect(await write(await loadModel(folder))).toBe(text);
  });

  it("an address, with progress, as it is and through the browser's cache", async () => {
    const folder = await upload(files.keys());
    const loaded: number[] = [];
    const lm = await loadModel(folder, { onProgress: ({ loadedBytes }) => loaded.push(loadedBytes) });
    expect(await write(lm)).toBe(text);
    expect(loaded.length).toBeGreaterThan(0);
    expect(loaded).toEqual(loaded.toSorted((a, b) => a - b));
    expect((await describeModel(folder)).parameters).toBe(
      [...original.model.parameters().values()].reduce((sum, { size }) => sum + size, 0),
    );
    const requests: string[] = [];
    const counting: typeof fetch = (input, init) => (requests.push(String(input)), fetch(input, init));
    for (const expected of ["some", "none"]) {
      requests.length = 0;
      expect(await write(await loadModel(folder, { cache: "models", fetch: counting }))).toBe(text);
      expect(requests.length === 0 ? "none" : "some").toBe(expected);
    }
    await caches.delete("models");
  });

  it("stops when it is told to", async () => {
    const folder = await upload(files.keys());
    const controller = new AbortController();
    const loading = loadModel(folder, { signal: controller.signal, onProgress: () => controller.abort() });
    await expect(loading).rejects.toThrow(AbortError);
  });
});
