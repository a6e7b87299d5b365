/** A file behind an address, read without keeping it: one answer streams on from read to read, jumps make new requests. */
import { FileError } from "../errors.ts";
import type { FileAccess } from "./file-set.ts";
import { guarded, request, statusError } from "./http.ts";
import type { Connection } from "./http.ts";

/** A jump forward by at most this much is read over: a new request takes about as long. */
const SKIP_BYTES = 2 ** 20;

/** Answers that may stay open at a time: browsers have six connections to a server, and a seventh request would wait for ever. */
const OPEN_STREAMS = 4;

/** How often in a row a transfer that broke is taken up again where it stopped. */
const RETRIES = 3;

/** The longest answer of unknown length that is taken into memory. */
const UNSIZED_LIMIT = 2 ** 28;

/** What tells the versions of a file apart, the surest first. Pages of other sites always see the second. */
const VERSION_HEADERS = ["etag", "last-modified"];

/** Milliseconds until a broken transfer is taken up again; each further attempt waits four times as long. */
const FIRST_WAIT = 100;

/** The file behind an address. */
export class UrlFile implements FileAccess {
  readonly place: string;
  readonly #connection: Connection;
  readonly #url: URL;
  readonly #streaming: Set<UrlFile>;
  #size = 0;
  #version: Headers = new Headers();
  #hasRanges = false;
  /** The whole content, of a file whose length the server did not say. */
  #whole: Uint8Array | undefined;
  #control = new AbortController();
  #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBufferLike>> | undefined;
  /** Where in the file the next unread byte of the answer is. */
  #position = 0;
  /** What of the last piece has not been read. */
  #rest: Uint8Array<ArrayBufferLike> = new Uint8Array(0);
  #busy = false;

  /** @param streaming the files of the same source that hold an answer open, shared by all of them */
  constructor(connection: Connection, url: URL, place: string, streaming: Set<UrlFile>) {
    this.#connection = connection;
    this.#url = url;
    this.place = place;
    this.#streaming = streaming;
  }

  get size(): number {
    return this.#size;
  }

