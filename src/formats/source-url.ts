/** Files behind addresses: on the Hugging Face hub, or anywhere else that sends files by name. */
import { ConfigError, describeValue } from "../errors.ts";
import { openCache } from "./download-cache.ts";
import type { KeptFiles, WebFiles } from "./download-cache.ts";
import type { FileSet } from "./file-set.ts";
import { fileAddress, readAddress, shownAddress } from "./hub-address.ts";
import { statusError } from "./http.ts";
import type { Connection } from "./http.ts";
import type { SourceOptions } from "./source.ts";
import { UrlFile } from "./url-file.ts";

/**
 * The files of a folder on the web; for the address of a file, that one and its neighbours. No request is made yet.
 *
 * @throws ConfigError for an address or an option that cannot be used
 */
export async function openAddress(
  operation: string,
  address: string | URL,
  options: SourceOptions,
): Promise<FileSet | KeptFiles> {
  const { folder, file } = readAddress(operation, address);
  const connection = connect(operation, options);
  const place = shownAddress(file === undefined ? folder : fileAddress(folder, file));
  const streaming = new Set<UrlFile>();
  const missing = new Set<string>();
  let found = 0;
  let pages = 0;
  const files: WebFiles = {
    get place() {
      return pages === 0 ? place : `${place} (where the server sends web pages)`;
    },
    file,
    missing,
    list: async () => [], // the web has no listings
    find: async (name, { signal }) => {
      const url = fileAddress(folder, name);
      const access = new UrlFile(connection, url, shownAddress(url), streaming);
      const answer = await access.open(signal);
      if (answer === undefined) {
        found++;
        return access;
      }
      const { status, headers } = answer;
      const type = headers.get("content-type") ?? "";
      if (status === 404 || status === 410) {
        missing.add(name);
        return undefined;
      }
      // Servers of single-page applications send their page for whatever they do not have; it may be one to log in, too.
      if (status < 300) {
        pages++;
        return undefined;
      }
      // Object stores (S3 and its kind) refuse, in XML, what is not there; the other files show that access is allowed.
      if (status === 403 && found > 0 && /xml/i.test(type)) return undefined;
      throw statusError(operation, access.place, answer);
    },
    close: async () => {
      for (const each of streaming) each.close();
    },
  };
  if (options.cache === undefined) return files;
  return openCache(operation, options.cache, files, folder, options.onDownload);
}

/** Checks what requests are made with. */
function connect(operation: string, { fetch, headers, cache }: SourceOptions): Connection {
  if (fetch !== undefined && typeof fetch !== "function")
    throw new ConfigError(`${operation}: fetch must be a function, got ${describeValue(fetch)}`);
  if (fetch === undefined && typeof globalThis.fetch !== "function")
    throw new ConfigError(`${operation}: this runtime has no fetch; pass one with the option fetch`);
  if (cache !== undefined && (typeof cache !== "string" || cache.trim() === ""))
    throw new ConfigError(`${operation}: cache must be the name of a folder, got ${describeValue(cache)}`);
  if (headers !== undefined && (typeof headers !== "object" || headers === null))
    throw new ConfigError(`${operation}: headers must be an object, got ${describeValue(headers)}`);
  try {
    // The global fetch must be called as a function of nothing: browsers refuse it as anyone's method.
    return {
      operation,
      fetch: fetch ?? ((url, init) => globalThis.fetch(url, init)),
      headers: new Headers(headers as HeadersInit | undefined),
    };
  } catch (cause) {
    throw new ConfigError(
      `${operation}: headers must be texts by name: ${cause instanceof Error ? cause.message : String(cause)}`,
    );
  }
}
