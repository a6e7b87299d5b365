/**
 * Scaled dot-product attention; see loops/attention.ts. Many queries go through the block product of panels.ts, eight at a
 * time; few, as in decoding, along the rows of keys and values, which are then read once and in order.
 *
 * With eight queries q the scores are computed as k qᵀ: [keyLen, 8], key by key. This is the layout of a right panel, so the weights
 * need no packing before they meet the values, vᵀ · weights: [headDim, 8]; and one lane belongs to one query, so the
 * softmax runs down the lanes without ever crossing them.
 */
import type { AttentionSizes } from "../backend.ts";
import { f32, f32x4, i32, i32x4, v128 } from "./assembler.ts";
import type { I32, Local, Operand, V128 } from "./assembler.ts";
import type { FunctionBody } from "./function-body.ts";
import { atMost, bytes, element, mapElements } from "./kernel.ts";
import type { Assembly, Call } from "./kernel.ts";
import { exp, log } from "./math.ts";
import { NR, TILE_BYTES, transpose4 } from "./panels.ts";
import type { PackPanel, Panels } from "./panels.ts";
import { addDotRows, addWeightRows } from "./rows.ts";
import { EXP_COST, exponentials, reciprocal, rowShift, scaleRow, spread } from "./softmax.ts";

/** With at most so many queries, packing keys and values costs more than it saves. */
const FEW_QUERIES = 6;
/** Keys that few queries run through together: in the first-level cache, the second query finds what the first one read. */
const FEW_KEYS = 64;
/** Keys whose weighted values are summed at once; later ones are added to the result. Their weights stay in the first-level cache. */
const BLOCK_KEYS = 256;
/** Keys whose exponentials are summed at once. */
const SUM_KEYS = 64;
/** Bytes of a row of a right panel: eight queries. */
const ROW = 4 * NR;

// What query 0 sees ends at key `seen`, and what each later query sees `causal` further on; of that it sees the last `window` keys. The
// last sizes tell where parts of the scratch begin.
const FEW = { outputs: 2, inputs: 3, sizes: 10, scalars: 1 } as const;
const MANY = { outputs: 2, inputs: 3, sizes: 13, scalars: 1 } as const;

/** How many units it takes to hold `size`, times the unit. */
export const padded = (size: number, unit: number): number => Math.ceil(size / unit) * unit;
/** Where the keys end that query 0 sees, how much further those of each later query, and how many of them it sees at most. */
export const visibility = ({ causal, keyLen, seq, window }: AttentionSizes): number[] =>
  causal === 1 ? [keyLen - seq + 1, 1, Math.min(window, keyLen)] : [keyLen, 0, keyLen];
/** a - b, or 0 where that is below; both unsigned. */
const minus = (a: I32, b: Operand<"i32">): I32 => i32.sub(a, atMost(a, b));

/** Where parts of so many elements begin, in bytes, one after the other behind the scratch of `multiply`; the last number is the end of all. */
export function partition(...elements: readonly number[]): number[] {
  const places = [padded(TILE_BYTES, 64)];
  for (const count of elements) places.push(places[places.length - 1] + padded(4 * count, 64));
  return places;
}

/** Adds attention to the module. */
export function addAttention(assembly: Assembly, panels: Panels): void {
  const { MR } = panels;
  const few = fewQueriesKernel(assembly);
  const many = manyQueriesKernel(assembly, panels);
  assembly.kernels.attention = (out, logSumExp, q, k, v, sizes, scale, begin, end) => {
    const { batch, nHeads, nKvHeads, seq, keyLen, keyRows, headDim } = sizes;
    const group = nHeads / nKvHeads;
    const isFew = seq <= FEW_QUERIES;
    const keys = padded(keyLen, MR);
    const dims = padded(headDim, MR);
    const places = isFew
      ? partition(group * seq * keyLen, group * seq * headDim)
      : partition(keys * NR, headDim * NR, (dims + 2) * NR, keys * headDim, dims * keyLen);
    const scratchBytes = places.pop();
    (isFew ? few : many)(
      // prettier-ignore
      [out, logSumExp, q, k, v, group, seq, keyLen, keyRows, headDim, ...visibility(sizes), ...places, scale],
      { begin, end, items: batch * nHeads, cost: seq * keyLen * (2 * headDim + EXP_COST), scratchBytes },
    );
  };
}

