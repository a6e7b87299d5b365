/** Files that a browser hands out: blobs, picked and dropped files, handles of the File System API. */
import { ConfigError, FileError, describeValue } from "../errors.ts";
import type { FileAccess, FileSet } from "./file-set.ts";
import { onlyWeights } from "./file-set.ts";
import type { FileHandle, FolderHandle } from "./source.ts";

/** One file. A blob without a name gets one by its first bytes. */
export async function openBlob(operation: string, blob: Blob): Promise<FileSet> {
  const name = "name" in blob && typeof blob.name === "string" && blob.name !== "" ? blob.name : await guessName(blob);
  return {
    place: `"${name}"`,
    file: name,
    list: async () => [name],
    find: async (wanted) => (wanted === name ? blobAccess(operation, blob, name) : undefined),
  };
}

/** The file behind a handle. */
export async function openFileHandle(operation: string, handle: FileHandle): Promise<FileSet> {
  return openBlob(operation, await attempt(operation, `"${handle.name}"`, () => handle.getFile()));
}

/**
 * Files by name. Those out of an input with `webkitdirectory` have a path that begins with the picked folder; it is left out.
 *
 * @throws ConfigError for anything that is no file, and for two of the same name
 */
export function openFiles(operation: string, list: readonly File[]): FileSet {
  const files = new Map<string, File>();
  for (const file of list) {
    if (!(file instanceof Blob) || typeof file.name !== "string")
      throw new ConfigError(`${operation}: a list of files must hold File objects, got ${describeValue(file)}`);
    const name = file.webkitRelativePath?.replace(/^[^/]*\//, "") || file.name;
    if (files.has(name)) throw new ConfigError(`${operation}: two files are called "${name}"`, { name });
    files.set(name, file);
  }
  const names = [...files.keys()];
  return {
    place: "the picked files",
    file: onlyWeights(names),
    list: async () => names,
    find: async (name) => {
      const file = files.get(name);
      return file && blobAccess(operation, file, name);
    },
  };
}

/** The folder behind a handle. */
export function openFolderHandle(operation: string, handle: FolderHandle): FileSet {
  const place = `the folder "${handle.name}"`;
  return {
    place,
    list: async () => {
      const names: string[] = [];
      for await (const name of handle.keys?.() ?? []) names.push(name);
      return names;
    },
    find: (name) =>
      attempt(operation, `"${name}" in ${place}`, async () => {
        const parts = name.split("/");
        const last = parts.pop() ?? "";
        try {
          let folder = handle;
          for (const part of parts) folder = await folder.getDirectoryHandle(part);
          const file = await (await folder.getFileHandle(last)).getFile();
          return blobAccess(operation, file, name);
        } catch (cause) {
          // TypeMismatchError: a folder where a file is wanted, or the other way round.
          if (cause instanceof Error && /^(NotFound|TypeMismatch)Error$/.test(cause.name)) return undefined;
          throw cause;
        }
      }),
  };
}

/** A name for a blob without one, so that its format is found: GGUF has a magic number, safetensors begins with 8 bytes and JSON. */
async function guessName(blob: Blob): Promise<string> {
  const head = new Uint8Array(await blob.slice(0, 9).arrayBuffer());
  if (String.fromCharCode(...head.subarray(0, 4)) === "GGUF") return "model.gguf";
  return head[8] === 0x7b ? "model.safetensors" : "model.bin";
}

/** The bytes of a blob. */
export function blobAccess(operation: string, blob: Blob, name: string): FileAccess {
  const place = `"${name}"`;
  return {
    size: blob.size,
    place,
    fill: (begin, into) =>
      attempt(operation, place, async () => {
        const bytes = new Uint8Array(await blob.slice(begin, begin + into.length).arrayBuffer());
        into.set(bytes);
        return bytes.length;
      }),
  };
}

const REASONS: Readonly<Record<string, string>> = {
  NotAllowedError: "access is not allowed; ask for it with the handle's requestPermission()",
  NotReadableError: "it cannot be read; it may have been changed or removed since it was picked",
  NotFoundError: "it is not there any more",
};

/** Runs a step and turns the browser's failure into a FileError. */
async function attempt<T>(operation: string, place: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (cause) {
    // A DOMException; anything else is a mistake in the program or none of ours.
    if (!(cause instanceof Error) || !("code" in cause) || typeof cause.code !== "number") throw cause;
    throw new FileError(
      `${operation}: ${place}: ${REASONS[cause.name] ?? cause.message}`,
      { place, code: cause.name },
      { cause },
    );
  }
}
