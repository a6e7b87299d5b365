/**
 * What tensors are called, and how they lie, in files and in heed: one list of rules for each architecture and kind of
 * file, which reading and writing both follow.
 *
 * A rule only ever moves whole rows: parameters are put one behind the other, taken in turns head by head, or their rows
 * are reordered. So the same rules carry numbers, and the bytes of rows in any other type (F16, Q8_0, Q4_0 …), whatever is
 * in them. Two old habits need numbers: GPT-2's transposed matrices and the 1 that Gemma's norms have in GGUF files.
 */
import { ConfigError, FormatError, describeValue } from "../../errors.ts";
import type { ResolvedConfig } from "../../model/config.ts";
import { formatShape } from "../../tensor/shape.ts";

/** Numbers, or the bytes of what stands for numbers. */
export type RowData = Float32Array | Uint16Array | Uint8Array;

/** A tensor as rows one behind the other, all of the same length; that is what its first axis counts. */
export interface TensorArray<Data extends RowData = Float32Array> {
  /** Axis lengths in numbers, outermost first. */
  readonly shape: readonly number[];
  /** The rows; `data.length / shape[0]` elements each. */
  readonly data: Data;
  /** What the elements of `data` stand for, if they are no plain numbers; it goes with the rows. */
  readonly dtype?: string | number;
}

/** One tensor of a file. `{i}` stands for the number of a block. */
export interface TensorRule {
  /** Its name in the file. */
  readonly theirs: string;
  /** The heed parameters that it holds. */
  readonly ours: readonly string[];
  /**
   * Where their rows lie. Default: one parameter behind the other. "heads": a head of each in turn (GPT-NeoX). "pairs":
   * the two rows that turn together are neighbours, and not half a head apart (GGUF's Llama).
   */
  readonly order?: "heads" | "pairs";
  /** Whether the matrix lies there as [in, out]. */
  readonly transposed?: boolean;
  /** What is added to the numbers there. */
  readonly added?: number;
}

/** The tensors of the files of one architecture. */
export interface TensorNames {
  readonly rules: readonly TensorRule[];
  /** Beginnings of names that other writers use, and what stands there in the rules. */
  readonly renamed?: readonly (readonly [from: string, to: string])[];
  /** Names, or beginnings of names (with a * at the end), of tensors that carry no weights of the model. */
  readonly ignored?: readonly string[];
}

/** The name of a head of its own, in heed. */
export const HEAD = "lmHead.weight";

/**
 * Values under heed's parameter names as a file holds them. Values may be any subset of a model's parameters, except that
 * those go together which share a tensor of the file.
 *
 * @param operation for messages
 * @returns values in the order given; `data` is computed each time it is read, so that no second copy is held
 * @throws ConfigError for a name that the architecture does not have, or shapes that do not fit into their tensor
 */
export function toFile<Data extends RowData>(
  operation: string,
  { rules }: TensorNames,
  { headDim }: ResolvedConfig,
  values: ReadonlyMap<string, TensorArray<Data>>,
): Map<string, TensorArray<Data>> {
  const byOurs = new Map(rules.flatMap((rule) => rule.ours.map((name) => [name, rule] as const)));
  const out = new Map<string, TensorArray<Data>>();
  for (const name of values.keys()) {
    const [pattern, block] = splitBlock(name);
    const rule = byOurs.get(pattern);
    if (rule === undefined)
      throw new ConfigError(`${operation}: the architecture has no parameter "${name}"`, { name });
    const theirs = rule.theirs.replace("{i}", block);
    if (out.has(theirs)) continue; // another part of the same tensor came first
    const parts = rule.ours.map((part) => {
      const value = values.get(part.replace("{i}", block));
      if (value === undefined)
        throw new ConfigError(`${operation}: "${theirs}" needs "${part.replace("{i}", block)}" beside "${name}"`, {
          name,
        });
      return value;
    });
    const rows = parts.map(({ shape }) => shape[0]);
    const [{ shape, dtype }] = parts;
    const alike = parts.every((part) => part.shape.length === shape.length && part.shape[1] === shape[1]);
    const runs = alike && parts.every((part) => part.dtype === dtype) ? runsOf(rule, rows, headDim) : undefined;
    if (runs === undefined || (rule.transposed && shape.length !== 2)) {
      throw new ConfigError(
        `${operation}: shapes do not fit into "${theirs}": ${parts.map((part) => formatShape(part.shape)).join(", ")}`,
        { name },
      );
    }
    out.set(theirs, join(rule, runs, parts, rows));
  }
  return out;
}

/** Where a parameter lies in a tensor of a file. */
export interface Place {
  /** The tensor, under the name of its rule. */
  readonly theirs: string;
  readonly rule: TensorRule;
  /** The shape of the parameter. */
  readonly shape: readonly number[];
  /** Which rows of the tensor are its own: columns, where the tensor is transposed. */
  readonly runs: readonly Run[];
}

