/** Addresses of models: which folder and which file they mean, with those of the Hugging Face hub as people copy them. */
import { ConfigError } from "../errors.ts";
import { WEIGHTS_FILE } from "./file-set.ts";

/** A place on the web. */
export interface ModelAddress {
  /** Address of the folder; its path ends in "/". */
  readonly folder: URL;
  /** The file in it that was meant. */
  readonly file: string | undefined;
}

/** Pages of the hub that are no models. */
const OTHER_PAGES: ReadonlySet<string> = /* @__PURE__ */ new Set([
  "datasets",
  "spaces",
  "api",
  "collections",
  "papers",
]);

/**
 * Takes an address apart. A path that ends like a file of weights, or in ".json", means that file; any other means a folder.
 *
 * @throws ConfigError for an address that is none of http or https, or that holds a password
 */
export function readAddress(operation: string, address: string | URL): ModelAddress {
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    throw new ConfigError(`${operation}: "${String(address)}" is no valid address`, { address: String(address) });
  }
  if (!/^https?:$/.test(url.protocol))
    throw new ConfigError(`${operation}: an address must begin with https:, http: or file:, got "${url.protocol}"`);
  if (url.username !== "" || url.password !== "")
    throw new ConfigError(
      `${operation}: the address of ${url.host} holds a user name or password; pass it with headers: { Authorization: "…" }`,
    );
  url.hash = "";
  if (/^(www\.)?(huggingface\.co|hf\.co)$/.test(url.hostname)) url.pathname = hubPath(url.pathname);
  const last = url.pathname.slice(url.pathname.lastIndexOf("/") + 1);
  if (WEIGHTS_FILE.test(last) || /\.json$/i.test(last)) {
    const folder = new URL(url);
    folder.pathname = url.pathname.slice(0, -last.length);
    return { folder, file: decode(last) };
  }
  if (last !== "") url.pathname += "/";
  return { folder: url, file: undefined };
}

/** ORG/NAME, ORG/NAME/tree/REV/… and ORG/NAME/blob/REV/… as ORG/NAME/resolve/REV/…, where the files lie. */
function hubPath(path: string): string {
  const parts = path.split("/").filter((part) => part !== "");
  if (parts.length === 0 || OTHER_PAGES.has(parts[0])) return path;
  // A few old models have no organisation.
  const nameParts = parts.length === 1 || /^(tree|blob|resolve|raw)$/.test(parts[1]) ? 1 : 2;
  const [kind, revision = "main", ...rest] = parts.slice(nameParts);
  if (kind !== undefined && !/^(tree|blob|resolve|raw)$/.test(kind)) return path;
  return `/${[...parts.slice(0, nameParts), "resolve", revision, ...rest].join("/")}`;
}

/** The address of a file in a folder. The name is taken letter by letter, so it cannot lead anywhere else. */
export function fileAddress(folder: URL, name: string): URL {
  const url = new URL(folder);
  url.pathname += name.split("/").map(encodeURIComponent).join("/");
  return url;
}

/** An address for messages: without what stands behind "?", which may be a secret. */
export function shownAddress(url: URL): string {
  return url.origin + url.pathname;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
