/**
 * Scaled dot-product attention; see loops/attention.ts. Many queries go through the block product of panels.ts, eight at a
 * time; few, as in decoding, along the rows of keys and values, which are then read once and in order.
 *
 * With eight queries q the scores are computed as k qᵀ: [keyLen, 8], key by key. This is the layout of a right panel, so the weights
 * need no packing before they meet the values, vᵀ · weights: [headDim, 8]; and one lane belongs to one query, so the
 * softmax runs down the lanes without ever crossing them.
 */
import type { AttentionSizes, Kernels } from "../backend.ts";
import { f32, f32x4, i32, i32x4, v128 } from "./assembler.ts";
import type { I32, Local, V128 } from "./assembler.ts";
import type { FunctionBody } from "./function-body.ts";
import { atMost, bytes, eachElement, element } from "./kernel.ts";
import type { Assembly, KernelCall, KernelLocals } from "./kernel.ts";
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

// `firstVisible` keys are seen by query 0, and each later query sees `causal` more. The last ones tell where parts of the scratch begin.
const FORWARD = {
  outputs: ["out", "logSumExp"],
  inputs: ["q", "k", "v"],
  // prettier-ignore
  sizes: ["group", "seq", "keyLen", "keyRows", "headDim", "firstVisible", "causal", "scoresAt", "queriesAt", "sumsAt", "keysAt", "valuesAt"],
  scalars: ["scale"],
} as const;
type Names = typeof FORWARD;
type ForwardLocals = KernelLocals<
  Names["outputs"][number],
  Names["inputs"][number],
  Names["sizes"][number],
  Names["scalars"][number]
>;

/** How many units it takes to hold `size`, times the unit. */
export const padded = (size: number, unit: number): number => Math.ceil(size / unit) * unit;
/** The number of keys that query 0 sees. */
export const firstVisible = ({ causal, keyLen, seq }: AttentionSizes): number =>
  causal === 1 ? keyLen - seq + 1 : keyLen;

/** Where parts of so many elements begin, in bytes, one after the other behind the scratch of `multiply`; the last number is the end of all. */
export function partition(...elements: readonly number[]): number[] {
  const places = [padded(TILE_BYTES, 64)];
  for (const count of elements) places.push(places[places.length - 1] + padded(4 * count, 64));
  return places;
}

/** Adds attention to the module. */
export function attentionKernels(assembly: Assembly, panels: Panels): Pick<Kernels, "attention"> {
  const { MR } = panels;
  const few = fewQueriesKernel(assembly);
  const many = manyQueriesKernel(assembly, panels);
  return {
    attention(out, logSumExp, q, k, v, sizes, scale, begin, end) {
      const { batch, nHeads, nKvHeads, seq, keyLen, keyRows, headDim, causal } = sizes;
      const group = nHeads / nKvHeads;
      const isFew = seq <= FEW_QUERIES;
      const keys = padded(keyLen, MR);
      const dims = padded(headDim, MR);
      const places = isFew
        ? partition(group * seq * keyLen, group * seq * headDim, 0, 0, 0)
        : partition(keys * NR, headDim * NR, (dims + 2) * NR, keys * headDim, dims * keyLen);
      (isFew ? few : many)({
        outputs: [out, logSumExp],
        inputs: [q, k, v],
        sizes: [group, seq, keyLen, keyRows, headDim, firstVisible(sizes), causal, ...places.slice(0, 5)],
        scalars: [scale],
        begin,
        end,
        items: batch * nHeads,
        cost: seq * keyLen * (2 * headDim + EXP_COST),
        scratchBytes: places[5],
      });
    },
  };
}

