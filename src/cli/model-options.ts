/** Options of loading, which every command that opens a model has, and what `loadModel` gets from them. */
import type { LoadProgress } from "../formats/progress.ts";
import type { LoadOptions } from "../load.ts";
import { UsageError } from "./options.ts";
import type { Values } from "./options.ts";
import { type Streams, formatBar, formatBytes, printable, showLine } from "./terminal.ts";

/** The forms in which weights are held and saved. */
export const DTYPES = ["f32", "f16", "bf16", "q8_0", "q4_0"] as const;

/** What MODEL can be, for the help. */
export const MODEL_HELP: readonly [string, string] = [
  "MODEL",
  "a folder in Hugging Face's layout, a .gguf or .safetensors file, or the address (https://...) of one of these",
];

/** Where a model comes from and how it is held. */
export const LOADING = {
  contextLength: { kind: "integer", help: "Tokens that the model sees at once. Default: what its config says." },
  dtype: {
    kind: DTYPES as typeof DTYPES, // the type must be told where it is exported
    help: "How weights are held in memory: smaller forms need less of it. Default: as they are stored.",
  },
  integrity: {
    kind: "text",
    value: "SUM",
    help: "The SHA-256 that the model's one file must have: 64 hexadecimal digits.",
  },
} as const;

/** How an address is read. */
export const DOWNLOADING = {
  cache: { kind: "text", value: "DIR", help: "For an address: keep the files here, and download each only once." },
  header: {
    kind: "texts",
    value: "'NAME: VALUE'",
    help: "For an address: a header of the request, such as 'Authorization: Bearer ...'; may be repeated.",
  },
} as const;

/** The part of `loadModel`'s options that says how an address is read. */
export function sourceOptions(
  { cache, header }: Values<typeof DOWNLOADING>,
  { signal }: Streams,
): { signal?: AbortSignal; cache?: string; headers?: [name: string, value: string][] } {
  const headers = header?.map((line): [string, string] => {
    const [, name, value] = /^([^\s:]+):\s*(.*)$/.exec(line) ?? [];
    if (name === undefined) throw new UsageError(`--header must be 'NAME: VALUE', got "${line}"`);
    return [name, value];
  });
  return {
    ...(signal !== undefined && { signal }),
    ...(cache !== undefined && { cache }),
    ...(headers !== undefined && { headers }),
  };
}

/** All of `loadModel`'s options, with a line of progress where somebody watches. */
export function loadOptions(
  values: Values<typeof LOADING> & Values<typeof DOWNLOADING>,
  streams: Streams,
): LoadOptions {
  const { contextLength, dtype, integrity } = values;
  const { stderr } = streams;
  return {
    ...sourceOptions(values, streams),
    ...(contextLength !== undefined && { contextLength }),
    ...(dtype !== undefined && { dtype }),
    ...(integrity !== undefined && { integrity }),
    ...(stderr.isTTY === true && { onProgress: showLoading(streams) }),
  };
}

/** Milliseconds between two pictures: a report for each tensor is more than anybody can read. */
const PICTURE_MS = 50;

/** Shows how far loading is; the line is wiped away when everything is there. */
function showLoading({ stderr }: Streams): (progress: LoadProgress) => void {
  let shown = -Infinity;
  return ({ loadedBytes, totalBytes, downloadedBytes, file }) => {
    const done = totalBytes > 0 && loadedBytes === totalBytes;
    if (!done && performance.now() - shown < PICTURE_MS) return;
    shown = performance.now();
    const name = printable(file);
    const line =
      totalBytes > 0
        ? `${formatBar(loadedBytes / totalBytes)} ${formatBytes(loadedBytes)} of ${formatBytes(totalBytes)}  ${name}`
        : `${formatBytes(downloadedBytes)} downloaded  ${name}`;
    showLine(stderr, done ? "" : line, false);
  };
}
