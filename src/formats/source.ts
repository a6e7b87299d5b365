/** Where the files of a model come from: a folder, a single file, an address, files picked in a browser, or files in memory. */
import { ConfigError, FileError, FormatError, describeValue, throwIfAborted } from "../errors.ts";
import type { KeptFiles } from "./download-cache.ts";
import type { FileAccess, FileSet } from "./file-set.ts";
import { onlyWeights } from "./file-set.ts";
import { fileSystem } from "./file-system.ts";
import { SumCheck, readIntegrity, refuseStandIn } from "./integrity.ts";
import type { Sums } from "./integrity.ts";
import { openBlob, openFileHandle, openFiles, openFolderHandle } from "./source-blob.ts";
import { openFolder } from "./source-folder.ts";
import { openAddress } from "./source-url.ts";

/**
 * What a model can be loaded from: the path of a folder or of a file; the address (`http:`, `https:`) of a folder or a
 * file, or of a model on huggingface.co; contents by file name; a file or files from a file input or a drop (one `File`,
 * or all of a folder); a file or folder handle of the File System API.
 */
export type ModelInput =
  string | URL | ReadonlyMap<string, Uint8Array> | Blob | ArrayLike<File> | FileHandle | FolderHandle;

/** The part of a `FileSystemFileHandle` that is used. */
export interface FileHandle {
  readonly kind: "file";
  readonly name: string;
  getFile(): Promise<File>;
}

/** The part of a `FileSystemDirectoryHandle` that is used. */
export interface FolderHandle {
  readonly kind: "directory";
  readonly name: string;
  getFileHandle(name: string): Promise<FileHandle>;
  getDirectoryHandle(name: string): Promise<FolderHandle>;
  keys?(): AsyncIterable<string>;
}

/** How files are fetched, kept and checked. */
export interface SourceOptions {
  /** Stops everything. */
  signal?: AbortSignal | undefined;
  /** Replaces the runtime's `fetch`. Only for addresses. */
  fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined;
  /**
   * Sent with each request, for instance `{ Authorization: "Bearer …" }`. Where a server sends on to another one, `fetch`
   * takes Authorization out, but leaves other headers in. Only for addresses.
   */
  headers?: Headers | Readonly<Record<string, string>> | Iterable<readonly [string, string]> | undefined;
  /**
   * Keeps what is downloaded, whole files only: a folder, which is made if it does not exist; in browsers the name of a
   * `Cache`. What is there is not asked for again, nor is what the server did not have (404) when a load succeeded, so
   * the address should name a revision that stays as it is. Only for addresses.
   */
  cache?: string | undefined;
  /**
   * What the SHA-256 of the files must be, by file name, or of the one file: 64 hexadecimal digits or `sha256-` with
   * Base64. A file with another sum is refused.
   */
  integrity?: Readonly<Record<string, string>> | string | undefined;
  /** Called for bytes that came over the network into the cache. */
  onDownload?: ((bytes: number, file: string) => void) | undefined;
}

/** How a file is read. */
export interface ReadOptions {
  /** Stops the reading. Default: the signal that the source was opened with. */
  signal?: AbortSignal | undefined;
  /** Called with the number of bytes that each step has brought. */
  onBytes?: ((bytes: number) => void) | undefined;
}

/** A file that is there. */
export interface ModelFile {
  /** Its name within the source. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /**
   * Fills `into` with the bytes from `begin` on. Reads of one file wait for each other; those that go on where the last
   * has ended are the fastest.
   *
   * @throws FileError if that fails, FormatError for a wrong sum (as soon as the last byte was read) and for a web page or
   *   a Git LFS pointer in place of the file, AbortError
   */
  read(begin: number, into: Uint8Array<ArrayBufferLike>, options?: ReadOptions): Promise<void>;
}

/** Files by name. */
export interface ModelSource {
  /** The place, for messages. */
  readonly place: string;
  /** The name of the one file that was given, such as "model.gguf"; undefined for a folder. Others beside it open too. */
  readonly file: string | undefined;
  /** Names of all files, for messages; [] where they cannot be had. */
  list(): Promise<string[]>;
  /** The file of this name; undefined if there is none. The same name gives the same file. */
  open(name: string): Promise<ModelFile | undefined>;
  /**
   * To be called when everything has been read and was good: checks the sums of all files, reading what was not read,
   * and lets the cache remember which files there are not.
   */
  verify(options?: ReadOptions): Promise<void>;
  /** Closes handles and stops transfers. May be called twice. */
  close(): Promise<void>;
}

/** What `openSource` gives. */
export interface OpenedSource extends ModelSource {
  /**
   * To be called when what was read turned out to be no model: closes the source and removes from the cache what may be
   * to blame, so that the next load asks the server again. That is what this source has downloaded, and what it has found
   * that is small enough for an error message of a server. Without a cache it only closes.
   */
  forget(): Promise<void>;
}