/** Runs `body` for each key/value head of the range, with the query heads that read it: from `begin` up to `stop`. */
function eachKeyHead(
  f: FunctionBody,
  begin: Local<"i32">,
  end: I32,
  group: I32,
  headSize: I32,
  k: I32,
  v: I32,
  body: (stop: Local<"i32">, keys: Local<"i32">, values: Local<"i32">) => void,
): void {
  f.while(i32.lt_u(begin, end), () => {
    // Heads of a group are neighbours, so this holds across the batch as well.
    const kvHead = f.let(i32.div_u(begin, group));
    const stop = f.let(atMost(i32.mul(i32.add(kvHead, 1), group), end));
    const keys = f.let(element(k, i32.mul(kvHead, headSize)));
    const values = f.let(element(v, i32.mul(kvHead, headSize)));
    body(stop, keys, values);
    f.set(begin, stop);
  });
}

/** Few queries. Those of all heads that share keys run through them together. */
function fewQueriesKernel(assembly: Assembly): Call {
  const dotRows = addDotRows(assembly);
  const weightRows = addWeightRows(assembly);
  // prettier-ignore
  return assembly.function("attentionFew", FEW, (f, out, logSumExp, q, k, v, group, seq, keyLen, keyRows, headDim, seen, causal, window, scoresAt, queriesAt, scale, begin, end, scratch) => {
    const scores = f.let(i32.add(scratch, scoresAt));
    const queries = f.let(i32.add(scratch, queriesAt));
    const factor = f.let(f32x4.splat(scale));
    const scoreRow = (row: I32): I32 => element(scores, i32.mul(row, keyLen));
    /** The first key that a query sees, and where they end. */
    const keysSeen = (row: I32): [from: I32, to: I32] => {
      const to = f.let(i32.add(seen, i32.mul(causal, i32.rem_u(row, seq))));
      return [f.let(minus(to, window)), to];
    };
    /** Block by block of keys, at least once; for each query the keys of the block that it sees, and whether it is not the first block. */
    const eachKeyBlock = (rows: I32, body: (row: I32, key: I32, count: I32, later: I32) => void): void => {
      const block = f.let(i32.const(0));
      f.while(i32.or(i32.eqz(block), i32.lt_u(block, keyLen)), () => {
        f.for(0, rows, 1, (row) => {
          const [from, to] = keysSeen(row);
          const hidden = f.let(atMost(minus(from, block), FEW_KEYS));
          const key = f.let(i32.add(block, hidden));
          body(row, key, f.let(atMost(minus(to, key), i32.sub(FEW_KEYS, hidden))), block);
        });
        f.increase(block, FEW_KEYS);
      });
    };
    eachKeyHead(f, begin, end, group, i32.mul(keyRows, headDim), k, v, (stop, keys, values) => {
      const first = f.let(i32.mul(begin, seq));
      const rows = f.let(i32.mul(i32.sub(stop, begin), seq));
      mapElements(f, i32.mul(rows, headDim), queries, [element(q, i32.mul(first, headDim))], (x) => f32x4.mul(x, factor));
      const at = (array: I32, row: I32): I32 => element(array, i32.mul(row, headDim));
      eachKeyBlock(rows, (row, key, count) =>
        f.do(dotRows(element(scoreRow(row), key), at(queries, row), at(keys, key), count, headDim)),
      );
      f.for(0, rows, 1, (row) => {
        const [from, to] = keysSeen(row);
        const visible = f.let(i32.sub(to, from));
        const weights = f.let(element(scoreRow(row), from));
        const shift = rowShift(f, weights, visible);
        const sum = exponentials(f, weights, weights, visible, shift);
        scaleRow(f, weights, visible, reciprocal(f, sum));
        const logarithm = f32x4.add(shift, log(f, spread(sum)));
        f.do(v128.store32_lane(element(logSumExp, i32.add(first, row)), logarithm, 0));
      });
      eachKeyBlock(rows, (row, key, count, later) =>
        f.do(
          weightRows(at(out, i32.add(first, row)), element(scoreRow(row), key), at(values, key), count, headDim, later),
        ),
      );
    });
  });
}

