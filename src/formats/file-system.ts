/** The runtime's file system, loaded when it is first needed, and its failures as errors that say what to do. */
import { ConfigError, FileError, HeedError } from "../errors.ts";

/** The modules of Node that folders need; Deno and Bun have them too. */
export interface FileSystem {
  readonly fs: typeof import("node:fs/promises");
  readonly path: typeof import("node:path");
}

/**
 * The file system of this runtime.
 *
 * @throws ConfigError where there is none, as in browsers
 */
export async function fileSystem(operation: string): Promise<FileSystem> {
  try {
    // A plain `await import` in a `try` is what lets bundlers for browsers pass over modules that are not there; some put
    // empty ones in their place.
    const fs = await import(/* webpackIgnore: true */ "node:fs/promises");
    const path = await import(/* webpackIgnore: true */ "node:path");
    if (typeof fs.open === "function" && typeof path.resolve === "function") return { fs, path };
  } catch {
    // Falls through to the error that both cases share.
  }
  throw new ConfigError(
    `${operation}: this runtime has no file system; pass a Map from file names to Uint8Arrays instead of a path (or, to load, an http address or a File)`,
  );
}

/**
 * Bytes of memory that this process may use at most; undefined where nobody says so, as in browsers.
 */
export async function machineMemory(): Promise<number | undefined> {
  try {
    // Deno asks the user at the terminal for what a program may not know.
    const { Deno } = globalThis as { Deno?: { permissions: { query(what: object): Promise<{ state: string }> } } };
    const asked = await Deno?.permissions.query({ name: "sys", kind: "systemMemoryInfo" });
    if (asked !== undefined && asked.state !== "granted") return undefined;
    const { totalmem } = await import(/* webpackIgnore: true */ "node:os");
    const total = totalmem();
    // The limit of a container; 0 or beyond the machine's memory where there is none. Older Node 20 lacks the function.
    const limit = globalThis.process?.constrainedMemory?.() ?? 0;
    return limit > 0 && limit < total ? limit : total > 0 ? total : undefined;
  } catch {
    return undefined;
  }
}

/** Throws a `ConfigError` unless `path` is a text that can name a folder. */
export function checkPath(operation: string, path: string): void {
  if (path.includes("\0")) throw new ConfigError(`${operation}: the path holds a zero character`);
  if (path === "") throw new ConfigError(`${operation}: the path of the folder is empty`);
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(path))
    throw new ConfigError(`${operation}: "${path}" is an address and not the path of a folder`, { path });
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder; check the path",
  ENOTDIR: "a part of the path is a file and not a folder; check the path",
  EISDIR: "this is a folder and not a file",
  EACCES: "access is not allowed; check the permissions of the file and of its folder",
  EPERM: "access is not allowed; check the permissions of the file and of its folder",
  EROFS: "the file system can only be read; choose another place",
  ENOSPC: "no space is left on the disk; free some or choose another place",
  EDQUOT: "the disk quota is used up; free some space or choose another place",
  EEXIST: "something else of this name is in the way; move it or choose another name",
  ENOTEMPTY: "something else of this name is in the way; move it or choose another name",
  EBUSY: "another program is using it; close that program and try again",
  EMFILE: "too many files are open; close some and try again",
  ENAMETOOLONG: "the name is too long",
  PermissionDenied: "access is not allowed; start the runtime with the permission for it", // Deno 1
  NotCapable: "access is not allowed; start the runtime with the permission for it", // Deno 2
};

/**
 * A failure of the file system as a `FileError`. What is none (heed's own errors, an error out of a callback) stays as it is.
 *
 * @param outcome what has become of the work, for the end of the message
 */
export function fileError(operation: string, path: string, cause: unknown, outcome?: string): unknown {
  if (!(cause instanceof Error) || cause instanceof HeedError) return cause;
  const code = errorCode(cause) ?? cause.name; // a RangeError: no memory for a file
  if (!/^E[A-Z]+$/.test(code) && code !== "RangeError" && !Object.hasOwn(REASONS, code)) return cause;
  const reason = REASONS[code] ?? cause.message;
  return new FileError(
    `${operation}: ${path}: ${reason}${outcome === undefined ? "" : `; ${outcome}`}`,
    { path, code },
    { cause },
  );
}

/** The system's name of a failure, such as "ENOENT". */
export function errorCode(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}

/** For `catch`: a missing file counts as undefined, every other failure stays one. */
export function ignoreMissing(cause: unknown): undefined {
  if (errorCode(cause) !== "ENOENT") throw cause;
  return undefined;
}