/** Runs `body` for each key/value head of the range, with the query heads that read it: from `begin` up to `stop`. */
function eachKeyHead(
  f: FunctionBody,
  { group, begin, end, k, v, keyRows, headDim }: ForwardLocals,
  body: (stop: Local<"i32">, keys: Local<"i32">, values: Local<"i32">) => void,
): void {
  const [kvHead, stop, keys, values] = [f.local("i32"), f.local("i32"), f.local("i32"), f.local("i32")];
  f.while(i32.lt_u(begin, end), () => {
    // Heads of a group are neighbours, so this holds across the batch as well.
    f.set(kvHead, i32.div_u(begin, group));
    f.set(stop, atMost(i32.mul(i32.add(kvHead, i32.const(1)), group), end));
    f.set(keys, element(k, i32.mul(kvHead, i32.mul(keyRows, headDim))));
    f.set(values, element(v, i32.mul(kvHead, i32.mul(keyRows, headDim))));
    body(stop, keys, values);
    f.set(begin, stop);
  });
}

/** Few queries. Those of all heads that share keys run through them together. */
function fewQueriesKernel(assembly: Assembly): (call: KernelCall) => void {
  const dotRows = addDotRows(assembly);
  const weightRows = addWeightRows(assembly);
  return assembly.kernel("attentionFew", FORWARD, (f, locals) => {
    const { out, logSumExp, q, seq, keyLen, headDim, causal, begin, scratch, scale } = locals;
    const scores = f.let(i32.add(scratch, locals.scoresAt));
    const queries = f.let(i32.add(scratch, locals.queriesAt));
    const [row, rows, first, key, count, visible] = Array.from({ length: 6 }, () => f.local("i32"));
    const factor = f.let(f32x4.splat(scale));
    const scoreRow = (): I32 => element(scores, i32.mul(row, keyLen));
    const setVisible = (): void => f.set(visible, i32.add(locals.firstVisible, i32.mul(causal, i32.rem_u(row, seq))));
    /** Block by block of keys, at least once; for each query the number of keys of the block that it sees. */
    const eachKeyBlock = (body: () => void): void => {
      f.set(key, i32.const(0));
      f.while(i32.or(i32.eqz(key), i32.lt_u(key, keyLen)), () => {
        f.set(row, i32.const(0));
        f.for(row, rows, 1, () => {
          setVisible();
          f.set(count, atMost(i32.sub(visible, atMost(visible, key)), i32.const(FEW_KEYS)));
          body();
        });
        f.increase(key, FEW_KEYS);
      });
    };
    eachKeyHead(f, locals, (stop, keys, values) => {
      f.set(first, i32.mul(begin, seq));
      f.set(rows, i32.mul(i32.sub(stop, begin), seq));
      const pointers = [f.let(queries), f.let(element(q, i32.mul(first, headDim)))];
      eachElement(f, f.let(i32.mul(rows, headDim)), pointers, ({ load, store }) =>
        f.do(store(pointers[0], f32x4.mul(load(pointers[1]), factor))),
      );
      const from = (array: I32): I32 => element(array, i32.mul(key, headDim));
      eachKeyBlock(() =>
        f.do(dotRows(element(scoreRow(), key), element(queries, i32.mul(row, headDim)), from(keys), count, headDim)),
      );
      f.set(row, i32.const(0));
      f.for(row, rows, 1, () => {
        setVisible();
        const at = f.let(scoreRow());
        const shift = rowShift(f, at, visible);
        const sum = exponentials(f, at, at, visible, shift);
        scaleRow(f, at, visible, reciprocal(f, sum));
        const logarithm = f32x4.add(shift, log(f, spread(sum)));
        f.do(v128.store32_lane(element(logSumExp, i32.add(first, row)), logarithm, 0));
      });
      eachKeyBlock(() =>
        f.do(
          weightRows(
            element(out, i32.mul(i32.add(first, row), headDim)),
            element(scoreRow(), key),
            from(values),
            count,
            headDim,
            key,
          ),
        ),
      );
    });
  });
}

