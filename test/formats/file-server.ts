/** A small web server whose answers can be made wrong in every way that tests need. */
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** How a file is served, or what is done in its place. */
export interface Served {
  bytes: Uint8Array;
  /** False: ranges are ignored, as simple servers do. */
  ranges?: boolean;
  /** False: nothing says how long the answer is. */
  sized?: boolean;
  /** Sent as they are. */
  headers?: Record<string, string>;
  /** Takes the request over. */
  answer?: (request: IncomingMessage, response: ServerResponse) => void;
  /** The connection is cut after this many bytes of each answer. */
  cutAfter?: number;
}

/** A server with its files, by path, and the requests that it got. */
export class FileServer {
  readonly files: Map<string, Served> = new Map();
  readonly requests: { path: string; range: string | undefined; headers: IncomingMessage["headers"] }[] = [];
  /** Answers that are neither complete nor closed. */
  open: number = 0;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  static async start(): Promise<FileServer> {
    const server = new FileServer();
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  /** The address of a path. */
  url(path: string): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}${path}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? "";
    this.requests.push({ path, range: request.headers.range, headers: request.headers });
    this.open++;
    response.on("close", () => this.open--);
    const served = this.files.get(path);
    if (served === undefined) return void response.writeHead(404).end("not here");
    if (served.answer) return served.answer(request, response);
    const { bytes, ranges = true, sized = true, headers = {}, cutAfter = Infinity } = served;
    const begin = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? -1);
    const partial = ranges && begin >= 0;
    if (partial && begin >= bytes.length)
      return void response.writeHead(416, { "Content-Range": `bytes */${bytes.length}` }).end();
    const body = partial ? bytes.subarray(begin) : bytes;
    response.writeHead(partial ? 206 : 200, {
      ...(sized && { "Content-Length": body.length }),
      ETag: '"1"',
      ...(partial && { "Content-Range": `bytes ${begin}-${bytes.length - 1}/${bytes.length}` }),
      ...headers,
    });
    if (cutAfter < body.length)
      response.write(body.subarray(0, cutAfter), () => setTimeout(() => response.destroy(), 20));
    else response.end(body);
  }
}

/** Bytes without a pattern that a shift by a power of two would keep. */
export function someBytes(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >> 8) * 7 + (i >> 16)) % 251;
  return bytes;
}

/** A folder handle of the File System API over contents by path. */
export function folderHandle(
  files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>,
  name = "picked",
): FileSystemDirectoryHandle {
  const missing = (kind: string): never => {
    throw new DOMException(`no ${kind}`, kind);
  };
  const handle = {
    kind: "directory" as const,
    name,
    async *keys() {
      for (const path of files.keys()) if (!path.includes("/")) yield path;
    },
    async getFileHandle(wanted: string) {
      const bytes = files.get(wanted);
      if (bytes === undefined)
        return missing(
          [...files.keys()].some((path) => path.startsWith(`${wanted}/`)) ? "TypeMismatchError" : "NotFoundError",
        );
      return { kind: "file" as const, name: wanted, getFile: async () => new File([bytes], wanted) };
    },
    async getDirectoryHandle(wanted: string) {
      const inside = [...files].filter(([path]) => path.startsWith(`${wanted}/`));
      if (inside.length === 0) return missing("NotFoundError");
      return folderHandle(new Map(inside.map(([path, bytes]) => [path.slice(wanted.length + 1), bytes])), wanted);
    },
  };
  return handle as unknown as FileSystemDirectoryHandle;
}
