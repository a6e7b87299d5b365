/** `heed inspect`: what a model's files say about it, without reading its weights. */
import { describeModel } from "../load.ts";
import type { Command } from "./help.ts";
import { DOWNLOADING, MODEL_HELP, sourceOptions } from "./model-options.ts";
import { UsageError } from "./options.ts";
import type { GroupValues, OptionGroups } from "./options.ts";
import { type Streams, alignColumns, formatBytes, formatCount, paint, plural, printable } from "./terminal.ts";

type Description = Awaited<ReturnType<typeof describeModel>>;
type TensorDescription = Description["tensors"][number];

const GROUPS = {
  "What is printed": {
    tensors: {
      kind: "flag",
      help: "The tensors of every block. Default: those of the first, and what the others take.",
    },
    json: { kind: "flag", help: "Everything as JSON." },
  },
  "The model": {
    contextLength: { kind: "integer", help: "Tokens to reckon the memory for. Default: what the model's config says." },
    ...DOWNLOADING,
  },
} as const satisfies OptionGroups;

type InspectValues = GroupValues<typeof GROUPS>;

/** `heed inspect` */
export const inspectCommand: Command = {
  name: "inspect",
  summary: "shows what a model is and how much memory it needs, without loading it.",
  usage: "inspect MODEL [options]",
  positionals: [MODEL_HELP],
  examples: [
    ["inspect ./my-model", "its sizes, its tokenizer, its tensors"],
    ["inspect model.gguf --tensors", "every tensor"],
    [
      "inspect https://huggingface.co/HuggingFaceTB/SmolLM2-135M",
      "a few kilobytes over the network; all of it with --cache",
    ],
    ["inspect ./my-model --json | jq .config", "for programs"],
  ],
  groups: GROUPS,
  run: (positionals, values, streams) => runInspect(positionals, values as InspectValues, streams),
};

async function runInspect(positionals: readonly string[], values: InspectValues, streams: Streams): Promise<number> {
  const [model, ...more] = positionals;
  if (model === undefined) throw new UsageError("inspect: which model? heed inspect MODEL");
  if (more.length > 0) throw new UsageError(`inspect: "${more[0]}" is one argument too many; one model at a time`);
  if (values.contextLength !== undefined && values.contextLength < 1)
    throw new UsageError(`inspect: --context-length must be at least 1, got ${values.contextLength}`);
  if (values.contextLength !== undefined && values.json === true)
    throw new UsageError("inspect: --context-length and --json exclude each other");
  const description = await describeModel(model, sourceOptions(values, streams));
  const { stdout } = streams;
  if (values.json === true) stdout.write(`${JSON.stringify(description, null, 2)}\n`);
  else {
    const tensors = tensorLines(description.tensors, values.tensors === true);
    stdout.write(`${[...headLines(model, description, values, streams), "", ...tensors].join("\n")}\n`);
  }
  return 0;
}

/** Everything but the tensors. */
function headLines(model: string, description: Description, values: InspectValues, streams: Streams): string[] {
  const { format, architecture, parameters, bytes, dtypes, vocabSize, contextLength, config, tokenizer, files } =
    description;
  const { nLayers, dModel, nHeads, nKvHeads, headDim, dFf } = config;
  const heads =
    nKvHeads === nHeads ? plural(nHeads, "head") : `${nHeads} heads over ${plural(nKvHeads, "key/value head")}`;
  const stored = Object.entries(dtypes).map(
    ([dtype, of]) => `${dtype} ${plural(of.tensors, "tensor")} ${formatBytes(of.bytes)}`,
  );
  const chat = tokenizer?.chatTemplate ? "with a chat template" : "without a chat template";
  const ids = tokenizer?.vocabSize ? `${plural(tokenizer.vocabSize, "token")}, ` : ""; // not every file tells
  const rows: [string, string][] = [
    ["parameters", `${formatCount(parameters)}, ${formatBytes(bytes)}`],
    ["stored as", stored.join(", ")],
    ["layers", `${nLayers}, ${dModel} wide, ${heads} of ${headDim}, feed-forward ${dFf}`],
    ["context", `${plural(contextLength, "token")}`],
    ["vocabulary", plural(vocabSize, "token")],
    ["tokenizer", tokenizer === undefined ? "none" : `${tokenizer.kind}, ${ids}${chat}`],
    ["memory", memory(description, values.contextLength ?? contextLength)],
    ["files", listFiles(files)],
  ];
  const title = paint(streams, streams.stdout, "bold", printable(model));
  return [
    `${title}: ${printable(architecture)} (${format})`,
    ...alignColumns(rows.map(([name, text]) => [`  ${name}`, printable(text)])),
  ];
}

