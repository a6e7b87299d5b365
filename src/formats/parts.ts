/**
 * Files as lists of parts, each put together when its turn comes. So a model is written without being held a second time:
 * what is in memory beside it is one tensor.
 */
import { ConfigError, throwIfAborted } from "../errors.ts";
import { turns } from "../turn.ts";

/** A stretch of a file. */
export interface FilePart {
  /** How many bytes. */
  readonly size: number;
  /**
   * The bytes. They may be a model's own, which move when its memory grows: whoever lets time pass must look whether there
   * are still as many as `size`, and ask again if not.
   */
  bytes(): Uint8Array;
}

/** What is in a file: its bytes, or the parts that they come in. */
export type FileContent = Uint8Array | readonly FilePart[];

/** A part whose bytes are there. */
export function partOf(bytes: Uint8Array): FilePart {
  return { size: bytes.length, bytes: () => bytes };
}

/** The parts of a content. */
export function partsOf(content: FileContent): readonly FilePart[] {
  return content instanceof Uint8Array ? [partOf(content)] : content;
}

/** The bytes of an array of numbers, not copied. All runtimes that heed knows are little-endian, as files are. */
export function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/**
 * A whole file in memory.
 *
 * @throws ConfigError if it is larger than the runtime's arrays
 */
export function joinParts(operation: string, content: FileContent): Uint8Array {
  const join = joining(operation, partsOf(content));
  for (const _ of join.steps) void _;
  return join.out;
}

/** The same with turns of the event loop between the parts. Throws an AbortError if `signal` fires. */
export async function joinPartsInTurns(
  operation: string,
  content: FileContent,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  if (content instanceof Uint8Array) return content;
  const turn = turns();
  const { out, steps } = joining(operation, content);
  for (const _ of steps) {
    await turn();
    throwIfAborted(signal, operation);
  }
  return out;
}

function joining(operation: string, parts: readonly FilePart[]): { out: Uint8Array; steps: Iterable<void> } {
  const out = allocate(
    operation,
    parts.reduce((sum, { size }) => sum + size, 0),
  );
  function* steps(): Generator<void> {
    let at = 0;
    for (const part of parts) {
      out.set(part.bytes(), at);
      at += part.size;
      yield;
    }
  }
  return { out, steps: steps() };
}

function allocate(operation: string, size: number): Uint8Array {
  try {
    return new Uint8Array(size);
  } catch {
    throw new ConfigError(`${operation}: no memory for a file of ${size} bytes; save it to a disk`, { size });
  }
}
