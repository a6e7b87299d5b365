/** A part of the test server that keeps what is PUT under /kept/ and serves it, ranges included. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Plugin } from "vitest/config";

const PREFIX = "/kept/";

/** The whole body of a request. */
async function readBody(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** Answers with all of the bytes, or those that the request asks for. */
function answer(request: IncomingMessage, response: ServerResponse, bytes: Buffer): void {
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  response.setHeader("Content-Type", "application/octet-stream");
  response.setHeader("Accept-Ranges", "bytes");
  if (range === null) return void response.end(bytes);
  const begin = Number(range[1]);
  const end = Math.min(range[2] === "" ? bytes.length : Number(range[2]) + 1, bytes.length);
  response.statusCode = 206;
  response.setHeader("Content-Range", `bytes ${begin}-${end - 1}/${bytes.length}`);
  response.end(bytes.subarray(begin, end));
}

/** The plugin. */
export function keepsFiles(): Plugin {
  const files = new Map<string, Buffer>();
  return {
    name: "keeps-files",
    configureServer({ middlewares }) {
      middlewares.use((request, response, next) => {
        const url = request.url ?? "";
        if (!url.startsWith(PREFIX)) return next();
        const kept = files.get(url);
        if (request.method === "PUT") {
          void readBody(request).then((bytes) => {
            files.set(url, bytes);
            response.end();
          });
        } else if (kept === undefined) {
          response.statusCode = 404;
          response.end();
        } else answer(request, response, kept);
      });
    },
  };
}