/** The largest files by name, and how many others there are. */
function listFiles(files: Description["files"]): string {
  const shown = [...files].sort((a, b) => b.bytes - a.bytes).slice(0, 3);
  const more = files.length > shown.length ? [`${files.length - shown.length} more`] : [];
  return [...shown.map(({ name, bytes }) => `${name} (${formatBytes(bytes)})`), ...more].join(", ");
}

/** About how much memory the model takes: its weights, and keys and values of a whole context. */
function memory({ heldBytes: weights, config }: Description, contextLength: number): string {
  const keysAndValues = 2 * 4 * config.nLayers * config.nKvHeads * config.headDim * contextLength;
  const full = `${formatBytes(keysAndValues)} for keys and values of ${plural(contextLength, "token")}`;
  return `about ${formatBytes(weights + keysAndValues)}: ${formatBytes(weights)} for weights, ${full}`;
}

/** The number of a tensor's block, and what stands before it: "model.layers.3.mlp.up_proj.weight" is of ["model.layers", 3]. */
function blockOf(name: string): { path: string; block: number; rest: string } | undefined {
  const [, path, block, rest] = /^(.*?)\.(\d+)\.(.*)$/.exec(name) ?? [];
  return path === undefined ? undefined : { path, block: Number(block), rest };
}

/** The tensors as a table. Unless all are wanted, later blocks are one row. */
function tensorLines(tensors: readonly TensorDescription[], all: boolean): string[] {
  const row = ({ name, shape, dtype, bytes }: TensorDescription): string[] => [
    `  ${name}`,
    `[${shape.join(", ")}]`,
    dtype,
    formatBytes(bytes),
  ];
  const blocks = new Map<string, TensorDescription[]>(); // of the later blocks, by path
  const rows: string[][] = [];
  const places = new Map<string, number>(); // where their row goes: behind the first block
  for (const tensor of [...tensors].sort((a, b) => order(a.name, b.name))) {
    const at = all ? undefined : blockOf(tensor.name);
    if (at === undefined || at.block === 0) {
      rows.push(row(tensor));
      if (at !== undefined) places.set(at.path, rows.length);
    } else blocks.set(at.path, [...(blocks.get(at.path) ?? []), tensor]);
  }
  for (const [path, later] of [...blocks].reverse())
    rows.splice(places.get(path) ?? rows.length, 0, summary(path, later, tensors));
  return alignColumns(
    rows.map((cells) => cells.map(printable)),
    [3],
  );
}

/** Names in the order of their numbers: block 2 before block 10. */
function order(a: string, b: string): number {
  const [first, second] = [blockOf(a), blockOf(b)];
  if (first === undefined || second === undefined || first.path !== second.path) return 0;
  return first.block - second.block;
}

/** All blocks but the first in one row. */
function summary(path: string, later: readonly TensorDescription[], tensors: readonly TensorDescription[]): string[] {
  const numbers = later.map(({ name }) => blockOf(name)?.block ?? 0);
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  const first = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const same = later.every(({ name, shape, dtype }) => {
    const like = first.get(`${path}.0.${blockOf(name)?.rest}`);
    return like?.dtype === dtype && like.shape.join() === shape.join();
  });
  return [
    `  ${path}.${low === high ? low : `${low} … ${high}`}`,
    same ? `${new Set(numbers).size} × the same` : plural(later.length, "tensor"),
    [...new Set(later.map(({ dtype }) => dtype))].join("/"),
    formatBytes(later.reduce((sum, { bytes }) => sum + bytes, 0)),
  ];
}
