/**
 * The process of one side: waits for requests, does them, and sleeps in between. It is bundled with heed; the rivals are imported
 * from this folder's node_modules when they are asked for.
 */
import { Socket } from "node:net";
import process from "node:process";
import type { Adapter, OpenAdapter, Prepared } from "./adapter.ts";
import { openHeed } from "./adapters/heed.ts";
import { openJaxJs } from "./adapters/jax-js.ts";
import { openJsPyTorch } from "./adapters/js-pytorch.ts";
import { openLlamaCpp } from "./adapters/llama-cpp.ts";
import { openOrtNode, openOrtWeb } from "./adapters/onnxruntime.ts";
import { openTfjs } from "./adapters/tfjs.ts";
import { CHANNEL, lineReader } from "./protocol.ts";
import type { Reply, Request } from "./protocol.ts";

const ADAPTERS: Readonly<Record<string, OpenAdapter>> = {
  heed: openHeed,
  "onnxruntime-web": openOrtWeb,
  "onnxruntime-node": openOrtNode,
  "node-llama-cpp": openLlamaCpp,
  tfjs: openTfjs,
  "jax-js": openJaxJs,
  "js-pytorch": openJsPyTorch,
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
      const open = ADAPTERS[request.adapter];
      if (open === undefined) throw new Error(`no adapter is called ${request.adapter}`);
      adapter = await open(request.options);
      return null;
    }
    case "prepare": {
      if (adapter === undefined) throw new Error("prepare: nothing is open");
      prepared = await adapter.prepare(request.work);
      const { check, sameWorkOnly, note } = prepared;
      return { check, description: adapter.describe(), sameWorkOnly, note };
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