  /**
   * Makes the first request.
   *
   * @returns the answer if it is none that can be read; undefined if all is well
   */
  async open(signal: AbortSignal | undefined): Promise<Response | undefined> {
    return this.#alone(signal, async () => {
      let response = await this.#request(0);
      // 416 is what servers say of an empty file; "/*" that they do not know the length.
      if (response.status === 416 || /\/\*/.test(response.headers.get("content-range") ?? "")) {
        this.#drop(response);
        response = await this.#request(undefined);
      }
      const isPage = /^text\/html\b/i.test(response.headers.get("content-type") ?? "");
      if (isPage || (response.status !== 200 && response.status !== 206)) {
        this.#drop(response);
        return response;
      }
      this.#hasRanges = response.status === 206;
      this.#version = response.headers;
      this.#start(response, 0);
      const size = this.#sizeOf(response, 0);
      if (size === undefined) this.#whole = await this.#collect();
      this.#size = size ?? this.#whole?.length ?? 0;
      return undefined;
    });
  }

  /** Gives the next piece of the answer if it goes on at `begin`; else asks again. */
  async fill(begin: number, into: Uint8Array<ArrayBufferLike>, signal: AbortSignal | undefined): Promise<number> {
    if (this.#whole !== undefined) {
      const bytes = this.#whole.subarray(begin, begin + into.length);
      into.set(bytes);
      return bytes.length;
    }
    for (let failures = 0; ; failures++) {
      try {
        return await this.#alone(signal, async () => {
          if (failures > 0) await this.#wait(FIRST_WAIT * 4 ** (failures - 1));
          await this.#seek(begin);
          const count = await this.#take(into.length, into);
          if (this.#position === this.#size) this.close();
          return count;
        });
      } catch (cause) {
        const broken = cause instanceof FileError && cause.details.broken === true;
        if (!broken || failures === RETRIES || !this.#canResume) throw cause;
      }
    }
  }

  /** Stops the transfer. */
  close(): void {
    this.#streaming.delete(this);
    this.#stop();
  }

  /** Runs a step that `signal` stops; after a failure nothing is left open. */
  async #alone<T>(signal: AbortSignal | undefined, step: () => Promise<T>): Promise<T> {
    const stop = (): void => this.#control.abort(signal?.reason);
    if (signal?.aborted) stop();
    signal?.addEventListener("abort", stop);
    this.#busy = true;
    try {
      return await step();
    } catch (cause) {
      this.close();
      throw cause;
    } finally {
      this.#busy = false;
      signal?.removeEventListener("abort", stop);
    }
  }

  #request(begin: number | undefined): Promise<Response> {
    return request(this.#connection, this.#url, this.place, begin, this.#control.signal);
  }

  /** Ends the answer at hand, so that its connection is free. */
  #stop(): void {
    this.#control.abort();
    this.#control = new AbortController();
    this.#reader?.cancel().catch(() => undefined); // for a fetch that does not listen to its signal
    this.#reader = undefined;
    this.#rest = new Uint8Array(0);
  }

  /** Ends an answer that nobody reads, also one of a fetch that does not listen to its signal. */
  #drop(response: Response): void {
    this.#stop();
    response.body?.cancel().catch(() => undefined);
  }

  /** Whether a broken transfer can go on: without a mark of the version it might go on in another one. */
  get #canResume(): boolean {
    return this.#hasRanges && VERSION_HEADERS.some((name) => this.#version.has(name));
  }

  /** Whether an answer is of the version that was opened, as far as the server tells. */
  #isSame(response: Response, position: number): boolean {
    if ((this.#sizeOf(response, position) ?? this.#size) !== this.#size) return false;
    const known = VERSION_HEADERS.filter((name) => this.#version.has(name));
    const name = known.find((each) => response.headers.has(each));
    return name === undefined ? known.length === 0 : response.headers.get(name) === this.#version.get(name);
  }

  /** Makes `response`, which begins at a byte of the file, the answer that is read. */
  #start(response: Response, position: number): void {
    this.#reader = (response.body ?? new Blob().stream()).getReader();
    this.#position = position;
    this.#streaming.delete(this);
    this.#streaming.add(this);
    for (const other of this.#streaming) {
      if (this.#streaming.size <= OPEN_STREAMS) break;
      if (other !== this && !other.#busy) other.close();
    }
  }

  /** Moves to a byte of the file: over what comes next, or by a new request. */
  async #seek(begin: number): Promise<void> {
    const gap = begin - this.#position;
    if (this.#reader === undefined || gap < 0 || (gap > SKIP_BYTES && this.#hasRanges)) {
      this.#stop();
      const response = await this.#request(this.#hasRanges ? begin : undefined);
      if (response.status !== 200 && response.status !== 206) {
        this.#drop(response);
        throw statusError(this.#connection.operation, this.place, response);
      }
      const position = response.status === 206 ? begin : 0;
      this.#start(response, position);
      if (!this.#isSame(response, position))
        throw this.#error("the file was changed on the server while it was read; try again");
    }
    while (this.#position < begin) await this.#take(begin - this.#position);
  }

  /** Takes up to `count` bytes of the answer, into an array if there is one. */
  async #take(count: number, into?: Uint8Array<ArrayBufferLike>): Promise<number> {
    const rest = await this.#next();
    if (rest === undefined)
      throw this.#error(`the transfer ended at byte ${this.#position} of ${this.#size}; try again`, { broken: true });
    const taken = Math.min(count, rest.length);
    into?.set(rest.subarray(0, taken));
    this.#rest = rest.subarray(taken);
    this.#position += taken;
    return taken;
  }

  /** What comes next: at least one byte, or undefined at the end of the answer. */
  async #next(): Promise<Uint8Array<ArrayBufferLike> | undefined> {
    while (this.#rest.length === 0) {
      const reader = this.#reader;
      if (reader === undefined) return undefined;
      const piece = await guarded(this.#connection.operation, this.place, this.#control.signal, () => reader.read());
      if (piece.done) return undefined;
      this.#rest = piece.value;
    }
    return this.#rest;
  }

  /** The whole answer, when nobody knows how long it is. */
  async #collect(): Promise<Uint8Array> {
    const pieces: Uint8Array<ArrayBufferLike>[] = [];
    for (let length = 0, piece; (piece = await this.#next()) !== undefined;) {
      this.#rest = new Uint8Array(0);
      pieces.push(piece);
      length += piece.length;
      if (length > UNSIZED_LIMIT)
        throw this.#error(
          `the server does not say how long the file is (Content-Length), and it exceeds ${UNSIZED_LIMIT} bytes`,
        );
    }
    this.close();
    const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
    let at = 0;
    for (const piece of pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  }

  /** The length of the file by an answer that begins at a byte of it; undefined if the answer does not say. */
  #sizeOf({ status, headers }: Response, begin: number): number | undefined {
    const range = /^bytes (\d+)-\d+\/(\d+)$/i.exec(headers.get("content-range")?.trim() ?? "");
    if (status === 206 && range !== null && Number(range[1]) !== begin)
      throw this.#error(`the server sent the bytes from ${range[1]} on, not those from ${begin} on`);
    // A page of another site sees Content-Range only if the server allows it, Content-Length always.
    const encoded = (headers.get("content-encoding") ?? "identity") !== "identity";
    const length = headers.get("content-length") ?? "";
    if (range === null && (encoded || !/^\d+$/.test(length))) return undefined;
    const size = range === null ? Number(length) + begin : Number(range[2]);
    if (!Number.isSafeInteger(size)) throw this.#error(`the server says that the file has ${size} bytes`);
    return size;
  }

  async #wait(milliseconds: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const step = (): Promise<void> => new Promise((resolve) => (timer = setTimeout(resolve, milliseconds)));
    try {
      await guarded(this.#connection.operation, this.place, this.#control.signal, step);
    } finally {
      clearTimeout(timer); // else an abort leaves it, and a process waits for it before it ends
    }
  }

  #error(what: string, details: Record<string, unknown> = {}): FileError {
    return new FileError(`${this.#connection.operation}: ${this.place}: ${what}`, { place: this.place, ...details });
  }
}
