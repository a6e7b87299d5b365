/** Writing a file, or a set of files into a folder, so that either all is there at the end or everything is as before. */
import { FileError, throwIfAborted } from "../errors.ts";
import { checkPath, errorCode, fileError, fileSystem, ignoreMissing } from "./file-system.ts";
import type { FileSystem } from "./file-system.ts";
import { partsOf } from "./parts.ts";
import type { FileContent } from "./parts.ts";

/** What is to be written where. */
export interface FolderContent {
  /** Contents by file name. */
  readonly files: ReadonlyMap<string, FileContent>;
  /** Files that must not be there afterwards. */
  readonly removed: readonly string[];
}

const UNCHANGED = "nothing was saved, and what was there before is unchanged";

/** Bytes that go to the disk at once; abort signals are looked at in between. */
const STEP_BYTES = 4 << 20;

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
  await writePlace(operation, target, async (system, folder, stats) => {
    const work = { operation, signal };
    if (stats !== undefined && !stats.isDirectory()) {
      throw new FileError(`${operation}: ${folder}: this is a file; pass a folder, it is made if it does not exist`, {
        path: folder,
      });
    }
    if (stats !== undefined) return replaceFiles(system, folder, content, work);
    await createPlace(system, folder, async (place) => {
      await system.fs.mkdir(place);
      await writeFiles(system, place, content.files, work);
    });
  });
}

/**
 * Writes one file in the same way. The folders above it are made if they do not exist; a file that is there is replaced.
 *
 * @throws FileError saying what is in the way, AbortError if `signal` fires before the file is moved
 */
export async function writeFile(
  operation: string,
  target: string,
  content: FileContent,
  signal?: AbortSignal,
): Promise<void> {
  await writePlace(operation, target, async (system, file, stats) => {
    if (stats?.isDirectory())
      throw new FileError(`${operation}: ${file}: this is a folder; pass the path of a file`, { path: file });
    await createPlace(system, file, (place) => writeContent(system, place, content, { operation, signal }));
  });
}

/** What is at a place, if anything is. */
type Stats = Awaited<ReturnType<FileSystem["fs"]["stat"]>> | undefined;

/** Does the writing at a path; its failures come out as FileErrors. */
async function writePlace(
  operation: string,
  target: string,
  write: (system: FileSystem, place: string, stats: Stats) => Promise<void>,
): Promise<void> {
  checkPath(operation, target);
  const system = await fileSystem(operation);
  const place = system.path.resolve(target);
  try {
    await write(system, place, await system.fs.stat(place).catch(ignoreMissing));
  } catch (cause) {
    throw fileError(operation, place, cause, UNCHANGED);
  }
}

/** The operation, for messages, and what may stop it. */
interface Work {
  readonly operation: string;
  readonly signal: AbortSignal | undefined;
}

/** Makes something beside its final place and renames it. */
async function createPlace(
  { fs, path }: FileSystem,
  final: string,
  make: (place: string) => Promise<void>,
): Promise<void> {
  const parent = path.dirname(final);
  const missing = await missingFolders({ fs, path }, parent);
  let staging: string | undefined;
  let done = false;
  try {
    for (const place of missing) await fs.mkdir(place);
    staging = await fs.mkdtemp(`${final}.saving-`);
    // mkdtemp's folder is for its owner only; what is made inside has the permissions that things have here.
    const inner = path.join(staging, "model");
    await make(inner);
    await fs.rename(inner, final);
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
export async function missingFolders({ fs, path }: FileSystem, folder: string): Promise<string[]> {
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
  system: FileSystem,
  folder: string,
  files: ReadonlyMap<string, FileContent>,
  work: Work,
): Promise<void> {
  for (const [name, content] of files) await writeContent(system, system.path.join(folder, name), content, work);
}

/** Writes a new file. Its parts are copied step by step: a model's bytes may move while the disk is busy. */
async function writeContent(
  { fs }: FileSystem,
  place: string,
  content: FileContent,
  { operation, signal }: Work,
): Promise<void> {
  const parts = partsOf(content);
  const total = parts.reduce((sum, { size }) => sum + size, 0);
  const step = new Uint8Array(Math.min(STEP_BYTES, total));
  const file = await fs.open(place, "wx");
  let filled = 0;
  const flush = async (): Promise<void> => {
    throwIfAborted(signal, operation);
    for (let at = 0; at < filled;) at += (await file.write(step, at, filled - at)).bytesWritten;
    filled = 0;
  };
  try {
    for (const part of parts) {
      let bytes = part.bytes();
      for (let at = 0; at < part.size;) {
        if (bytes.length !== part.size) bytes = part.bytes();
        const count = Math.min(part.size - at, step.length - filled);
        step.set(bytes.subarray(at, at + count), filled);
        at += count;
        filled += count;
        if (filled === step.length) await flush();
      }
    }
    await flush();
    await file.sync(); // the numbers are on the disk before the name is
  } finally {
    await file.close();
  }
}

function ignore(): void {}
