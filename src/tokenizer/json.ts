/** Reading fields of an untrusted `tokenizer.json`: every reader names the place, what it expected, and what it found. */
import { FormatError, TokenizerError, describeValue } from "../errors.ts";

/** A JSON object whose fields are not yet checked. */
export type JSONObject = Record<string, unknown>;

/** Ids above this are taken for damage: the largest public vocabularies have about 2^18 entries. */
export const MAX_ID: number = 2 ** 24 - 1;

/** Real files nest a stage about six deep; beyond some thousands, neither a copy nor `JSON.stringify` would succeed. */
const MAX_DEPTH = 32;

/** Real files have about ten; the tables of a pattern that a text meets take more than a megabyte. */
const MAX_STAGES = 100;

/** The error for a field that is missing or of the wrong kind. */
export function malformed(where: string, expected: string, got: unknown): FormatError {
  return new FormatError(`tokenizer.json: ${where} must be ${expected}, got ${describeValue(got)}`, { where });
}

/** The error for a well-formed part that heed cannot run. */
export function unsupported(where: string, got: unknown, supported: string): TokenizerError {
  return new TokenizerError(
    `tokenizer.json: ${where} ${describeValue(got)} is not supported; supported: ${supported}`,
    { where, got },
  );
}

/** Parses JSON, or throws a FormatError that names the file. */
export function parseJSON(text: string, file: string = "tokenizer.json"): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FormatError(`${file}: not valid JSON: ${(cause as Error).message}`, {}, { cause });
  }
}

/** `value` as an object, or a FormatError. */
export function readObject(value: unknown, where: string): JSONObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw malformed(where, "an object", value);
  return value as JSONObject;
}

/** `value` as an array, or a FormatError; a missing one counts as empty only if `optional`. */
export function readArray(value: unknown, where: string, optional: boolean = false): readonly unknown[] {
  if (optional && (value === undefined || value === null)) return [];
  if (!Array.isArray(value)) throw malformed(where, "an array", value);
  return value;
}

/** `value` as a string that is not empty, or a FormatError. */
export function readString(value: unknown, where: string): string {
  if (typeof value !== "string" || value === "") throw malformed(where, "a string that is not empty", value);
  return value;
}

/** `value` as a boolean, `fallback` if it is missing, or a FormatError. */
export function readBoolean(value: unknown, where: string, fallback: boolean): boolean {
  if (value === undefined || value === null) return fallback;
  if (typeof value !== "boolean") throw malformed(where, "true or false", value);
  return value;
}

/** `value` as an integer from 0 to `max` (default the greatest id), or a FormatError. */
export function readInteger(value: unknown, where: string, max: number = MAX_ID): number {
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > max) {
    throw malformed(where, `an integer from 0 to ${max}`, value);
  }
  return value as number;
}

/** Refuses a value that is nested too deeply to be copied and written again, with a FormatError. */
export function checkDepth(value: unknown, where: string, levels: number = MAX_DEPTH): void {
  if (typeof value !== "object" || value === null) return;
  if (levels === 0)
    throw new FormatError(`tokenizer.json: ${where} is nested too deeply; at most ${MAX_DEPTH} levels are allowed`, {
      where,
    });
  for (const item of Object.values(value)) checkDepth(item, where, levels - 1);
}

/** Refuses more stages than any tokenizer needs, with a FormatError. */
export function checkStages(count: number, where: string): void {
  if (count <= MAX_STAGES) return;
  throw new FormatError(`tokenizer.json: ${where} has ${count} stages, at most ${MAX_STAGES} are allowed`, { where });
}
