/** Downloaded files in the Cache API, which browsers have in place of a file system. */
import { FileError, HeedError } from "../errors.ts";
import type { CacheStore } from "./download-cache.ts";
import { fileAddress } from "./hub-address.ts";
import { blobAccess } from "./source-blob.ts";

/**
 * The files of a model in the `Cache` of a name.
 *
 * @throws FileError if the browser refuses, as it does in some private windows
 */
export async function openCacheStorage(operation: string, cache: string, address: URL): Promise<CacheStore> {
  const place = `the cache "${cache}"`;
  const attempt = async <T>(step: () => Promise<T>): Promise<T> => {
    try {
      return await step();
    } catch (cause) {
      if (cause instanceof HeedError) throw cause;
      const isFull = cause instanceof Error && cause.name === "QuotaExceededError";
      const reason = isFull
        ? "the browser gives no more space"
        : cause instanceof Error
          ? cause.message
          : String(cause);
      throw new FileError(`${operation}: ${place}: ${reason}`, { place }, { cause });
    }
  };
  const opened = await attempt(() => caches.open(cache));
  const key = (name: string): string => fileAddress(address, name).href;
  return {
    find: (name) =>
      attempt(async () => {
        const response = await opened.match(key(name));
        if (response === undefined) return undefined;
        if (response.status === 404) return "absent";
        return blobAccess(operation, await response.blob(), name);
      }),
    keep: async (name, size, pieces) => {
      let failure: unknown;
      const body = new ReadableStream<Uint8Array>({
        pull: async (controller) => {
          try {
            const { done, value } = await pieces.next();
            if (done === true) controller.close();
            else controller.enqueue(value.slice()); // the array of a piece is used again
          } catch (cause) {
            failure = cause;
            controller.error(cause); // and nothing is put
          }
        },
      });
      const headers = { "Content-Length": String(size), "Content-Type": "application/octet-stream" };
      try {
        await attempt(() => opened.put(key(name), new Response(body, { headers })));
      } catch (cause) {
        throw failure ?? cause; // browsers put an error of their own in place of the stream's
      } finally {
        await pieces.return(undefined);
      }
      return true;
    },
    // Only a hint: without it the next load asks the server again.
    markAbsent: (name) => opened.put(key(name), new Response(null, { status: 404 })).catch(() => undefined),
    remove: async (name) => {
      await attempt(() => opened.delete(key(name)));
    },
  };
}
