/** Writing a set of files into a folder so that either all of them are there at the end or everything is as before. */
import { AbortError, FileError, throwIfAborted } from "../errors.ts";
import { checkPath, errorCode, fileError, fileSystem } from "./file-system.ts";
import type { FileSystem } from "./file-system.ts";

/** What is to be written where. */
export interface FolderContent {
  /** Contents by file name. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Files that must not be there afterwards. */
  readonly removed: readonly string[];
}

const UNCHANGED = "nothing was saved, and what was there before is unchanged";

/**
 * Writes `content` into a folder, which is made if it does not exist. Everything is first written beside its final place
 * and then moved, so a full disk or an abort leaves no half of it.
 *
 * @throws FileError saying what is in the way, AbortError if `signal` fires before the files are moved
 */
export async function writeFolder(
  operation: string,
  target: string,
  content: FolderContent,
  signal?: AbortSignal,
): Promise<void> {
  checkPath(operation, target);
  const system = await fileSystem(operation);
  const folder = system.path.resolve(target);
  try {
    const stats = await system.fs.stat(folder).catch(ignoreMissing);
    if (stats !== undefined && !stats.isDirectory()) {
      throw new FileError(`${operation}: ${folder}: this is a file; pass a folder, it is made if it does not exist`, {
        path: folder,
      });
    }
    if (stats === undefined) await createFolder(system, folder, content, { operation, signal });
    else await replaceFiles(system, folder, content, { operation, signal });
  } catch (cause) {
    if (signal?.aborted && errorCode(cause) === "ABORT_ERR") throw new AbortError(operation, signal.reason);
    throw fileError(operation, folder, cause, UNCHANGED);
  }
}

/** The operation, for messages, and what may stop it. */
interface Work {
  readonly operation: string;
  readonly signal: AbortSignal | undefined;
}

/** Fills a folder beside the final one and renames it. */
async function createFolder(
  { fs, path }: FileSystem,
  folder: string,
  { files }: FolderContent,
  work: Work,
): Promise<void> {
  const parent = path.dirname(folder);
  const missing = await missingFolders({ fs, path }, parent);
  let staging: string | undefined;
  let done = false;
  try {
    for (const place of missing) await fs.mkdir(place);
    staging = await fs.mkdtemp(`${folder}.saving-`);
    // mkdtemp's folder is for its owner only; the one inside has the permissions that folders have here.
    const inner = path.join(staging, "model");
    await fs.mkdir(inner);
    await writeFiles({ fs, path }, inner, files, work);
    await fs.rename(inner, folder);
    done = true;
  } finally {
    if (staging !== undefined) await fs.rm(staging, { recursive: true, force: true }).catch(ignore);
    if (!done && missing.length > 0) await removeEmpty({ fs, path }, parent, missing[0]);
  }
}

/**
 * The folders on the way to `folder` that do not exist, outermost first. Node's own recursive mkdir is no help: in a file
 * system that refuses new folders as if it did not exist, such as /proc, it tries for ever.
 */
async function missingFolders({ fs, path }: FileSystem, folder: string): Promise<string[]> {
  const missing: string[] = [];
  let at = folder;
  while ((await fs.stat(at).catch(ignoreMissing)) === undefined) {
    missing.unshift(at);
    if (path.dirname(at) === at) break;
    at = path.dirname(at);
  }
  return missing;
}

/** Removes the folders from `folder` up to `top` as long as they are empty. */
async function removeEmpty({ fs, path }: FileSystem, folder: string, top: string): Promise<void> {
  for (let at = folder; at.length >= top.length; at = path.dirname(at)) {
    const gone = await fs.rmdir(at).then(
      () => true,
      (cause: unknown) => errorCode(cause) === "ENOENT",
    );
    if (!gone) return;
  }
}

/** Writes new files beside the old ones and then moves them over. */
async function replaceFiles(system: FileSystem, folder: string, content: FolderContent, work: Work): Promise<void> {
  const { fs, path } = system;
  const staging = await fs.mkdtemp(path.join(folder, ".saving-"));
  const [fresh, old] = [path.join(staging, "new"), path.join(staging, "old")];
  let restored = true;
  try {
    await fs.mkdir(fresh);
    await fs.mkdir(old);
    await writeFiles(system, fresh, content.files, work);
    const undo: (() => Promise<void>)[] = [];
    try {
      for (const name of [...content.files.keys(), ...content.removed]) {
        const place = path.join(folder, name);
        const kept = await keepOld(fs, place, path.join(old, name), work.operation);
        undo.push(() => (kept ? fs.rename(path.join(old, name), place) : fs.rm(place, { force: true })));
        if (content.files.has(name)) await fs.rename(path.join(fresh, name), place);
        else if (kept) await fs.rm(place, { force: true });
      }
    } catch (cause) {
      for (const step of undo.reverse())
        restored = await step().then(
          () => restored,
          () => false,
        );
      if (restored) throw cause;
      throw fileError(work.operation, folder, cause, `some old files could not be put back; they lie in ${old}`);
    }
  } finally {
    if (restored) await fs.rm(staging, { recursive: true, force: true }).catch(ignore);
  }
}

/** Gives an old file a second name, from which it can be put back; false if there is no old file. */
async function keepOld(fs: FileSystem["fs"], place: string, second: string, operation: string): Promise<boolean> {
  const stats = await fs.lstat(place).catch(ignoreMissing);
  if (stats === undefined) return false;
  if (stats.isDirectory())
    throw new FileError(
      `${operation}: ${place}: a folder of this name is in the way; move it or choose another place; ${UNCHANGED}`,
      { path: place },
    );
  // With a second link the old file never leaves its place before the new one takes it. Not every file system has links.
  await fs.link(place, second).catch(() => fs.rename(place, second));
  return true;
}

async function writeFiles(
  { fs, path }: FileSystem,
  folder: string,
  files: ReadonlyMap<string, Uint8Array>,
  { operation, signal }: Work,
): Promise<void> {
  for (const [name, bytes] of files) {
    throwIfAborted(signal, operation);
    // `flush`: the numbers are on the disk before the name is. Runtimes that do not know it ignore it.
    const options: { flag: string; flush: boolean; signal: AbortSignal | undefined } = {
      flag: "wx",
      flush: true,
      signal,
    };
    await fs.writeFile(path.join(folder, name), bytes, options);
  }
  throwIfAborted(signal, operation);
}

function ignore(): void {}

/** For `catch`: a missing file counts as undefined, every other failure stays one. */
function ignoreMissing(cause: unknown): undefined {
  if (errorCode(cause) !== "ENOENT") throw cause;
  return undefined;
}