/**
 * Where each of a model's parameters lies in the tensors of a file.
 *
 * @param tensors under the names of the rules, as `canonicalNames` gives them
 * @returns places by heed's names, in the order of the tensors
 * @throws FormatError naming the tensors that the architecture does not have, or one that cannot be split
 */
export function placesInFile(
  file: string,
  names: TensorNames,
  config: ResolvedConfig,
  tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>,
): Map<string, Place> {
  const byTheirs = new Map(names.rules.map((rule) => [rule.theirs, rule]));
  const unexpected = [...tensors.keys()].filter((name) => !byTheirs.has(splitBlock(name)[0]));
  if (unexpected.length > 0)
    throw new FormatError(`${file}: the architecture has no place for ${nameSome(unexpected)}`, { unexpected });
  const places = new Map<string, Place>();
  for (const [name, { shape }] of tensors) {
    const [pattern, block] = splitBlock(name);
    const rule = byTheirs.get(pattern) as TensorRule;
    const all = rule.transposed ? shape[1] : shape[0];
    const rows = rule.ours.length === 1 ? [all] : rule.ours.map((part) => rowsOf(part, config));
    const runs = rows.reduce((sum, count) => sum + count, 0) === all ? runsOf(rule, rows, config.headDim) : undefined;
    if (runs === undefined || (rule.transposed && shape.length !== 2))
      throw new FormatError(
        `${file}: "${name}" ${formatShape(shape)} cannot be split into ${rule.ours.length} by the config`,
        { name, shape },
      );
    rule.ours.forEach((part, i) => {
      const own = runs.filter((run) => run.part === i);
      const inner = rule.transposed ? [shape[0]] : shape.slice(1);
      places.set(part.replace("{i}", block), { theirs: name, rule, shape: [rows[i], ...inner], runs: own });
    });
  }
  return places;
}

/**
 * Tensors of a file under heed's parameter names: the inverse of `toFile`.
 *
 * @returns values in the order given; `data` is computed each time it is read, so that no second copy is held
 * @throws FormatError naming the tensors that the architecture does not have, or one that cannot be split
 */
export function fromFile<Data extends RowData>(
  file: string,
  names: TensorNames,
  config: ResolvedConfig,
  values: ReadonlyMap<string, TensorArray<Data>>,
): Map<string, TensorArray<Data>> {
  const canonical = canonicalNames(names, values, file);
  const out = new Map<string, TensorArray<Data>>();
  for (const [name, place] of placesInFile(file, names, config, canonical)) {
    const value = canonical.get(place.theirs) as TensorArray<Data>;
    out.set(
      name,
      lazily(place.shape, value, () => takeRows(place, value)),
    );
  }
  return out;
}

/**
 * Tensors of a file under the names of the rules, without what carries no weights. Names that no rule has stay as they are.
 *
 * @param file its name, for messages
 * @throws FormatError for a tensor that is there under two names
 */
export function canonicalNames<T>(
  { rules, renamed = [], ignored = [] }: TensorNames,
  values: ReadonlyMap<string, T>,
  file: string = "checkpoint",
): Map<string, T> {
  const known = new Set(rules.map((rule) => rule.theirs));
  const isIgnored = (name: string): boolean =>
    ignored.some((item) => (item.endsWith("*") ? name.startsWith(item.slice(0, -1)) : splitBlock(name)[0] === item));
  const out = new Map<string, T>();
  for (const [name, value] of values) {
    const candidates = renamed
      .filter(([from]) => name.startsWith(from))
      .map(([from, to]) => to + name.slice(from.length));
    const fits = (candidate: string): boolean => known.has(splitBlock(candidate)[0]) || isIgnored(candidate);
    const canonical = [name, ...candidates].find(fits) ?? name;
    if (isIgnored(canonical)) continue;
    if (out.has(canonical))
      throw new FormatError(`${file}: the tensor "${canonical}" is there twice, under two names`, { name });
    out.set(canonical, value);
  }
  return out;
}

/** What the files call a parameter that has a tensor for itself; undefined if there is none. */
export function nameInFile({ rules }: TensorNames, ours: string): string | undefined {
  return rules.find((rule) => rule.ours[0] === ours)?.theirs;
}

/** Names for a message: the first three, and how many more. */
export function nameSome(names: readonly string[]): string {
  const shown = names.slice(0, 3).map(describeValue).join(", ");
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}

/** "blocks.12.norm1.weight" → ["blocks.{i}.norm1.weight", "12"]; without a number the block is "". */
function splitBlock(name: string): [pattern: string, block: string] {
  const found = /\.(\d+)\./.exec(name);
  return found === null ? [name, ""] : [name.replace(found[0], ".{i}."), found[1]];
}

/** How many rows a parameter has that shares its tensor with others. */
function rowsOf(name: string, { nHeads, nKvHeads, headDim, dFf }: ResolvedConfig): number {
  if (name.includes("feedForward")) return dFf;
  return (name.includes("qProj") ? nHeads : nKvHeads) * headDim;
}

/** Rows [ours, ours + count) of one parameter are rows [theirs, theirs + count) of the tensor. */
export interface Run {
  /** Which of the rule's parameters. */
  readonly part: number;
  readonly ours: number;
  readonly theirs: number;
  readonly count: number;
}

