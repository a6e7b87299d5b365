/** What each kind of place that files come from has to offer: the little that folders, blobs, maps and addresses share. */

/** The bytes of a file, wherever they are. */
export interface FileAccess {
  /** Bytes of the file. */
  readonly size: number;
  /** The place of this file, for messages. */
  readonly place: string;
  /** True if the bytes have just been found to have the sum that was asked for. */
  readonly verified?: boolean;
  /**
   * Fills the front of `into` with the bytes from `begin` on, as many as come in one go. After a failure nothing is
   * written any more.
   *
   * @returns how many; 0 if the file ends there, although its size says otherwise
   */
  fill(begin: number, into: Uint8Array<ArrayBufferLike>, signal: AbortSignal | undefined): Promise<number>;
}

/** What a file is looked for with. */
export interface FindOptions {
  readonly signal: AbortSignal | undefined;
  /** What its SHA-256 must be, for places that keep files. */
  readonly sum: string | undefined;
}

/** Files by name. */
export interface FileSet {
  /** The place, for messages. */
  readonly place: string;
  /** The one file that the place points to; a folder points to none. */
  readonly file?: string | undefined;
  /** Names of all files, for messages; none where they cannot be had. */
  list(): Promise<string[]>;
  /** The file of this name; undefined if there is none. */
  find(name: string, options: FindOptions): Promise<FileAccess | undefined>;
  /** Called when all that was asked for has been read and was good. */
  settle?(): Promise<void>;
  /** Lets go of handles and transfers; the files are not read any more. May be called twice. */
  close?(): Promise<void>;
}

/** Names of files that hold weights: a place that ends so is one file and not a folder. */
export const WEIGHTS_FILE: RegExp = /\.(safetensors|gguf|bin)$/i;

/** The only file of a list, if it is one that holds weights. */
export function onlyWeights(names: readonly string[]): string | undefined {
  return names.length === 1 && WEIGHTS_FILE.test(names[0]) ? names[0] : undefined;
}