/** Bytes of one step of reading: few enough to stop soon when aborted. */
const STEP_BYTES = 2 ** 24;

/** What `readWhole` takes of memory before it has seen a single byte: the size may be a lie. */
const FIRST_BYTES = 2 ** 28;

/**
 * Opens what a model is loaded from.
 *
 * @param operation for messages
 * @param options other keys than those of `SourceOptions` are not looked at
 * @throws FileError if it is not there, ConfigError for a kind of place that is unknown and for options that do not fit it
 */
export async function openSource(
  operation: string,
  input: ModelInput,
  options: SourceOptions = {},
): Promise<OpenedSource> {
  throwIfAborted(options.signal, operation);
  const files = await findFiles(operation, input, options);
  return new OpenSource(operation, files, readIntegrity(operation, options.integrity, files.file), options.signal);
}

/**
 * The content of a file as a whole; for small ones.
 *
 * @throws as `ModelFile.read`
 */
export async function readWhole(file: ModelFile, options?: ReadOptions): Promise<Uint8Array<ArrayBuffer>> {
  const first = new Uint8Array(Math.min(file.size, FIRST_BYTES));
  await file.read(0, first, options);
  if (first.length === file.size) return first;
  const bytes = new Uint8Array(file.size);
  bytes.set(first);
  await file.read(first.length, bytes.subarray(first.length), options);
  return bytes;
}

async function findFiles(operation: string, input: ModelInput, options: SourceOptions): Promise<FileSet | KeptFiles> {
  if (input instanceof URL ? !/^file:$/.test(input.protocol) : typeof input === "string" && /^https?:/i.test(input))
    return openAddress(operation, input as string | URL, options);
  for (const name of ["fetch", "headers", "cache"] as const) {
    if (options[name] !== undefined)
      throw new ConfigError(`${operation}: ${name} has no effect, because the source is no http address`, {
        option: name,
      });
  }
  if (input instanceof URL || (typeof input === "string" && /^file:/i.test(input)))
    return openFolder(operation, await pathOf(operation, input));
  if (typeof input === "string") return openFolder(operation, input);
  if (typeof Blob === "function" && input instanceof Blob) return openBlob(operation, input);
  if (typeof input === "object" && input !== null && !ArrayBuffer.isView(input)) {
    if ("length" in input) return openFiles(operation, Array.from(input));
    if ("getFile" in input) return openFileHandle(operation, input);
    if ("getFileHandle" in input) return openFolderHandle(operation, input);
    if ("get" in input && "keys" in input) return openMap(operation, input as ReadonlyMap<string, Uint8Array>);
  }
  throw new ConfigError(
    `${operation}: the source must be a path, an address, a File, a list of Files, a handle, or a Map from file names to Uint8Arrays, got ${describeValue(input)}`,
  );
}

/** The path of a `file:` address. */
async function pathOf(operation: string, address: string | URL): Promise<string> {
  await fileSystem(operation);
  try {
    const { fileURLToPath } = await import(/* webpackIgnore: true */ "node:url");
    return fileURLToPath(address);
  } catch (cause) {
    throw new ConfigError(
      `${operation}: "${String(address)}" is no path: ${cause instanceof Error ? cause.message : String(cause)}`,
    );
  }
}

function openMap(operation: string, files: ReadonlyMap<string, Uint8Array>): FileSet {
  for (const [name, bytes] of files) {
    if (!(bytes instanceof Uint8Array))
      throw new ConfigError(`${operation}: the content of "${name}" must be a Uint8Array, got ${typeof bytes}`, {
        name,
      });
  }
  return {
    place: "the files in memory",
    file: onlyWeights([...files.keys()]),
    list: async () => [...files.keys()],
    find: async (name) => {
      const bytes = files.get(name);
      const fill = async (begin: number, into: Uint8Array<ArrayBufferLike>): Promise<number> => {
        const part = bytes?.subarray(begin, begin + into.length) ?? new Uint8Array(0);
        into.set(part);
        return part.length;
      };
      return bytes && { size: bytes.length, place: `"${name}"`, fill };
    },
  };
}

/** What all kinds of places share, around one of them: names, signals, sums. */
class OpenSource implements OpenedSource {
  readonly #operation: string;
  readonly #files: FileSet | KeptFiles;
  readonly #sums: Sums;
  readonly #signal: AbortSignal | undefined;
  readonly #opened = new Map<string, Promise<OpenFile | undefined>>();
  #closed = false;

  constructor(operation: string, files: FileSet | KeptFiles, sums: Sums, signal: AbortSignal | undefined) {
    this.#operation = operation;
    this.#files = files;
    this.#sums = sums;
    this.#signal = signal;
  }

  get place(): string {
    return this.#files.place;
  }

  get file(): string | undefined {
    return this.#files.file;
  }

