/** Rotary position embedding: a token's place as an angle (Su et al. 2021, RoFormer, §3.2.2 and eq. 34). */
import { kernels } from "../backend/current.ts";
import type { UnaryKernel } from "../backend/backend.ts";
import { record } from "../autograd/graph.ts";
import { ConfigError, ShapeError, checkInteger, checkNumber, checkOptions, describeValue } from "../errors.ts";
import { allocate } from "../tensor/scope.ts";
import { formatShape, sizeOf } from "../tensor/shape.ts";
import { checkTensor } from "../tensor/tensor.ts";
import { checkRopeScaling, rotaryFrequencies } from "./rope-scaling.ts";
import type { RopeScaling } from "./rope-scaling.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** The most numbers that a table of computed positions may have: 512 MiB. */
export const MAX_POSITION_NUMBERS: number = 2 ** 27;

/** Cosines and sines of every position's angles, one row [headDim / 2] for each position. */
export interface RotaryTable {
  readonly cos: Float32Array;
  readonly sin: Float32Array;
  readonly positions: number;
  readonly headDim: number;
}

/** How a table differs from the plain one. */
export interface RotaryTableOptions {
  /** How the frequencies are changed for long texts. Default not at all. */
  scaling?: RopeScaling | null;
  /** Length of the text, for "dynamic" scaling. Default `positions`. */
  length?: number;
}

/**
 * Tabulates cos and sin of position · theta^(-2i / headDim) for i in [0, headDim / 2). Angles are rounded to 32 bits, as
 * PyTorch and llama2.c do.
 *
 * @throws ConfigError for an odd headDim, a theta below 1, a scaling that is not right, or a table of more than 2^27 numbers
 */
export function rotaryTable(
  positions: number,
  headDim: number,
  theta = 10_000,
  options: RotaryTableOptions = {},
): RotaryTable {
  checkInteger("rotaryTable", "headDim", headDim, 0, MAX_POSITION_NUMBERS);
  checkInteger("rotaryTable", "positions", positions, 0, Math.floor(MAX_POSITION_NUMBERS / Math.max(headDim, 1)));
  checkNumber("rotaryTable", "theta", theta, 1);
  if (headDim % 2 !== 0) throw new ConfigError(`rotaryTable: headDim must be even, got ${headDim}`, { headDim });
  checkOptions("rotaryTable", options, ["scaling", "length"]);
  const { scaling = null, length = positions } = options;
  if (scaling !== null) checkRopeScaling("rotaryTable", scaling, headDim);
  const { frequencies, attentionFactor } = rotaryFrequencies(headDim, theta, scaling, length);
  const half = headDim / 2;
  const angles = new Float32Array(positions * half); // [positions, headDim / 2]
  for (const [i, frequency] of frequencies.entries()) {
    const rounded = Math.fround(frequency);
    for (let position = 0; position < positions; position++) angles[position * half + i] = position * rounded;
  }
  const tabulate = (kernel: UnaryKernel): Float32Array => {
    const table = new Float32Array(angles.length);
    kernel(table, angles, 0, angles.length);
    return attentionFactor === 1 ? table : table.map((value) => value * attentionFactor);
  };
  return { cos: tabulate(kernels().cos), sin: tabulate(kernels().sin), positions, headDim };
}

/** Options of `rotary`. */
export interface RotaryOptions {
  /** Base of the wavelengths. Default 10,000. Not with `table`. */
  theta?: number;
  /** "halves": element i turns with i + headDim / 2 (Hugging Face). "pairs": with its neighbour (the paper, llama2.c, GGUF). Default "halves". */
  pairing?: "halves" | "pairs";
  /** Position of the first row. Default 0. */
  offset?: number;
  /** A table made once by `rotaryTable`, to save its making. */
  table?: RotaryTable;
}

/**
 * Turns each pair of elements of x [..., seq, headDim] by an angle that grows with the row's position.
 *
 * @throws ShapeError if x has no such axes, headDim is odd, or the table does not cover x; ConfigError for an option that
 *   is unknown, out of range, or in conflict with another
 */
export function rotary(x: Tensor, options: RotaryOptions = {}): Tensor {
  checkTensor("rotary", "x", x);
  checkOptions("rotary", options, ["theta", "pairing", "offset", "table"]);
  const { theta = 10_000, pairing = "halves", offset = 0 } = options;
  checkNumber("rotary", "theta", theta, 1);
  checkInteger("rotary", "offset", offset, 0);
  if (pairing !== "halves" && pairing !== "pairs")
    throw new ConfigError(`rotary: pairing must be "halves" or "pairs", got ${String(pairing)}`, { pairing });
  if (options.table !== undefined && !(options.table?.cos instanceof Float32Array))
    throw new ConfigError(`rotary: table must come from rotaryTable(…), got ${describeValue(options.table)}`);
  if (options.theta !== undefined && options.table !== undefined)
    throw new ConfigError("rotary: theta has no effect on a finished table; give one of the two");
  const [seq, headDim] = x.shape.slice(-2);
  if (x.shape.length < 2 || headDim % 2 !== 0)
    throw new ShapeError(`rotary: x must be [..., seq, headDim] with an even headDim, got ${formatShape(x.shape)}`, {
      x: x.shape,
    });
  const table = options.table ?? rotaryTable(offset + seq, headDim, theta);
  if (table.headDim !== headDim || table.positions < offset + seq) {
    throw new ShapeError(
      `rotary: table covers ${table.positions} positions of headDim ${table.headDim}, needs ${offset + seq} of ${headDim}`,
      { offset, seq, headDim },
    );
  }
  const half = headDim / 2;
  const heads = sizeOf(x.shape.slice(0, -2));
  const turn = (data: Float32Array, inverse: number): Float32Array => {
    const cos = table.cos.subarray(offset * half, (offset + seq) * half); // [seq, headDim / 2]
    const sin = table.sin.subarray(offset * half, (offset + seq) * half);
    const out = allocate(data.length);
    kernels().rotary(out, data, cos, sin, heads, seq, headDim, pairing === "pairs" ? 1 : 0, inverse, 0, heads);
    return out;
  };
  return record("rotary", turn(x.data, 0), x.shape, [x], (gradOut) => [turn(gradOut, 1)]); // a rotation's transpose turns back
}
