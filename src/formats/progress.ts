/** How far loading has come, counted by the positions that reading has reached in each file. */
import type { CheckpointTensor } from "./checkpoint.ts";
import type { ModelFile, ModelSource, ReadOptions } from "./source.ts";

/** How far loading has come. */
export interface LoadProgress {
  /** Bytes read so far, of all files together. */
  readonly loadedBytes: number;
  /** Bytes of all files together; 0 while files are still being downloaded into a cache. */
  readonly totalBytes: number;
  /** Tensors read so far. */
  readonly loadedTensors: number;
  /** Tensors of all files together. */
  readonly totalTensors: number;
  /** Bytes that have come over the network into the cache. */
  readonly downloadedBytes: number;
  /** The file that is being read. */
  readonly file: string;
}

/** One file: how far it is read, and where its tensors end. */
interface Track {
  readonly file: ModelFile;
  readonly ends: number[];
  reached: number;
  /** How many of `ends` are within `reached`. */
  tensors: number;
}

/**
 * Counts what is read through the files of a source. Before `begin` only downloads are reported, with 0 for all that is not
 * known yet; then every report says that more has been read.
 */
export class LoadCounter {
  readonly #report: ((progress: LoadProgress) => void) | undefined;
  readonly #tracks = new Map<string, Track>();
  #begun = false;
  #downloadedBytes = 0;
  #loadedBytes = 0;
  #totalBytes = 0;
  #loadedTensors = 0;
  #totalTensors = 0;

  constructor(report: ((progress: LoadProgress) => void) | undefined) {
    this.#report = report;
  }

  /** The same source with files that are counted. */
  watch(source: ModelSource): ModelSource {
    return {
      get place() {
        return source.place; // it learns more while it reads
      },
      file: source.file,
      list: () => source.list(),
      open: async (name) => {
        const file = await source.open(name);
        return file && this.#watchFile(file);
      },
      verify: (options) => source.verify(options),
      close: () => source.close(),
    };
  }

  #watchFile(file: ModelFile): ModelFile {
    const known = this.#tracks.get(file.name)?.file;
    if (known !== undefined) return known;
    const watched: ModelFile = {
      name: file.name,
      size: file.size,
      read: (begin: number, into: Uint8Array<ArrayBufferLike>, options: ReadOptions = {}) => {
        let at = begin;
        const onBytes = (bytes: number): void => {
          at += bytes;
          this.#reach(track, at);
          options.onBytes?.(bytes);
        };
        return file.read(begin, into, { ...options, onBytes });
      },
    };
    const track = { file: watched, ends: [], reached: 0, tensors: 0 };
    this.#tracks.set(file.name, track);
    return watched;
  }

  /** Counts bytes that came over the network. */
  download(bytes: number, file: string): void {
    this.#downloadedBytes += bytes;
    if (!this.#begun) this.#tell(file);
  }

  /** Now it is known what will be read. Reports what has been read before. */
  begin(files: readonly ModelFile[], tensors: Iterable<CheckpointTensor>): void {
    const names = new Set(files.map(({ name }) => name));
    for (const { file, end } of tensors) {
      this.#tracks.get(file.name)?.ends.push(end);
      this.#totalTensors++;
    }
    for (const name of this.#tracks.keys()) if (!names.has(name)) this.#tracks.delete(name);
    for (const { size } of files) this.#totalBytes += size;
    this.#begun = true;
    for (const track of this.#tracks.values()) {
      track.ends.sort((a, b) => a - b);
      const { reached } = track;
      track.reached = 0;
      this.#reach(track, reached);
    }
  }

  /** Everything that is needed has been read, even if some files hold more. */
  complete(): void {
    for (const track of this.#tracks.values()) this.#reach(track, track.file.size);
  }

  #reach(track: Track, position: number): void {
    const bytes = position - track.reached;
    if (bytes <= 0) return;
    track.reached = position;
    if (!this.#begun) return;
    this.#loadedBytes += bytes;
    for (; track.ends[track.tensors] <= position; track.tensors++) this.#loadedTensors++;
    this.#tell(track.file.name);
  }

  #tell(file: string): void {
    this.#report?.({
      loadedBytes: this.#loadedBytes,
      totalBytes: this.#totalBytes,
      loadedTensors: this.#loadedTensors,
      totalTensors: this.#totalTensors,
      downloadedBytes: this.#downloadedBytes,
      file,
    });
  }
}
