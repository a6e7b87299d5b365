/** A bad answer of a server is not kept: the next load asks again. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FormatError } from "../src/errors.ts";
import { modelAsGGUF } from "../src/formats/save-gguf.ts";
import { joinParts } from "../src/formats/parts.ts";
import { describeModel, loadModel } from "../src/load.ts";
import { presets } from "../src/model/config.ts";
import { Transformer } from "../src/model/transformer.ts";

const model = new Transformer(presets.gpt2({ vocabSize: 40, contextLength: 8, dModel: 16, nLayers: 1, nHeads: 2 }));
const whole = joinParts("test", modelAsGGUF("test", { model }, "tiny", undefined));
const cache = mkdtempSync(join(tmpdir(), "heed-cache-"));
let answer: Uint8Array | string = whole;
let server: Server;

beforeAll(async () => {
  // In chunks, without a length: who reads cannot know that something is missing.
  server = createServer((_, response) => {
    response.write(answer);
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterAll(async () => {
  rmSync(cache, { recursive: true });
  await new Promise((resolve) => server.close(resolve));
});

describe.each([
  ["loadModel", loadModel],
  ["describeModel", describeModel],
] as const)("%s", (name, open) => {
  it.each<[string, Uint8Array | string]>([
    ["half of the file", whole.subarray(0, whole.length / 2)],
    ["a message", '{"error":"please log in"}'],
  ])("asks again after %s", async (what, bad) => {
    const { port } = server.address() as AddressInfo;
    const address = `http://127.0.0.1:${port}/${name}-${what.length}.gguf`;
    answer = bad;
    await expect(open(address, { cache })).rejects.toThrow(FormatError);
    answer = whole;
    await expect(open(address, { cache })).resolves.toBeDefined();
    answer = "nobody asks any more";
    await expect(open(address, { cache })).resolves.toBeDefined();
  });
});
