/** Whether a model fits into the memory of the machine: said before it is read, and what can be done if not. */
import { ConfigError, ShapeError } from "../errors.ts";
import { machineMemory } from "./file-system.ts";

/** Bytes that a model needs, as far as a choice changes them. */
export interface MemoryNeed {
  /** Of the weights, as they will be held. */
  readonly weights: number;
  /** Of the tables of computed positions, as far as they are made at once. */
  readonly positions: number;
}

/**
 * Throws a `ConfigError` if a model needs more memory than the machine has. Where that cannot be known, as in browsers,
 * `withinMemory` notices.
 */
export async function checkMemory(need: MemoryNeed): Promise<void> {
  const available = await machineMemory();
  if (available !== undefined && need.weights + need.positions > available) throw tooLarge(need, available);
}

/** Runs what allocates a model; memory that runs out becomes a `ConfigError` that says how much is needed. */
export async function withinMemory<T>(need: MemoryNeed, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isFull = error instanceof RangeError || (error instanceof ShapeError && error.details.limit !== undefined);
    throw isFull ? tooLarge(need) : error;
  }
}

function tooLarge(need: MemoryNeed, available?: number): ConfigError {
  const { weights, positions } = need;
  const has = available === undefined ? "which this runtime does not give" : `the machine has ${megabytes(available)}`;
  return new ConfigError(
    `loadModel: the model needs ${megabytes(weights + positions)} of memory (${megabytes(weights)} for weights, ${megabytes(positions)} for positions), ${has}; dtype: "q8_0" or "q4_0" makes weights smaller, contextLength positions`,
    { ...need, available },
  );
}

/** A number of bytes in words. */
function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6).toLocaleString("en-US")} MB`;
}
