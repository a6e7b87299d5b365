/** Requests for files, and what went wrong with them in words that say what to do. */
import { AbortError, ConfigError, FileError, HeedError } from "../errors.ts";

/** What sends requests, and what with. */
export interface Connection {
  readonly operation: string;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly headers: Headers;
}

/**
 * Asks for a file from a byte on. The promise rejects as soon as `signal` fires, even if `fetch` does not listen to it.
 *
 * @param begin first byte; undefined asks for the file without a range
 * @throws FileError if no answer comes, AbortError
 */
export async function request(
  { operation, fetch, headers }: Connection,
  url: URL,
  place: string,
  begin: number | undefined,
  signal: AbortSignal,
): Promise<Response> {
  const sent = new Headers(headers);
  if (begin !== undefined) sent.set("Range", `bytes=${begin}-`);
  return guarded(operation, place, signal, async () => {
    const response = await fetch(url.href, { headers: sent, signal });
    if (typeof response?.status !== "number" || typeof response.headers?.get !== "function")
      throw new ConfigError(`${operation}: fetch must give a Response`);
    return response;
  });
}

/** Runs a step over the network: it ends at once when `signal` fires, and its failures become FileErrors. */
export async function guarded<T>(
  operation: string,
  place: string,
  signal: AbortSignal,
  step: () => Promise<T>,
): Promise<T> {
  let stop = (): void => {};
  const stopped = new Promise<never>((_, reject) => {
    stop = () => reject(new AbortError(operation, signal.reason));
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop);
  });
  try {
    return await Promise.race([stopped, step()]);
  } catch (cause) {
    if (signal.aborted) throw new AbortError(operation, signal.reason);
    if (cause instanceof HeedError) throw cause;
    throw new FileError(
      `${operation}: ${place}: the connection failed (${reasonOf(cause)}); check the address and the network, in a browser also that the server allows other sites to read it (CORS)`,
      { place, broken: true },
      { cause },
    );
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** What an error says; Node's fetch says only "fetch failed", its cause has the reason. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause instanceof Error ? cause.cause.message || cause.message : cause.message;
}

/** The error of an answer that is not the file. */
export function statusError(operation: string, place: string, response: Response): FileError {
  const { status } = response;
  const wait = response.headers.get("retry-after");
  return new FileError(
    `${operation}: ${place}: the server answered with status ${status}: ${hint(status)}${wait === null ? "" : ` (Retry-After: ${wait})`}`,
    { place, status, ...(wait !== null && { retryAfter: wait }) },
  );
}

function hint(status: number): string {
  if (status === 401 || status === 403)
    return 'access is not allowed; it may need a token, headers: { Authorization: "Bearer …" }, or a licence accepted on its page, or the name is wrong';
  if (status === 404 || status === 410) return "there is no such file; check the address";
  if (status === 416) return "the range that was asked for does not exist; the file has changed";
  if (status === 429) return "too many requests; wait and try again";
  if (status >= 500) return "the server has a problem; try again later";
  return "this is not the file; check the address";
}