  list(): Promise<string[]> {
    return this.#files.list();
  }

  open(name: string): Promise<ModelFile | undefined> {
    const opening = this.#opened.get(name) ?? this.#find(name);
    this.#opened.set(name, opening);
    return opening;
  }

  async #find(name: string): Promise<OpenFile | undefined> {
    throwIfAborted(this.#signal, this.#operation);
    this.#checkOpen();
    // Names come out of files too: none may lead out of the folder.
    if (/^(\.{0,2})$/m.test(name.replace(/[/\\]/g, "\n")) || name.includes("\0"))
      throw new FormatError(`${this.#operation}: ${describeValue(name)} is no name of a file in ${this.place}`, {
        name,
      });
    const sum = this.#sums.get(name);
    const access = await this.#files.find(name, { signal: this.#signal, sum });
    if (access === undefined) return undefined;
    const check = sum === undefined || access.verified === true ? undefined : await SumCheck.start(sum);
    return new OpenFile(this.#operation, name, access, check, this.#signal, () => this.#checkOpen());
  }

  async verify(options?: ReadOptions): Promise<void> {
    for (const name of this.#sums.keys()) {
      const file = await this.#opened.get(name);
      if (file === undefined)
        throw new ConfigError(
          `${this.#operation}: integrity names "${name}", which was not read from ${this.place}; leave it out`,
          { name },
        );
      await file.verify(options);
    }
    await this.#files.settle?.();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#files.close?.();
  }

  async forget(): Promise<void> {
    await this.close();
    if ("forget" in this.#files) await this.#files.forget();
  }

  #checkOpen(): void {
    if (this.#closed) throw new FileError(`${this.#operation}: ${this.place} was closed`, { place: this.place });
  }
}

/** A file of any kind of place, read in steps, one read after the other. */
class OpenFile implements ModelFile {
  readonly name: string;
  readonly #operation: string;
  readonly #access: FileAccess;
  readonly #check: SumCheck | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #checkOpen: () => void;
  #turn: Promise<void> = Promise.resolve();

  constructor(
    operation: string,
    name: string,
    access: FileAccess,
    check: SumCheck | undefined,
    signal: AbortSignal | undefined,
    checkOpen: () => void,
  ) {
    this.name = name;
    this.#operation = operation;
    this.#access = access;
    this.#check = check;
    this.#signal = signal;
    this.#checkOpen = checkOpen;
  }

  get size(): number {
    return this.#access.size;
  }

  read(begin: number, into: Uint8Array<ArrayBufferLike>, options?: ReadOptions): Promise<void> {
    return this.#next(async () => {
      const { place, size } = this.#access;
      if (!(Number.isInteger(begin) && begin >= 0 && begin + into.length <= size))
        throw new FormatError(
          `${this.#operation}: ${place}: the ${into.length} bytes from ${describeValue(begin)} on are not within its ${size}`,
          { place, begin, length: into.length, size },
        );
      // Without a gap, so that what is used is what the sum was made of.
      await this.#checkUpTo(begin, options);
      await this.#fill(begin, into, options);
      if (begin === 0) refuseStandIn(this.#operation, place, into);
    });
  }

  /** Reads what the sum still needs, to the end, and compares it. */
  verify(options?: ReadOptions): Promise<void> {
    return this.#next(async () => {
      await this.#checkUpTo(this.size, options);
      this.#compare();
    });
  }

  /** Runs a step when the ones before have ended. */
  #next(step: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(step);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #checkUpTo(end: number, options: ReadOptions | undefined): Promise<void> {
    const check = this.#check;
    if (check === undefined || check.position >= end) return;
    const bytes = new Uint8Array(Math.min(STEP_BYTES, end - check.position));
    while (check.position < end) {
      const step = bytes.subarray(0, Math.min(bytes.length, end - check.position));
      await this.#fill(check.position, step, { signal: options?.signal });
    }
  }

  async #fill(begin: number, into: Uint8Array<ArrayBufferLike>, options: ReadOptions = {}): Promise<void> {
    const { signal = this.#signal, onBytes } = options;
    const { place } = this.#access;
    const { length } = into;
    throwIfAborted(signal, this.#operation);
    for (let at = 0; at < length;) {
      this.#checkOpen();
      const step = into.subarray(at, Math.min(at + STEP_BYTES, length));
      const count = await this.#access.fill(begin + at, step, signal);
      throwIfAborted(signal, this.#operation);
      if (count === 0)
        throw new FileError(`${this.#operation}: ${place}: the file became shorter while it was read; try again`, {
          place,
        });
      this.#check?.add(begin + at, step.subarray(0, count));
      at += count;
      onBytes?.(count);
    }
    if (this.#check?.position === this.size) this.#compare();
  }

  #compare(): void {
    if (this.#check?.good === false) throw this.#check.error(this.#operation, this.#access.place);
  }
}
