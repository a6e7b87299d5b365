/** Whether a file is the right one: its sum, checked while it is read, and what is often sent in its place. */
import { ConfigError, FormatError, describeValue } from "../errors.ts";
import { runningSum } from "./sha256.ts";
import type { RunningSum } from "./sha256.ts";

/** Sums as 64 lower-case hexadecimal digits, by file name. */
export type Sums = ReadonlyMap<string, string>;

/**
 * Reads the option `integrity`.
 *
 * @param file the one file that a single text stands for
 */
export function readIntegrity(operation: string, integrity: unknown, file: string | undefined): Sums {
  if (integrity === undefined) return new Map();
  if (typeof integrity === "string") {
    if (file === undefined)
      throw new ConfigError(
        `${operation}: integrity is one text, but the source is not one file; pass { "model.safetensors": "sha256-…" }`,
      );
    return new Map([[file, readSum(operation, file, integrity)]]);
  }
  if (Object.prototype.toString.call(integrity) !== "[object Object]")
    throw new ConfigError(
      `${operation}: integrity must be a text or an object of texts by file name, got ${describeValue(integrity)}`,
    );
  return new Map(Object.entries(integrity as object).map(([name, sum]) => [name, readSum(operation, name, sum)]));
}

function readSum(operation: string, name: string, sum: unknown): string {
  if (typeof sum === "string" && /^[0-9a-f]{64}$/i.test(sum)) return sum.toLowerCase();
  if (typeof sum === "string" && /^sha256-[A-Za-z0-9+/]{43}=$/.test(sum))
    return Array.from(atob(sum.slice(7)), (byte) => byte.charCodeAt(0).toString(16).padStart(2, "0")).join("");
  throw new ConfigError(
    `${operation}: the integrity of "${name}" must be 64 hexadecimal digits or "sha256-" with 44 characters of Base64, got ${describeValue(sum)}`,
    { name },
  );
}

/** How a pointer of Git LFS begins. */
const POINTER = "version https://git-lfs";

/**
 * Throws a `FormatError` if a file begins like what is often sent or stored in place of the real one.
 *
 * @param bytes from its first on; fewer than 8 are not judged
 */
export function refuseStandIn(operation: string, place: string, bytes: Uint8Array<ArrayBufferLike>): void {
  const head = String.fromCharCode(...bytes.subarray(0, 24)).toLowerCase();
  // 8 bytes are what is read of a safetensors file first; no file of weights begins with these.
  const what = POINTER.startsWith(head.slice(0, POINTER.length))
    ? 'a pointer of Git LFS and not the file itself; fetch it with "git lfs pull"'
    : /^\s*<(!doctyp|html)/.test(head)
      ? "a web page and not the file; check the address it was downloaded from"
      : undefined;
  if (head.length >= 8 && what !== undefined)
    throw new FormatError(`${operation}: ${place}: this is ${what}`, { place });
}

/** The check of one file: it is fed with the file's bytes from the first to the last. */
export class SumCheck {
  readonly #wanted: string;
  readonly #sum: RunningSum;
  /** Bytes that it has seen: the next it needs is the one at this position. */
  position = 0;
  #found: string | undefined;

  private constructor(wanted: string, sum: RunningSum) {
    this.#wanted = wanted;
    this.#sum = sum;
  }

  /** A check that has seen nothing yet. */
  static async start(wanted: string): Promise<SumCheck> {
    return new SumCheck(wanted, await runningSum());
  }

  /** Takes the part of `bytes`, which begin at `begin`, that it has not seen yet. */
  add(begin: number, bytes: Uint8Array<ArrayBufferLike>): void {
    const seen = this.position - begin;
    if (seen < 0 || seen >= bytes.length) return;
    this.#sum.update(bytes.subarray(seen));
    this.position += bytes.length - seen;
  }

  /** Whether the sum of what it has seen is right; nothing can be added any more. */
  get good(): boolean {
    this.#found ??= this.#sum.hex();
    return this.#found === this.#wanted;
  }

  /** The error of a sum that is wrong. */
  error(operation: string, place: string): FormatError {
    return new FormatError(
      `${operation}: ${place}: the SHA-256 is ${this.good ? "right" : this.#found}, expected ${this.#wanted}; the file is damaged or another one`,
      { place, expected: this.#wanted, found: this.#found },
    );
  }
}
