/** A cache of downloaded files: whole, checked ones only, in a folder or, in browsers, in the Cache API. */
import { ConfigError, FileError, throwIfAborted } from "../errors.ts";
import { openCacheStorage } from "./cache-storage.ts";
import { openCacheFolder } from "./cache-folder.ts";
import type { FileAccess, FileSet, FindOptions } from "./file-set.ts";
import { fileSystem } from "./file-system.ts";
import { SumCheck, refuseStandIn } from "./integrity.ts";

/** Where downloaded files are kept, those of one model. */
export interface CacheStore {
  /** A file that is kept; "absent" if it is known not to exist; undefined if nothing is known. */
  find(name: string): Promise<FileAccess | "absent" | undefined>;
  /**
   * Keeps a file once `pieces` has come to its end, or nothing of it.
   *
   * @param pieces its bytes from the first to the last; each piece is used before the next is asked for
   * @returns false if another file of the same name and size could not be replaced, so that it is kept and not this one
   */
  keep(name: string, size: number, pieces: AsyncGenerator<Uint8Array<ArrayBuffer>>): Promise<boolean>;
  /** Remembers that there is no such file. */
  markAbsent(name: string): Promise<void>;
  /** Keeps a file no longer. It is not read any more. */
  remove(name: string): Promise<void>;
  close?(): Promise<void>;
}

/** Files on the web. */
export interface WebFiles extends FileSet {
  /** What the server has said that it does not have; what it only did not hand out is not among them. */
  readonly missing: ReadonlySet<string>;
}

/** Files on the web behind a cache. */
export interface KeptFiles extends FileSet {
  /** Removes from the cache what was downloaded, and what else may be a wrong answer of the server. To be called after `close`. */
  forget(): Promise<void>;
}

/** Bytes that are handed on at a time. */
const PIECE_BYTES = 2 ** 20;

/** Error messages that servers send in place of a file are no longer than this. */
const MESSAGE_BYTES = 2 ** 16;

/**
 * Puts a cache before files on the web.
 *
 * @param cache a folder where there is a file system, elsewhere the name of a `Cache`
 * @param folder address of the files
 * @throws ConfigError where neither is to be had
 */
export async function openCache(
  operation: string,
  cache: string,
  files: WebFiles,
  folder: URL,
  onDownload: ((bytes: number, file: string) => void) | undefined,
): Promise<KeptFiles> {
  const store = await openStore(operation, cache, folder);
  const doubtful = new Set<string>();
  return {
    get place() {
      return files.place;
    },
    file: files.file,
    list: () => files.list(),
    find: async (name, options) => {
      const kept = await store.find(name);
      if (kept === "absent") return undefined;
      if (kept !== undefined && (await hasSum(operation, kept, options))) {
        // A load that was broken off may have left it before anyone had looked into it.
        if (options.sum === undefined && kept.size <= MESSAGE_BYTES) doubtful.add(name);
        return { ...withFill(kept), verified: true };
      }
      const access = await files.find(name, options);
      if (access === undefined) return undefined;
      doubtful.add(name);
      const verified = await store.keep(
        name,
        access.size,
        download(operation, access, options, (bytes) => onDownload?.(bytes, name)),
      );
      const stored = await store.find(name);
      if (stored === undefined || stored === "absent" || stored.size !== access.size)
        throw new FileError(`${operation}: ${access.place}: the file was removed from the cache while it was loaded`, {
          place: access.place,
        });
      return { ...withFill(stored), verified };
    },
    settle: async () => {
      for (const name of files.missing) await store.markAbsent(name);
    },
    forget: async () => {
      // A file that cannot be removed stays, as it would have without this.
      for (const name of doubtful) await store.remove(name).catch(() => undefined);
    },
    close: async () => {
      await files.close?.();
      await store.close?.();
    },
  };
}

async function openStore(operation: string, cache: string, folder: URL): Promise<CacheStore> {
  try {
    await fileSystem(operation);
  } catch {
    if (typeof caches !== "undefined") return openCacheStorage(operation, cache, folder);
    throw new ConfigError(
      `${operation}: cache: this runtime has neither a file system nor the Cache API, which browsers have on https pages only`,
    );
  }
  return openCacheFolder(operation, cache, folder);
}

/** A copy whose functions may be called without their object. */
function withFill({ size, place, fill }: FileAccess): FileAccess {
  return { size, place, fill };
}

/** Whether a kept file is the one that is asked for; one with another sum is downloaded again. */
async function hasSum(operation: string, file: FileAccess, { sum, signal }: FindOptions): Promise<boolean> {
  if (sum === undefined) return true;
  const check = await SumCheck.start(sum);
  for await (const piece of pieces(operation, file, signal)) check.add(check.position, piece);
  return check.good;
}

/** The bytes of a file from the web; ends with an error rather than after too few bytes, with a wrong sum, or with a stand-in. */
async function* download(
  operation: string,
  file: FileAccess,
  { sum, signal }: FindOptions,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const check = sum === undefined ? undefined : await SumCheck.start(sum);
  let isFirst = true;
  for await (const piece of pieces(operation, file, signal, onBytes)) {
    if (isFirst) refuseStandIn(operation, file.place, piece);
    isFirst = false;
    check?.add(check.position, piece);
    yield piece;
  }
  if (check?.good === false) throw check.error(operation, file.place);
}

/** The bytes of a file in pieces, each of them in the same array. */
async function* pieces(
  operation: string,
  file: FileAccess,
  signal: AbortSignal | undefined,
  onBytes?: (bytes: number) => void,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const piece = new Uint8Array(Math.min(PIECE_BYTES, file.size));
  for (let at = 0; at < file.size;) {
    const wanted = Math.min(piece.length, file.size - at);
    let held = 0;
    while (held < wanted) {
      throwIfAborted(signal, operation);
      const count = await file.fill(at + held, piece.subarray(held, wanted), signal);
      if (count === 0) throw new FileError(`${operation}: ${file.place}: the file ends early`, { place: file.place });
      held += count;
      onBytes?.(count);
    }
    yield piece.subarray(0, held);
    at += held;
  }
  throwIfAborted(signal, operation);
}
