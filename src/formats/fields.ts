/** Reading the fields of an untrusted JSON file: every reader names the file and the field, what it expected and what came. */
import { FormatError, describeValue } from "../errors.ts";

/** The object that a JSON file holds. A field that is null counts as absent, as Hugging Face's files use it. */
export class Fields {
  /** The file's name, for messages. */
  readonly file: string;
  /** The fields, not yet checked. */
  readonly values: Readonly<Record<string, unknown>>;
  /** What stands before the names in messages, such as "rope_scaling." */
  readonly prefix: string;

  constructor(file: string, values: Readonly<Record<string, unknown>>, prefix: string = "") {
    this.file = file;
    this.values = values;
    this.prefix = prefix;
  }

  /** Whether the file has the field, be it null. */
  has(name: string): boolean {
    return Object.hasOwn(this.values, name);
  }

  /** The same fields with some replaced. */
  with(changes: Readonly<Record<string, unknown>>): Fields {
    return new Fields(this.file, { ...this.values, ...changes }, this.prefix);
  }

  /** File and field, for messages. */
  where(name: string): string {
    return `${this.file}: ${this.prefix}${name}`;
  }

  /** The field as it is; undefined if it is absent. */
  value(name: string): unknown {
    return this.has(name) ? (this.values[name] ?? undefined) : undefined;
  }

  /** An integer, or `fallback` if the field is absent. Without a fallback the field is required. */
  integer(name: string, fallback?: number): number {
    const value = this.value(name) ?? fallback;
    if (!Number.isSafeInteger(value)) throw this.wrong(name, "an integer", value);
    return value as number;
  }

  /** A number, or `fallback` if the field is absent. Without a fallback the field is required. */
  number(name: string, fallback?: number): number {
    const value = this.value(name) ?? fallback;
    if (typeof value !== "number") throw this.wrong(name, "a number", value);
    return value;
  }

  /** True or false, or `fallback` if the field is absent. */
  boolean(name: string, fallback: boolean): boolean {
    const value = this.value(name) ?? fallback;
    if (typeof value !== "boolean") throw this.wrong(name, "true or false", value);
    return value;
  }

  /** The value that a text stands for, or `fallback` if the field is absent. */
  choice<T>(name: string, choices: ReadonlyMap<string, T>, fallback: T): T {
    const value = this.value(name);
    if (value === undefined) return fallback;
    const chosen = typeof value === "string" ? choices.get(value) : undefined;
    if (chosen === undefined) throw this.wrong(name, `one of ${[...choices.keys()].join(", ")}`, value);
    return chosen;
  }

  /** Refuses a setting that heed has no part for, rather than computing something else. */
  refuse(name: string, unless: unknown): void {
    const value = this.value(name);
    if (value === undefined || value === unless) return;
    const supported = unless === undefined ? "" : `; supported: ${describeValue(unless)}`;
    throw new FormatError(`${this.where(name)} ${describeValue(value)} is not supported${supported}`, {
      file: this.file,
      field: name,
      value,
    });
  }

  /** The error for a field that is missing or of the wrong kind. */
  wrong(name: string, expected: string, got: unknown): FormatError {
    return new FormatError(`${this.where(name)} must be ${expected}, got ${describeValue(got)}`, {
      file: this.file,
      field: name,
    });
  }
}

/**
 * Reads a JSON file that must hold an object.
 *
 * @throws FormatError if the bytes are not UTF-8, not JSON, or not an object
 */
export function readFields(bytes: Uint8Array, file: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(readText(bytes, file));
  } catch (cause) {
    if (cause instanceof FormatError) throw cause;
    throw new FormatError(
      `${file}: not valid JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
      { file },
      { cause },
    );
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new FormatError(`${file}: must hold a JSON object, got ${describeValue(value)}`, { file });
  return new Fields(file, value as Record<string, unknown>);
}

/** The text of a file. Throws a FormatError if it is not UTF-8. */
export function readText(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new FormatError(`${file}: not valid UTF-8 text`, { file }, { cause });
  }
}

/**
 * An object as the text of a JSON file.
 *
 * @param floats fields of it whose whole numbers are written as 30.0, for readers that tell this and 30 apart
 */
export function writeJSON(value: object, floats: readonly string[] = []): Uint8Array {
  const text = JSON.stringify(value, null, 2).replace(/^( {2}"(\w+)": -?\d+)(?=,?$)/gm, (whole, _, name: string) =>
    floats.includes(name) ? `${whole}.0` : whole,
  );
  return new TextEncoder().encode(`${text}\n`);
}
