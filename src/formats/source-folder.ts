/** Files of the runtime's file system. */
import { FileError } from "../errors.ts";
import type { FileAccess, FileSet } from "./file-set.ts";
import { checkPath, fileError, fileSystem, ignoreMissing } from "./file-system.ts";
import type { FileSystem } from "./file-system.ts";

/** An open file. */
export type Handle = Awaited<ReturnType<FileSystem["fs"]["open"]>>;

/**
 * The files of a folder; for the path of a file, that one and its neighbours.
 *
 * @throws FileError if there is no such folder or file, ConfigError for a text that cannot be a path
 */
export async function openFolder(operation: string, target: string): Promise<FileSet> {
  checkPath(operation, target);
  const { fs, path } = await fileSystem(operation);
  const place = path.resolve(target);
  const stats = await attempt(operation, place, () => fs.stat(place));
  // Anything else, such as a pipe, has no size and cannot be read twice.
  if (!stats.isDirectory() && !stats.isFile())
    throw new FileError(`${operation}: ${place}: this is neither a folder nor a file`, { path: place });
  const folder = stats.isDirectory() ? place : path.dirname(place);
  const handles: Handle[] = [];
  return {
    place,
    file: stats.isDirectory() ? undefined : path.basename(place),
    list: () => attempt(operation, folder, () => fs.readdir(folder)),
    find: (name) => openFile(operation, fs, path.join(folder, name), handles),
    close: async () => {
      await Promise.all(handles.splice(0).map((handle) => handle.close()));
    },
  };
}

/**
 * A file of a path; undefined if there is none.
 *
 * @param handles where its handle is put, to be closed later
 */
export async function openFile(
  operation: string,
  fs: FileSystem["fs"],
  file: string,
  handles: Handle[],
): Promise<FileAccess | undefined> {
  return attempt(operation, file, async () => {
    const stats = await fs.stat(file).catch(ignoreMissing);
    if (!stats?.isFile()) return undefined; // to open a pipe would wait for its other end
    const handle = await fs.open(file, "r");
    handles.push(handle);
    const { size } = await handle.stat();
    const fill = (begin: number, into: Uint8Array<ArrayBufferLike>) =>
      attempt(operation, file, async () => (await handle.read(into, 0, into.length, begin)).bytesRead);
    return { size, place: file, fill };
  });
}

/** Runs a step and turns its failure into a FileError about `path`. */
async function attempt<T>(operation: string, path: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (cause) {
    throw fileError(operation, path, cause);
  }
}
