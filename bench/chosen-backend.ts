/** The backend that the command line asked for, and others for the length of a case. */
import { backend } from "heed";
import type { BackendName, BackendOptions } from "heed";
import type { Block } from "../src/backend/backend.ts";
import { backendMemory } from "../src/backend/current.ts";
import { LinearMemory } from "../src/backend/wasm/memory.ts";

/** What was asked for. */
export interface Choice {
  backend: BackendName;
  threads?: number;
  relaxed: boolean;
}

let chosen: Choice = { backend: "auto", relaxed: true };

/** Without a wish for less, relaxed SIMD is left open: not every engine has it. */
function optionsOf({ threads, relaxed }: Choice): BackendOptions {
  return { ...(threads !== undefined && { threads }), ...(!relaxed && { relaxed }) };
}

/** Computes with what was asked for from now on. */
export async function useBackend(choice: Choice): Promise<void> {
  chosen = choice;
  await useChosen();
}

/** Computes with what the command line asked for again. */
export async function useChosen(): Promise<void> {
  backend.use(chosen.backend, optionsOf(chosen));
  await backend.ready();
}

/** Computes with so many threads, and with all else as it was asked for, until `useChosen`. */
export async function useThreads(threads: number): Promise<void> {
  backend.use(chosen.backend, optionsOf({ ...chosen, threads }));
  const info = await backend.ready();
  if (info.threads === threads) return;
  await useChosen();
  throw new Error(`${info.threads} instead of ${threads} threads: ${info.reasons.join(" ")}`);
}

/** Says why there is no vector code to measure, if there is none. */
export function whyNoWasm(): string | undefined {
  const { name } = backend.info();
  return name === "wasm" ? undefined : `the backend is "${name}"`;
}

/** A place in the backend's memory, where kernels work on it without copying: that would be timed too, and nobody would see it. */
export function pinInPlace(size: number): Block {
  const memory = backendMemory();
  const block = memory.pin(size);
  if (block === undefined) throw new Error("there is no room in linear memory");
  if (memory instanceof LinearMemory && memory.holds(block.data)) return block;
  block.release();
  throw new Error("kernels would copy the array: linear memory does not take it for its own");
}
