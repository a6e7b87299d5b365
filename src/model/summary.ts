/** A model as a table. */
import type { Parameter } from "../nn/module.ts";
import { formatShape } from "../tensor/shape.ts";
import type { ResolvedConfig } from "./config.ts";

/** One line of the table: name, shape, type, count. Types are shown where not all are f32. */
type Row = [name: string, shape: string, type: string, count: string];

/**
 * Lists the parameters of the first block in full, the other blocks by their sum, and the total; how weights are held,
 * unless all are 32-bit floats made here.
 *
 * @param origin the file that the weights come from
 */
export function summarize(config: ResolvedConfig, parameters: ReadonlyMap<string, Parameter>, origin?: string): string {
  const { nLayers, nHeads, nKvHeads, dModel, contextLength, vocabSize } = config;
  const rows: Row[] = [];
  const types = new Set<string>();
  let total = 0;
  let bytes = 0;
  let laterBlocks = 0;
  for (const [name, { shape, size, stored }] of parameters) {
    const type = stored?.type ?? "f32";
    types.add(type);
    total += size;
    bytes += stored === null ? 4 * size : shape[0] * stored.rowBytes;
    if (/^blocks\.(?!0\.)/.test(name)) laterBlocks += size;
    else rows.push([name, formatShape(shape), type, count(size)]);
  }
  if (laterBlocks > 0) {
    const afterFirst = rows.findLastIndex(([name]) => name.startsWith("blocks.0.")) + 1;
    rows.splice(afterFirst, 0, [
      nLayers === 2 ? "blocks.1" : `blocks.1 … ${nLayers - 1}`,
      "the same",
      "",
      count(laterBlocks),
    ]);
  }
  if (config.tieEmbeddings) rows.push(["lmHead.weight", "= tokenEmbedding.weight", "", "0"]);
  rows.push(["total", "", "", count(total)]);
  const heads =
    nKvHeads === nHeads ? plural(nHeads, "head") : `${nHeads} heads over ${plural(nKvHeads, "key/value head")}`;
  const head = `Transformer: ${plural(nLayers, "layer")}, ${dModel} wide, ${heads}, context ${contextLength}, vocabulary ${vocabSize}`;
  const isPlain = types.size === 1 && types.has("f32");
  const table = alignColumns(isPlain ? rows.map((row) => [row[0], row[1], row[3]]) : rows);
  if (isPlain && origin === undefined) return `${head}\n${table}`;
  const from = origin === undefined ? "" : `, from ${origin}`;
  return `${head}\n${table}\n  weights: ${megabytes(bytes)} as ${[...types].sort().join(" and ")}${from}`;
}

function plural(size: number, noun: string): string {
  return `${size} ${noun}${size === 1 ? "" : "s"}`;
}

function count(size: number): string {
  return size.toLocaleString("en-US");
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toLocaleString("en-US", { maximumSignificantDigits: 3 })} MB`;
}

/** Columns side by side, the last of them numbers. */
function alignColumns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const last = widths.length - 1;
  return rows
    .map((row) =>
      row
        .map((text, i) => (i === last ? text.padStart(widths[i]) : text.padEnd(widths[i])))
        .reduce((a, b) => `${a}  ${b}`, ""),
    )
    .join("\n");
}