/** Many queries, eight at a time, against packed keys and values. */
function manyQueriesKernel(assembly: Assembly, panels: Panels): Call {
  const { MR, packLeftRows, packLeftColumns, packRightRows, multiply } = panels;
  const unpackRows = addUnpackRows(assembly);
  // prettier-ignore
  return assembly.function("attention", MANY, (f, out, logSumExp, q, k, v, group, seq, keyLen, keyRows, headDim, seen, causal, window, scoresAt, queriesAt, sumsAt, keysAt, valuesAt, scale, begin, end, scratch) => {
    const part = (offset: I32): Local<"i32"> => f.let(i32.add(scratch, offset));
    const [scores, queries, packedKeys, packedValues] = [scoresAt, queriesAt, keysAt, valuesAt].map(part);
    // Two vectors of logarithms, then the sums of weighted values.
    const logarithms = part(sumsAt);
    const sums = f.let(i32.add(logarithms, 2 * ROW));
    const stride = f.let(bytes(headDim));
    const factor = f.let(f32x4.splat(scale));
    eachKeyHead(f, begin, end, group, i32.mul(keyRows, headDim), k, v, (stop, keys, values) => {
      packPanels(f, packLeftRows, MR, packedKeys, keys, stride, stride, keyLen, headDim);
      packPanels(f, packLeftColumns, MR, packedValues, values, 4, stride, headDim, keyLen);
      f.for(begin, stop, 1, (head) => {
        f.for(0, seq, NR, (i) => {
          const lines = f.let(atMost(i32.sub(seq, i), NR));
          const row = f.let(i32.add(i32.mul(head, seq), i));
          f.do(packRightRows(queries, element(q, i32.mul(row, headDim)), stride, lines, headDim));
          scaleRow(f, queries, i32.mul(headDim, NR), factor);
          // Panels of keys that are too old even for the first of the queries are left out, and places counted from there.
          const end = f.let(i32.add(seen, i32.mul(causal, i)));
          const skipped = f.let(i32.mul(i32.div_u(minus(end, window), MR), MR));
          const full = f.let(i32.sub(end, skipped));
          const visible = f.let(i32.add(full, i32.mul(causal, i32.sub(lines, 1))));
          const whole = i32.mul(i32.div_u(i32.add(visible, MR - 1), MR), MR);
          const [keysFrom, valuesFrom] = [element(packedKeys, i32.mul(skipped, headDim)), element(packedValues, i32.mul(skipped, MR))];
          f.do(multiply(scores, ROW, keysFrom, queries, headDim, whole, NR, 0, scratch));
          // Query t of eight sees t keys more than the first one, and t old ones less.
          hideKeys(f, scores, full, visible, i32.sub(full, 1), i32x4.lt_s);
          hideKeys(f, scores, i32.const(0), minus(visible, window), i32.sub(full, window), i32x4.gt_s);
          const factors = columnSoftmax(f, scores, visible, logarithms);
          mapElements(f, lines, element(logSumExp, row), [logarithms], (x) => x);
          weighValues(f, panels, sums, valuesFrom, scores, visible, keyLen, headDim, scratch);
          scaleColumns(f, sums, headDim, factors);
          f.do(unpackRows(element(out, i32.mul(row, headDim)), stride, sums, lines, headDim));
        });
      });
    });
  });
}

/** Packs lines panel by panel, `width` lines each: the next line begins `line` bytes further on. */
export function packPanels(
  f: FunctionBody,
  pack: PackPanel,
  width: number,
  to: I32,
  from: I32,
  line: Operand<"i32">,
  stride: I32,
  lines: I32,
  depth: I32,
): void {
  const [target, source] = [f.let(to), f.let(from)];
  f.for(0, lines, width, (done) => {
    f.do(pack(target, source, stride, atMost(i32.sub(lines, done), width), depth));
    f.increase(target, i32.mul(depth, 4 * width));
    f.increase(source, i32.mul(width, line));
  });
}

/** Makes scores of the keys from `from` up to `to` -Infinity for query t of eight where t compares so with key - origin. */
function hideKeys(
  f: FunctionBody,
  scores: I32,
  from: I32,
  to: I32,
  origin: I32,
  compare: (a: V128, b: V128) => V128,
): void {
  const place = f.let(i32.add(scores, i32.mul(from, ROW)));
  const distance = f.local("v128");
  f.for(from, to, 1, (key) => {
    f.set(distance, i32x4.splat(i32.sub(key, origin)));
    [0, 4].forEach((lane) => {
      const hidden = compare(i32x4.const(lane, lane + 1, lane + 2, lane + 3), distance);
      f.do(v128.store(place, v128.bitselect(f32x4.const(-Infinity), v128.load(place, 4 * lane), hidden), 4 * lane));
    });
    f.increase(place, ROW);
  });
}

