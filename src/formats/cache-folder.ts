/** Downloaded files in a folder: one folder for each model, with the files under their own names. */
import { FileError } from "../errors.ts";
import type { CacheStore } from "./download-cache.ts";
import { checkPath, errorCode, fileError, fileSystem } from "./file-system.ts";
import type { FileSystem } from "./file-system.ts";
import { missingFolders } from "./folder.ts";
import { Sha256 } from "./sha256.ts";
import { openFile } from "./source-folder.ts";
import type { Handle } from "./source-folder.ts";

/** What unfinished downloads are called, and how old one is that nobody works on any more, in milliseconds. */
const UNFINISHED = ".download-";
const ABANDONED = 24 * 3600 * 1000;

/** Letters of a readable name, and of the sum that tells names apart. */
const NAME_LENGTH = 64;
const SUM_LENGTH = 32;

/**
 * The place of a model's files in a cache folder. Folders are made when the first file comes.
 *
 * @throws ConfigError for a text that cannot be a path
 */
export async function openCacheFolder(operation: string, cache: string, address: URL): Promise<CacheStore> {
  checkPath(operation, cache);
  const system = await fileSystem(operation);
  const { fs, path } = system;
  const folder = path.join(
    path.resolve(cache),
    `${readable(address.host + address.pathname)}_${shortSum(address.href)}`,
  );
  const pathOf = (name: string): string =>
    path.join(folder, isPlain(name) ? name : `${shortSum(name)}_${readable(name)}`);
  const handles = new Map<string, Handle[]>();
  const closeFile = async (name: string): Promise<void> => {
    await Promise.all((handles.get(name) ?? []).splice(0).map((handle) => handle.close()));
  };
  return {
    find: async (name) => {
      const opened = handles.get(name) ?? [];
      handles.set(name, opened);
      const file = await openFile(operation, fs, pathOf(name), opened);
      if (file !== undefined) return file;
      const mark = await fs.stat(`${pathOf(name)}.absent`).catch(() => undefined);
      return mark === undefined ? undefined : "absent";
    },
    keep: async (name, size, pieces) => {
      const file = pathOf(name);
      // Beside the final place, so that the file can be moved there at one stroke; two downloads at once do not meet.
      const unfinished = path.join(folder, `${UNFINISHED}${globalThis.crypto.randomUUID()}`);
      const made: string[] = [];
      const begin = async (): Promise<Handle> => {
        await makeFolder(system, folder, made);
        await removeAbandoned(system, folder);
        return fs.open(unfinished, "wx");
      };
      try {
        await closeFile(name); // Windows moves nothing over an open file
        const handle = await begin().catch((cause: unknown) => {
          if (errorCode(cause) !== "ENOENT") throw cause;
          return begin(); // another download has failed and removed the folder while it was empty
        });
        await write(handle, pieces);
        const written = await fs.stat(unfinished);
        if (written.size !== size)
          throw new FileError(`${operation}: ${file}: ${written.size} bytes were written, ${size} were expected`);
        const moved = await moveOver(fs, unfinished, file, size);
        await fs.rm(`${file}.absent`, { force: true });
        return moved;
      } catch (cause) {
        await fs.rm(unfinished, { force: true }).catch(ignore);
        // Innermost first; this does nothing to a folder that holds something.
        for (const place of new Set([folder, ...made.reverse()])) await fs.rmdir(place).catch(ignore);
        throw fileError(operation, file, cause);
      }
    },
    markAbsent: async (name) => {
      // Only a hint: without it the next load asks the server again.
      await makeFolder(system, folder, [])
        .then(() => fs.writeFile(`${pathOf(name)}.absent`, ""))
        .catch(ignore);
    },
    remove: async (name) => {
      await closeFile(name);
      await fs.rm(pathOf(name), { force: true });
      await fs.rmdir(folder).catch(ignore);
    },
    close: async () => {
      for (const name of handles.keys()) await closeFile(name);
    },
  };
}

/** Names that are files of their own in every file system, and none of the cache's. */
function isPlain(name: string): boolean {
  return /^[a-z][a-z0-9_-]{4,}(\.[a-z0-9_-]+)*$/.test(name) && name.length <= NAME_LENGTH && !name.endsWith(".absent");
}

/** What of a text can stand in a file name. */
function readable(text: string): string {
  return text
    .replace(/[^A-Za-z0-9.-]+/g, "_")
    .replace(/^[._-]+|[._-]+$/g, "")
    .slice(-NAME_LENGTH);
}

/** Tells texts apart, also where large and small letters are the same. */
function shortSum(text: string): string {
  return new Sha256().update(new TextEncoder().encode(text)).hex().slice(0, SUM_LENGTH);
}

/** @param made where the folders that were missing are put, outermost first */
async function makeFolder(system: FileSystem, folder: string, made: string[]): Promise<void> {
  for (const place of await missingFolders(system, folder)) {
    await system.fs.mkdir(place).then(
      () => made.push(place),
      (cause: unknown) => {
        if (errorCode(cause) !== "EEXIST") throw cause; // another download has made it
      },
    );
  }
}

/** Writes what a new file holds, and closes it. */
async function write(handle: Handle, pieces: AsyncGenerator<Uint8Array<ArrayBuffer>>): Promise<void> {
  try {
    for await (const piece of pieces) {
      for (let at = 0; at < piece.length;) at += (await handle.write(piece, at)).bytesWritten;
    }
    await handle.sync(); // the bytes are on the disk before the name is
  } finally {
    await handle.close();
  }
}

/**
 * Gives a complete file its name. Where another process has the file of that name open, Windows refuses; then that file
 * must do if it is as long.
 *
 * @returns false if the other file has stayed
 */
async function moveOver(fs: FileSystem["fs"], from: string, to: string, size: number): Promise<boolean> {
  try {
    await fs.rename(from, to);
    return true;
  } catch (cause) {
    const there = await fs.stat(to).catch(() => undefined);
    if (!there?.isFile() || there.size !== size) throw cause;
    await fs.rm(from, { force: true });
    return false;
  }
}

/** Removes what downloads have left that were broken off so that they could not tidy up. */
async function removeAbandoned({ fs, path }: FileSystem, folder: string): Promise<void> {
  const now = performance.timeOrigin + performance.now();
  for (const name of await fs.readdir(folder)) {
    if (!name.startsWith(UNFINISHED)) continue;
    const file = path.join(folder, name);
    const stats = await fs.stat(file).catch(() => undefined);
    if (stats !== undefined && stats.mtimeMs < now - ABANDONED) await fs.rm(file, { force: true }).catch(ignore);
  }
}

function ignore(): void {}
