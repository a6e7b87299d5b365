/** A model as a table. */
import type { Parameter } from "../nn/module.ts";
import { formatShape } from "../tensor/shape.ts";
import type { ResolvedConfig } from "./config.ts";

/** Lists the parameters of the first block in full, the other blocks by their sum, and the total. */
export function summarize(config: ResolvedConfig, parameters: ReadonlyMap<string, Parameter>): string {
  const { nLayers, nHeads, nKvHeads, dModel, contextLength, vocabSize } = config;
  const rows: [string, string, string][] = [];
  let total = 0;
  let laterBlocks = 0;
  for (const [name, { shape, size }] of parameters) {
    total += size;
    if (/^blocks\.(?!0\.)/.test(name)) laterBlocks += size;
    else rows.push([name, formatShape(shape), count(size)]);
  }
  if (laterBlocks > 0) {
    const afterFirst = rows.findLastIndex(([name]) => name.startsWith("blocks.0.")) + 1;
    rows.splice(afterFirst, 0, [
      nLayers === 2 ? "blocks.1" : `blocks.1 … ${nLayers - 1}`,
      "the same",
      count(laterBlocks),
    ]);
  }
  if (config.tieEmbeddings) rows.push(["lmHead.weight", "= tokenEmbedding.weight", "0"]);
  rows.push(["total", "", count(total)]);
  const heads =
    nKvHeads === nHeads ? plural(nHeads, "head") : `${nHeads} heads over ${plural(nKvHeads, "key/value head")}`;
  const head = `Transformer: ${plural(nLayers, "layer")}, ${dModel} wide, ${heads}, context ${contextLength}, vocabulary ${vocabSize}`;
  return `${head}\n${alignColumns(rows)}`;
}

function plural(size: number, noun: string): string {
  return `${size} ${noun}${size === 1 ? "" : "s"}`;
}

function count(size: number): string {
  return size.toLocaleString("en-US");
}

function alignColumns(rows: [string, string, string][]): string {
  const width = (column: 0 | 1 | 2): number => Math.max(...rows.map((row) => row[column].length));
  const [first, second, third] = [width(0), width(1), width(2)];
  return rows
    .map(([name, shape, size]) => `  ${name.padEnd(first)}  ${shape.padEnd(second)}  ${size.padStart(third)}`)
    .join("\n");
}