/** Where the rows of the parameters of a rule lie; undefined if there are no whole heads of them. */
function runsOf({ order }: TensorRule, rows: readonly number[], headDim: number): Run[] | undefined {
  if (order === undefined) {
    let end = 0;
    return rows.map((count, part) => ({ part, ours: 0, theirs: (end += count) - count, count }));
  }
  const [count] = rows;
  if (count % headDim !== 0 || rows.some((other) => other !== count)) return undefined;
  if (order === "heads") {
    return rows.flatMap((_, part) =>
      Array.from({ length: count / headDim }, (_, head) => ({
        part,
        ours: head * headDim,
        theirs: (head * rows.length + part) * headDim,
        count: headDim,
      })),
    );
  }
  const half = headDim / 2;
  return Array.from({ length: count }, (_, row) => {
    const place = row % headDim; // in its head: i or half + i, there 2 · i or 2 · i + 1
    const theirs = row - place + 2 * (place % half) + Math.floor(place / half);
    return { part: 0, ours: row, theirs, count: 1 };
  });
}

/** The parameters of a rule as its tensor. */
function join<Data extends RowData>(
  rule: TensorRule,
  runs: readonly Run[],
  parts: readonly TensorArray<Data>[],
  rows: readonly number[],
): TensorArray<Data> {
  const [first] = parts;
  const [, ...inner] = first.shape;
  const all = rows.reduce((sum, count) => sum + count, 0);
  const shape = rule.transposed ? [...inner, all] : [all, ...inner];
  return lazily(shape, first, () => {
    const sources = parts.map(({ data }) => data);
    if (rule.transposed || rule.added !== undefined)
      sources.forEach((source) => checkNumbers(source, rule.theirs, rule));
    if (runs.length === 1 && !rule.transposed) return plus(sources[0], rule.added);
    const width = sources[0].length / rows[0];
    const out = sized(sources[0], all * width);
    for (const { part, ours, theirs, count } of runs) {
      const from = sources[part].subarray(ours * width, (ours + count) * width);
      if (rule.transposed) transposeInto(out.subarray(theirs), all, from, width, count, width);
      else out.set(from, theirs * width);
    }
    return plus(out, rule.added);
  });
}

/** The rows of one parameter out of the tensor that holds them: a part of it where they lie together, else a copy. */
export function takeRows<Data extends RowData>(
  { theirs, rule, runs, shape: [rows] }: Place,
  { shape, data }: TensorArray<Data>,
): Data {
  if (rule.transposed || rule.added !== undefined) checkNumbers(data, theirs, rule);
  if (rule.transposed) {
    const [width, distance] = shape;
    const out = sized(data, rows * width);
    for (const run of runs)
      transposeInto(out.subarray(run.ours * width), width, data.subarray(run.theirs), distance, width, run.count);
    return out;
  }
  const row = data.length / shape[0];
  const [first] = runs;
  const whole = first.count === rows;
  const out = whole
    ? (data.subarray(first.theirs * row, (first.theirs + rows) * row) as Data)
    : sized(data, rows * row);
  if (!whole)
    for (const run of runs) out.set(data.subarray(run.theirs * row, (run.theirs + run.count) * row), run.ours * row);
  return plus(out, -(rule.added ?? 0));
}

/** A value whose rows are computed when they are read. */
function lazily<Data extends RowData>(
  shape: readonly number[],
  { dtype }: TensorArray<Data>,
  compute: () => Data,
): TensorArray<Data> {
  return {
    shape,
    ...(dtype !== undefined && { dtype }),
    get data() {
      return compute();
    },
  };
}

/** An array of the same kind. */
function sized<Data extends RowData>(like: Data, length: number): Data {
  return new (like.constructor as new (length: number) => Data)(length);
}

function plus<Data extends RowData>(data: Data, added: number = 0): Data {
  return added === 0 ? data : (data.map((value) => value + added) as Data);
}

/** Rows of bytes can be neither transposed nor added to; 16-bit numbers can be transposed. */
function checkNumbers(data: RowData, name: string, { added }: TensorRule): void {
  if (data instanceof Uint8Array || (added !== undefined && !(data instanceof Float32Array)))
    throw new FormatError(`"${name}" must be held as 32-bit floats to be put into another form`, { name });
}

/**
 * out[col, row] = x[row, col] for x of [rows, cols]; `outWidth` and `width` are the distances from row to row in memory.
 * Column by column in bands of 16 rows, so that a band's cache lines are still there when the next column needs them:
 * for [1024, 4096] twice as fast as row by row (12 instead of 24 ms on a Xeon).
 */
function transposeInto(out: RowData, outWidth: number, x: RowData, width: number, rows: number, cols: number): void {
  for (let band = 0; band < rows; band += 16) {
    const bandEnd = Math.min(band + 16, rows);
    for (let col = 0; col < cols; col++) {
      for (let row = band; row < bandEnd; row++) out[col * outWidth + row] = x[row * width + col];
    }
  }
}