/** Softmax of eight columns, but for the division: stores the eight ln Σ e^score and gives back what weights must be multiplied by. */
function columnSoftmax(f: FunctionBody, scores: I32, visible: I32, logarithms: I32): Local<"v128">[] {
  const end = f.let(i32.add(scores, i32.mul(visible, ROW)));
  const eight = (value: (half: number) => V128): Local<"v128">[] => [f.let(value(0)), f.let(value(1))];
  const shifts = eight(() => f32x4.const(-Infinity));
  f.for(scores, end, ROW, (at) => shifts.forEach((max, half) => f.set(max, f32x4.pmax(max, v128.load(at, 16 * half)))));
  for (const max of shifts) f.set(max, v128.and(max, f32x4.ne(max, f32x4.const(-Infinity))));
  const totals = eight(() => f32x4.const(0));
  const sums = [f.local("v128"), f.local("v128")];
  f.for(scores, end, SUM_KEYS * ROW, (start) => {
    const stop = f.let(atMost(i32.add(start, SUM_KEYS * ROW), end));
    for (const sum of sums) f.set(sum, f32x4.const(0));
    f.for(start, stop, ROW, (at) =>
      sums.forEach((sum, half) => {
        const weight = f.let(exp(f, f32x4.sub(v128.load(at, 16 * half), shifts[half])));
        f.do(v128.store(at, weight, 16 * half));
        f.set(sum, f32x4.add(sum, weight));
      }),
    );
    totals.forEach((total, half) => f.set(total, f32x4.add(total, sums[half])));
  });
  totals.forEach((total, half) => f.do(v128.store(logarithms, f32x4.add(shifts[half], log(f, total)), 16 * half)));
  return eight((half) => v128.and(f32x4.div(f32x4.const(1), totals[half]), f32x4.ne(totals[half], f32x4.const(0))));
}

/** sums [headDim, 8] = vᵀ · weights, block by block of keys. */
function weighValues(
  f: FunctionBody,
  { MR, multiply }: Panels,
  sums: I32,
  packedValues: I32,
  scores: I32,
  visible: I32,
  keyLen: I32,
  headDim: I32,
  scratch: I32,
): void {
  const [to, left] = [f.local("i32"), f.local("i32")];
  const key = f.let(i32.const(0));
  f.while(i32.or(i32.eqz(key), i32.lt_u(key, visible)), () => {
    f.set(to, sums);
    f.set(left, element(packedValues, i32.mul(key, MR)));
    f.for(0, headDim, MR, () => {
      const count = atMost(i32.sub(visible, key), BLOCK_KEYS);
      const right = i32.add(scores, i32.mul(key, ROW));
      f.do(multiply(to, ROW, left, right, count, MR, NR, key, scratch));
      f.increase(to, MR * ROW);
      f.increase(left, i32.mul(keyLen, 4 * MR));
    });
    f.increase(key, BLOCK_KEYS);
  });
}

/** Multiplies eight columns by a factor each. */
function scaleColumns(f: FunctionBody, columns: I32, count: I32, factors: readonly V128[]): void {
  const end = f.let(i32.add(columns, i32.mul(count, ROW)));
  f.for(columns, end, ROW, (place) =>
    factors.forEach((factor, half) =>
      f.do(v128.store(place, f32x4.mul(v128.load(place, 16 * half), factor), 16 * half)),
    ),
  );
}

/** Adds the inverse of `packRightRows`: (target, bytes between its lines, panel, number of lines that exist, depth). */
export function addUnpackRows(assembly: Assembly): PackPanel {
  return assembly.inner(["i32", "i32", "i32", "i32", "i32"], (f, target, stride, panel, lines, depth) => {
    const to = f.local("i32");
    f.if(i32.eq(lines, NR), () =>
      f.while(i32.ge_u(depth, 4), () => {
        f.set(to, target);
        for (const half of [0, 16]) {
          const four = transpose4(
            f,
            [0, 1, 2, 3].map((step) => v128.load(panel, ROW * step + half)),
          );
          for (const row of four) {
            f.do(v128.store(to, row));
            f.increase(to, stride);
          }
        }
        f.increase(target, 16);
        f.increase(panel, 4 * ROW);
        f.increase(depth, -4);
      }),
    );
    f.while(depth, () => {
      f.set(to, target);
      f.for(0, lines, 1, (line) => {
        f.do(f32.store(to, f32.load(element(panel, line))));
        f.increase(to, stride);
      });
      f.increase(target, 4);
      f.increase(panel, ROW);
      f.increase(depth, -1);
    });
  });
}