/** Many queries, eight at a time, against packed keys and values. */
function manyQueriesKernel(assembly: Assembly, panels: Panels): (call: KernelCall) => void {
  const { MR, packLeftRows, packLeftColumns, packRightRows, multiply } = panels;
  const unpackRows = addUnpackRows(assembly);
  return assembly.kernel("attention", FORWARD, (f, locals) => {
    const { out, logSumExp, q, seq, keyLen, headDim, causal, begin, scratch, scale } = locals;
    const part = (offset: I32): Local<"i32"> => f.let(i32.add(scratch, offset));
    const [scores, queries, packedKeys, packedValues] = [
      part(locals.scoresAt),
      part(locals.queriesAt),
      part(locals.keysAt),
      part(locals.valuesAt),
    ];
    // Two vectors of logarithms, then the sums of weighted values.
    const logarithms = part(locals.sumsAt);
    const sums = f.let(i32.add(logarithms, i32.const(2 * ROW)));
    const stride = f.let(bytes(headDim));
    const factor = f.let(f32x4.splat(scale));
    const [i, lines, row, full, visible] = Array.from({ length: 5 }, () => f.local("i32"));
    eachKeyHead(f, locals, (stop, keys, values) => {
      packPanels(f, packLeftRows, {
        width: MR,
        to: packedKeys,
        from: keys,
        line: stride,
        stride,
        lines: keyLen,
        depth: headDim,
      });
      packPanels(f, packLeftColumns, {
        width: MR,
        to: packedValues,
        from: values,
        line: i32.const(4),
        stride,
        lines: headDim,
        depth: keyLen,
      });
      const head = f.let(begin);
      f.for(head, stop, 1, () => {
        f.set(i, i32.const(0));
        f.for(i, seq, NR, () => {
          f.set(lines, atMost(i32.sub(seq, i), i32.const(NR)));
          f.set(row, i32.add(i32.mul(head, seq), i));
          f.do(packRightRows(queries, element(q, i32.mul(row, headDim)), stride, lines, headDim));
          scaleRow(f, queries, i32.mul(headDim, i32.const(NR)), factor);
          f.set(full, i32.add(locals.firstVisible, i32.mul(causal, i)));
          f.set(visible, i32.add(full, i32.mul(causal, i32.sub(lines, i32.const(1)))));
          const whole = i32.mul(i32.div_u(i32.add(visible, i32.const(MR - 1)), i32.const(MR)), i32.const(MR));
          f.do(
            multiply(scores, i32.const(ROW), packedKeys, queries, headDim, whole, i32.const(NR), i32.const(0), scratch),
          );
          hideKeys(f, scores, full, visible);
          const factors = columnSoftmax(f, scores, visible, logarithms);
          copyFloats(f, element(logSumExp, row), logarithms, lines);
          weighValues(f, panels, { sums, packedValues, scores, visible, keyLen, headDim, scratch });
          scaleColumns(f, sums, headDim, factors);
          f.do(unpackRows(element(out, i32.mul(row, headDim)), stride, sums, lines, headDim));
        });
      });
    });
  });
}

/** Packs lines panel by panel: the next line begins `line` bytes further on. */
export function packPanels(
  f: FunctionBody,
  pack: PackPanel,
  // prettier-ignore
  { width, to, from, line, stride, lines, depth }: { width: number; to: I32; from: I32; line: I32; stride: I32; lines: I32; depth: I32 },
): void {
  const [target, source, done] = [f.let(to), f.let(from), f.let(i32.const(0))];
  f.for(done, lines, width, () => {
    f.do(pack(target, source, stride, atMost(i32.sub(lines, done), i32.const(width)), depth));
    f.increase(target, i32.mul(depth, i32.const(4 * width)));
    f.increase(source, i32.mul(line, i32.const(width)));
  });
}

/** Makes scores -Infinity where query t of eight does not see the key: beyond the first `full` keys, it sees t more. */
function hideKeys(f: FunctionBody, scores: I32, full: I32, visible: I32): void {
  const key = f.let(full);
  const place = f.let(i32.add(scores, i32.mul(full, i32.const(ROW))));
  const beyond = f.local("v128");
  f.for(key, visible, 1, () => {
    f.set(beyond, i32x4.splat(i32.add(i32.sub(key, full), i32.const(1))));
    [0, 4].forEach((lane) => {
      const hidden = i32x4.lt_s(i32x4.const(lane, lane + 1, lane + 2, lane + 3), beyond);
      f.do(v128.store(place, v128.bitselect(f32x4.const(-Infinity), v128.load(place, 4 * lane), hidden), 4 * lane));
    });
    f.increase(place, ROW);
  });
}

