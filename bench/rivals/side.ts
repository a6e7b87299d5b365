/**
 * The process of one side: waits for requests, does them, and sleeps in between. It is bundled with heed; the rivals are imported
 * from this folder's node_modules when they are asked for.
 */
import { Socket } from "node:net";
import process from "node:process";
import type { Adapter, OpenAdapter, Prepared } from "./adapter.ts";
import { CHANNEL, lineReader } from "./protocol.ts";
import type { Reply, Request } from "./protocol.ts";

/** Each is a part of the bundle that is read when it is asked for, so that a process starts with nothing but what it uses. */
const ADAPTERS: Readonly<Record<string, () => Promise<OpenAdapter>>> = {
  heed: async () => (await import("./adapters/heed.ts")).openHeed,
  "onnxruntime-web": async () => (await import("./adapters/onnxruntime.ts")).openOrtWeb,
  "onnxruntime-node": async () => (await import("./adapters/onnxruntime.ts")).openOrtNode,
  "node-llama-cpp": async () => (await import("./adapters/llama-cpp.ts")).openLlamaCpp,
  tfjs: async () => (await import("./adapters/tfjs.ts")).openTfjs,
  "jax-js": async () => (await import("./adapters/jax-js.ts")).openJaxJs,
  "js-pytorch": async () => (await import("./adapters/js-pytorch.ts")).openJsPyTorch,
  tokenizer: async () => (await import("./adapters/tokenizers.ts")).openTokenizer,
};

let adapter: Adapter | undefined;
let prepared: Prepared | undefined;

/** Times of a round: one run to warm up if so wanted, then as many as fit. */
async function measureRound(work: Prepared, ms: number, minRuns: number, warmUp: boolean): Promise<number[]> {
  if (warmUp) await work.run();
  const times: number[] = [];
  const started = performance.now();
  while (times.length < minRuns || performance.now() - started < ms) {
    const before = performance.now();
    const result = work.run();
    if (result instanceof Promise) await result;
    times.push(performance.now() - before);
  }
  return times;
}

async function answer(request: Request): Promise<unknown> {
  switch (request.op) {
    case "open": {
      const load = ADAPTERS[request.adapter];
      if (load === undefined) throw new Error(`no adapter is called ${request.adapter}`);
      adapter = await (await load())(request.options);
      return null;
    }
    case "prepare": {
      if (adapter === undefined) throw new Error("prepare: nothing is open");
      prepared = await adapter.prepare(request.work);
      const { check, sameWorkOnly, note, memory } = prepared;
      return { check, description: adapter.describe(), sameWorkOnly, note, memory };
    }
    case "firstTime": {
      if (adapter?.firstTime === undefined) throw new Error("firstTime: this adapter does not measure it");
      return { firstTime: await adapter.firstTime(request.work), description: adapter.describe() };
    }
    case "round":
      if (prepared === undefined) throw new Error("round: nothing is prepared");
      return { times: await measureRound(prepared, request.ms, request.minRuns, request.warmUp) };
    case "release":
      await prepared?.release?.();
      prepared = undefined;
      return null;
  }
}

const channel = new Socket({ fd: CHANNEL });
channel.setEncoding("utf8");
channel.on(
  "data",
  lineReader((line) => {
    void answer(JSON.parse(line) as Request)
      .then((ok): Reply => ({ ok }))
      .catch((error: unknown): Reply => ({ error: error instanceof Error ? error.message : String(error) }))
      .then((reply) => channel.write(`${JSON.stringify(reply)}\n`));
  }),
);
channel.on("end", () => process.exit(0));
