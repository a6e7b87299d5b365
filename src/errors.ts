/**
 * Every error that heed throws on purpose is a `HeedError`: a stable `code` for programs, a message for people that
 * names the operation, the argument, what was expected and what came, and `details` with the same facts as values.
 */

/** The base of all heed errors. `code` is stable across versions; the wording of `message` is not. */
export class HeedError extends Error {
  override name = "HeedError";
  /** Stable, machine-readable kind, such as `"shape"` or `"format"`. */
  readonly code: string;
  /** The facts of the message as values. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, details: Record<string, unknown> = {}, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.details = details;
  }
}

/** Sizes that do not fit together, or an index outside its axis. */
export class ShapeError extends HeedError {
  override name = "ShapeError";
  constructor(message: string, details?: Record<string, unknown>) {
    super("shape", message, details);
  }
}

/** An option or argument that is unknown, out of range, or in conflict with another. */
export class ConfigError extends HeedError {
  override name = "ConfigError";
  constructor(message: string, details?: Record<string, unknown>) {
    super("config", message, details);
  }
}

/** A file or buffer whose content is not what its format promises: truncated, foreign, or beyond a limit. */
export class FormatError extends HeedError {
  override name = "FormatError";
  constructor(message: string, details?: Record<string, unknown>, options?: ErrorOptions) {
    super("format", message, details, options);
  }
}

/** A place that could not be read or written: missing, not allowed, or out of space. */
export class FileError extends HeedError {
  override name = "FileError";
  constructor(message: string, details?: Record<string, unknown>, options?: ErrorOptions) {
    super("file", message, details, options);
  }
}

/** Text or token ids that a tokenizer cannot take. */
export class TokenizerError extends HeedError {
  override name = "TokenizerError";
  constructor(message: string, details?: Record<string, unknown>) {
    super("tokenizer", message, details);
  }
}

/** Something was read after it had been released. */
export class DisposedError extends HeedError {
  override name = "DisposedError";
  constructor(message: string, details?: Record<string, unknown>) {
    super("disposed", message, details);
  }
}

/** Numbers that have become NaN or infinite: a training that diverged, or damaged weights. */
export class DivergedError extends HeedError {
  override name = "DivergedError";
  constructor(message: string, details?: Record<string, unknown>) {
    super("diverged", message, details);
  }
}

/** Work was stopped through an `AbortSignal`; `cause` holds the signal's reason. */
export class AbortError extends HeedError {
  override name = "AbortError";
  constructor(operation: string, reason?: unknown) {
    super("aborted", `${operation}: stopped through its AbortSignal`, {}, { cause: reason });
  }
}

/** Longest text and longest list that a message shows. */
const SHOWN_LENGTH = 80;
const SHOWN_ITEMS = 8;

/**
 * What a value is, short enough for a message: `"text"`, `-1`, `null`, `nothing`, `[1,"2"]`, `an array`, `an object`. Looks
 * one level deep and no deeper: what comes from a file may be nested beyond what the stack holds.
 */
export function describeValue(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "string")
    return JSON.stringify(value.length > SHOWN_LENGTH ? `${value.slice(0, SHOWN_LENGTH)}…` : value);
  if (Array.isArray(value)) {
    const flat = value.length <= SHOWN_ITEMS && value.every((item) => typeof item !== "object" || item === null);
    return flat ? `[${value.map(describeValue).join(",")}]` : "an array";
  }
  if (typeof value === "function") return "a function";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}

/** A value that should have been a number: other single values print as they are, lists and objects by their kind. */
function describeNumber(value: unknown): string {
  return typeof value === "object" || typeof value === "string" ? describeValue(value) : String(value);
}

/** Throws a `ConfigError` if what was given as a signal is none. */
export function checkSignal(signal: AbortSignal | undefined, operation: string): void {
  if (signal === undefined || typeof signal?.aborted === "boolean") return;
  throw new ConfigError(`${operation}: signal must be an AbortSignal, got ${String(signal)}`);
}

/** Throws an `AbortError` if `signal` has fired. */
export function throwIfAborted(signal: AbortSignal | undefined, operation: string): void {
  checkSignal(signal, operation);
  if (signal?.aborted) throw new AbortError(operation, signal.reason);
}

/**
 * Rejects unknown option names, so that a misspelt option never passes silently. An explicit `undefined` counts as absent.
 *
 * @param operation the function whose options are checked, for the message
 * @param options what the caller passed
 * @param known the names that the function understands
 */
export function checkOptions(operation: string, options: object | undefined, known: readonly string[]): void {
  if (options === undefined) return;
  if (options === null || typeof options !== "object" || Array.isArray(options)) {
    throw new ConfigError(
      `${operation}: options must be an object, got ${options === null ? "null" : Array.isArray(options) ? "an array" : typeof options}`,
    );
  }
  for (const [key, value] of Object.entries(options)) {
    if (value === undefined || known.includes(key)) continue;
    throw new ConfigError(`${operation}: unknown option "${key}"; known options: ${known.join(", ")}`, {
      option: key,
      known,
    });
  }
}

/** Throws a `ConfigError` unless `value` is an integer within [min, max]. */
export function checkInteger(
  operation: string,
  name: string,
  value: unknown,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): void {
  if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return;
  const range = max === Number.MAX_SAFE_INTEGER ? `>= ${min}` : `from ${min} to ${max}`;
  throw new ConfigError(`${operation}: ${name} must be an integer ${range}, got ${describeNumber(value)}`, {
    name,
    value,
    min,
    max,
  });
}

/** Throws a `ConfigError` unless `value` is a finite number within [min, max]. */
export function checkNumber(
  operation: string,
  name: string,
  value: unknown,
  min: number,
  max: number = Number.MAX_VALUE,
): void {
  if (typeof value === "number" && value >= min && value <= max) return;
  const lowest = min === -Number.MAX_VALUE ? "finite" : min === Number.MIN_VALUE ? "above 0" : `finite and >= ${min}`;
  const range =
    max === Number.MAX_VALUE ? lowest : min === Number.MIN_VALUE ? `above 0, at most ${max}` : `from ${min} to ${max}`;
  throw new ConfigError(`${operation}: ${name} must be a number ${range}, got ${describeNumber(value)}`, {
    name,
    value,
    min,
    max,
  });
}