/** Softmax of eight columns, but for the division: stores the eight ln Σ e^score and gives back what weights must be multiplied by. */
function columnSoftmax(f: FunctionBody, scores: I32, visible: I32, logarithms: I32): Local<"v128">[] {
  const place = f.let(scores);
  const end = f.let(i32.add(scores, i32.mul(visible, i32.const(ROW))));
  const stop = f.local("i32");
  const eight = (value: (half: number) => V128): Local<"v128">[] => [f.let(value(0)), f.let(value(1))];
  const shifts = eight(() => f32x4.const(-Infinity));
  f.for(place, end, ROW, () => shifts.forEach((max, half) => f.set(max, f32x4.pmax(max, v128.load(place, 16 * half)))));
  for (const max of shifts) f.set(max, v128.and(max, f32x4.ne(max, f32x4.const(-Infinity))));
  const totals = eight(() => f32x4.const(0));
  const sums = [f.local("v128"), f.local("v128")];
  f.set(place, scores);
  f.while(i32.lt_u(place, end), () => {
    f.set(stop, atMost(i32.add(place, i32.const(SUM_KEYS * ROW)), end));
    for (const sum of sums) f.set(sum, f32x4.const(0));
    f.for(place, stop, ROW, () =>
      sums.forEach((sum, half) => {
        const weight = f.let(exp(f, f32x4.sub(v128.load(place, 16 * half), shifts[half])));
        f.do(v128.store(place, weight, 16 * half));
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
  {
    sums,
    packedValues,
    scores,
    visible,
    keyLen,
    headDim,
    scratch,
  }: Record<"sums" | "packedValues" | "scores" | "visible" | "keyLen" | "headDim" | "scratch", I32>,
): void {
  const [d, to, left] = [f.local("i32"), f.local("i32"), f.local("i32")];
  const key = f.let(i32.const(0));
  f.while(i32.or(i32.eqz(key), i32.lt_u(key, visible)), () => {
    f.set(d, i32.const(0));
    f.set(to, sums);
    f.set(left, element(packedValues, i32.mul(key, i32.const(MR))));
    f.for(d, headDim, MR, () => {
      const count = atMost(i32.sub(visible, key), i32.const(BLOCK_KEYS));
      const right = i32.add(scores, i32.mul(key, i32.const(ROW)));
      f.do(multiply(to, i32.const(ROW), left, right, count, i32.const(MR), i32.const(NR), key, scratch));
      f.increase(to, MR * ROW);
      f.increase(left, i32.mul(keyLen, i32.const(4 * MR)));
    });
    f.increase(key, BLOCK_KEYS);
  });
}

/** Multiplies eight columns by a factor each. */
function scaleColumns(f: FunctionBody, columns: I32, count: I32, factors: readonly V128[]): void {
  const place = f.let(columns);
  const end = f.let(i32.add(columns, i32.mul(count, i32.const(ROW))));
  f.for(place, end, ROW, () =>
    factors.forEach((factor, half) =>
      f.do(v128.store(place, f32x4.mul(v128.load(place, 16 * half), factor), 16 * half)),
    ),
  );
}

function copyFloats(f: FunctionBody, to: I32, from: I32, count: I32): void {
  const pointers = [f.let(to), f.let(from)];
  eachElement(f, f.let(count), pointers, ({ load, store }) => f.do(store(pointers[0], load(pointers[1]))));
}

/** Adds the inverse of `packRightRows`: (target, bytes between its lines, panel, number of lines that exist, depth). */
export function addUnpackRows(assembly: Assembly): PackPanel {
  return assembly.function(["i32", "i32", "i32", "i32", "i32"], (f, target, stride, panel, lines, depth) => {
    const [to, line] = [f.local("i32"), f.local("i32")];
    f.if(i32.eq(lines, i32.const(NR)), () =>
      f.while(i32.ge_u(depth, i32.const(4)), () => {
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
      f.set(line, i32.const(0));
      f.for(line, lines, 1, () => {
        f.do(f32.store(to, f32.load(element(panel, line))));
        f.increase(to, stride);
      });
      f.increase(target, 4);
      f.increase(panel, ROW);
      f.increase(depth, -1);
    });
  });
}
