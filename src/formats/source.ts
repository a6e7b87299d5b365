/** Where the files of a model come from: a folder, or files in memory. */
import { ConfigError, FileError, throwIfAborted } from "../errors.ts";
import { checkPath, errorCode, fileError, fileSystem } from "./file-system.ts";

/** How a file is read. */
export interface ReadOptions {
  signal?: AbortSignal;
  /** Called with the number of bytes that each step has brought. */
  onBytes?: (bytes: number) => void;
}

/** Files by name. */
export interface ModelSource {
  /** The place, for messages. */
  readonly place: string;
  /** Names of all files, for messages. */
  list(): Promise<string[]>;
  /** Size of a file in bytes; undefined if there is no such file. */
  size(name: string): Promise<number | undefined>;
  /** The content of a file that is there. */
  read(name: string, options?: ReadOptions): Promise<Uint8Array>;
}

/** Bytes of one step of reading: few enough to stop soon when aborted. */
const STEP_BYTES = 2 ** 24;

/**
 * Opens a folder, or files in memory.
 *
 * @throws FileError if there is no such folder, ConfigError for anything that is neither a path nor a map
 */
export async function openSource(
  operation: string,
  source: string | ReadonlyMap<string, Uint8Array>,
): Promise<ModelSource> {
  if (typeof source === "string") return openFolder(operation, source);
  if (typeof source?.get === "function" && typeof source.entries === "function") return openMap(operation, source);
  throw new ConfigError(
    `${operation}: the source must be the path of a folder or a Map from file names to Uint8Arrays, got ${source === null ? "null" : typeof source}`,
  );
}

function openMap(operation: string, files: ReadonlyMap<string, Uint8Array>): ModelSource {
  for (const [name, bytes] of files) {
    if (!(bytes instanceof Uint8Array))
      throw new ConfigError(`${operation}: the content of "${name}" must be a Uint8Array, got ${typeof bytes}`, {
        name,
      });
  }
  return {
    place: "the files in memory",
    list: async () => [...files.keys()],
    size: async (name) => files.get(name)?.length,
    read: async (name, { signal, onBytes } = {}) => {
      throwIfAborted(signal, operation);
      const bytes = files.get(name);
      if (bytes === undefined)
        throw new FileError(`${operation}: there is no "${name}" among the files in memory`, { name });
      onBytes?.(bytes.length);
      return bytes;
    },
  };
}

async function openFolder(operation: string, folder: string): Promise<ModelSource> {
  checkPath(operation, folder);
  const { fs, path } = await fileSystem(operation);
  const place = path.resolve(folder);
  /** Runs a step and turns its failure into a FileError about `subject`. */
  const attempt = async <T>(subject: string, step: () => Promise<T>): Promise<T> => {
    try {
      return await step();
    } catch (cause) {
      throw fileError(operation, subject, cause);
    }
  };
  const stats = await attempt(place, () => fs.stat(place));
  if (!stats.isDirectory())
    throw new FileError(`${operation}: ${place}: this is a file; pass the folder that it lies in`, { path: place });
  return {
    place,
    list: () => attempt(place, () => fs.readdir(place)),
    size: (name) =>
      attempt(path.join(place, name), async () => {
        const found = await fs.stat(path.join(place, name)).catch((cause: unknown) => {
          if (errorCode(cause) === "ENOENT") return undefined;
          throw cause;
        });
        return found?.isFile() ? found.size : undefined;
      }),
    read: (name, options) =>
      attempt(path.join(place, name), () => readWhole(fs, operation, path.join(place, name), options)),
  };
}

/** Reads a file step by step: Node's `readFile` neither reports progress nor reads more than 2 GiB. */
async function readWhole(
  fs: typeof import("node:fs/promises"),
  operation: string,
  file: string,
  { signal, onBytes }: ReadOptions = {},
): Promise<Uint8Array> {
  const handle = await fs.open(file, "r");
  try {
    const { size } = await handle.stat();
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size;) {
      throwIfAborted(signal, operation);
      const { bytesRead } = await handle.read(bytes, at, Math.min(STEP_BYTES, size - at), at);
      if (bytesRead === 0)
        throw new FileError(`${operation}: ${file}: the file became shorter while it was read; try again`, {
          path: file,
        });
      at += bytesRead;
      onBytes?.(bytesRead);
    }
    throwIfAborted(signal, operation);
    return bytes;
  } finally {
    await handle.close();
  }
}
