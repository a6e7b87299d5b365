/**
 * The gradient of attention; see loops/attention-backward.ts for the formulas. A block of queries meets eight keys at a time:
 * the scores [queries, 8] and their gradients are made in the layout of a right panel, which is what the gradients of
 * keys and values want, gradVᵀ += gradOutᵀ · P and gradKᵀ += qᵀ · gradS, and are used while they are in the first-level
 * cache. Only gradQ = gradS · k waits until all keys have passed, for which gradS is packed as left panels.
 */
import { addUnpackRows, packPanels, visibility, padded, partition } from "./attention.ts";
import { f32x4, i32, i32x4, v128 } from "./assembler.ts";
import type { F32, I32, Local } from "./assembler.ts";
import type { FunctionBody } from "./function-body.ts";
import { atMost, bytes, element } from "./kernel.ts";
import type { Arithmetic, Assembly, Call } from "./kernel.ts";
import { exp } from "./math.ts";
import type { ModuleFunction } from "./module.ts";
import { NR } from "./panels.ts";
import type { PackPanel, Panels } from "./panels.ts";
import { EXP_COST } from "./softmax.ts";

/** About how many queries a block has: the terms of gradients that are summed before they are added to what is there. */
const BLOCK_QUERIES = 64;
/** Bytes of a row of a right panel: eight keys. */
const ROW = 4 * NR;

/** The arguments of the kernel. The last ones tell where parts of the scratch begin. */
// prettier-ignore
const NAMES = [
  "gradQ", "gradK", "gradV", "gradOut", "out", "logSumExp", "q", "k", "v",
  "group", "seq", "keyLen", "keyRows", "headDim", "seen", "causal", "window",
  "keyRowsAt", "valueRowsAt", "keyColumnsAt", "keySumsAt", "valueSumsAt", "queryRowsAt", "gradRowsAt", "queryColumnsAt",
  "gradColumnsAt", "statisticsAt", "weightsAt", "scoreGradsAt", "packedGradsAt",
] as const;
const LAYOUT = { outputs: 3, inputs: 6, sizes: 21, scalars: 1 } as const;
type BackwardLocals = Readonly<Record<(typeof NAMES)[number], I32>>;

/** Adds the gradient to the module. */
export function addAttentionBackward(assembly: Assembly, panels: Panels): void {
  const { MR } = panels;
  const block = padded(BLOCK_QUERIES, MR);
  const kernel = backwardKernel(assembly, panels, block);
  assembly.kernels.attentionBackward = (
    gradQ,
    gradK,
    gradV,
    gradOut,
    out,
    logSumExp,
    q,
    k,
    v,
    sizes,
    scale,
    begin,
    end,
  ) => {
    const { batch, nHeads, nKvHeads, seq, keyLen, keyRows, headDim } = sizes;
    const group = nHeads / nKvHeads;
    const keys = padded(keyLen, NR);
    const dims = padded(headDim, MR);
    // prettier-ignore
    const places = partition(
      keys * headDim, keys * headDim, keyLen * padded(headDim, NR), keys * dims, keys * dims,
      block * headDim, block * headDim, block * dims, block * dims, block * 2, block * NR, block * NR, block * keys,
    );
    const scratchBytes = places.pop();
    const cost = group * seq * keyLen * (5 * headDim + EXP_COST);
    kernel(
      // prettier-ignore
      [
        gradQ, gradK, gradV, gradOut, out, logSumExp, q, k, v,
        group, seq, keyLen, keyRows, headDim, ...visibility(sizes), ...places, scale,
      ],
      { begin, end, items: batch * nKvHeads, cost, scratchBytes },
    );
  };
}

/** What stays the same for all blocks. */
interface Setting {
  f: FunctionBody;
  panels: Panels;
  locals: BackwardLocals;
  /** The address of a part of the scratch. */
  part(name: Extract<keyof BackwardLocals, `${string}At`>): Local<"i32">;
  scratch: I32;
  scale: F32;
  /** Bytes of a row of queries, keys or values. */
  stride: Local<"i32">;
  weightsAndGrads: WeightsAndGrads;
  madd: Arithmetic["madd"];
}

function backwardKernel(assembly: Assembly, panels: Panels, block: number): Call {
  const { MR, packLeftRows, packLeftColumns, packRightRows, packRightColumns } = panels;
  const unpackRows = addUnpackRows(assembly);
  const weightsAndGrads = addWeightsAndGrads(assembly);
  const { madd } = assembly.arithmetic;
  return assembly.function("attentionBackward", LAYOUT, (f, ...all) => {
    const locals = Object.fromEntries(NAMES.map((name, i) => [name, all[i]])) as unknown as BackwardLocals;
    const [scale, begin, end, scratch] = all.slice(NAMES.length) as [F32, Local<"i32">, I32, I32];
    const { gradK, gradV, gradOut, q, k, v, group, seq, keyLen, keyRows, headDim } = locals;
    const stride = f.let(bytes(headDim));
    const part: Setting["part"] = (name) => f.let(i32.add(scratch, locals[name]));
    const setting: Setting = { f, panels, locals, part, stride, weightsAndGrads, madd, scratch, scale };
    const pack = (panel: PackPanel, width: number, to: I32, from: I32, lines: I32): void =>
      packPanels(f, panel, width, to, from, stride, stride, lines, headDim);
    const packAcross = (panel: PackPanel, width: number, to: I32, from: I32, depth: I32): void =>
      packPanels(f, panel, width, to, from, 4, stride, headDim, depth);
    f.for(begin, end, 1, (kvHead) => {
      const keyStart = f.let(i32.mul(kvHead, i32.mul(keyRows, headDim)));
      pack(packRightRows, NR, part("keyRowsAt"), element(k, keyStart), keyLen);
      pack(packRightRows, NR, part("valueRowsAt"), element(v, keyStart), keyLen);
      packAcross(packRightColumns, NR, part("keyColumnsAt"), element(k, keyStart), keyLen);
      clear(f, part("keySumsAt"), part("queryRowsAt"));
      // Heads of a group are neighbours, so this holds across the batch as well.
      const first = f.let(i32.mul(kvHead, group));
      f.for(first, i32.add(first, group), 1, (head) => {
        f.for(0, seq, block, (i) => {
          const count = f.let(atMost(i32.sub(seq, i), block));
          const row = f.let(i32.add(i32.mul(head, seq), i));
          const from = (array: I32): I32 => element(array, i32.mul(row, headDim));
          pack(packLeftRows, MR, part("queryRowsAt"), from(q), count);
          pack(packLeftRows, MR, part("gradRowsAt"), from(gradOut), count);
          packAcross(packLeftColumns, MR, part("queryColumnsAt"), from(q), count);
          packAcross(packLeftColumns, MR, part("gradColumnsAt"), from(gradOut), count);
          storeStatistics(setting, row, count);
          keyPanels(setting, i, count);
          queryGradients(setting, i, count, row);
        });
      });
      storeSums(setting, unpackRows, part("keySumsAt"), element(gradK, keyStart));
      storeSums(setting, unpackRows, part("valueSumsAt"), element(gradV, keyStart));
    });
  });
}

/** Zeros from one address up to another, both multiples of 16. */
function clear(f: FunctionBody, from: I32, end: I32): void {
  f.for(from, end, 16, (place) => f.do(v128.store(place, f32x4.const(0))));
}

/**
 * For each query ln Σ e^score, 0 in place of -Infinity, and gradOut · out. That is summed as the tiles sum gradOut · v: where one
 * weight is 1 and the others are 0, as for the first query of a causal sequence, nothing is left of the difference.
 */
function storeStatistics({ f, locals, part, madd }: Setting, row: I32, count: I32): void {
  const { gradOut, out, logSumExp, headDim } = locals;
  const [grad, value] = [gradOut, out].map((array) => f.let(element(array, i32.mul(row, headDim))));
  const first = f.let(element(logSumExp, row));
  const end = f.let(i32.add(first, bytes(count)));
  const to = part("statisticsAt");
  const [sum, left] = [f.local("v128"), f.local("i32")];
  f.for(first, end, 4, (logarithm) => {
    const four = f.let(v128.load32_splat(logarithm));
    f.do(v128.store32_lane(to, v128.and(four, f32x4.ne(four, f32x4.const(-Infinity))), 0));
    f.set(sum, f32x4.const(0));
    f.set(left, headDim);
    f.while(left, () => {
      f.set(sum, madd(v128.load32_splat(grad), v128.load32_splat(value), sum));
      for (const place of [grad, value]) f.increase(place, 4);
      f.increase(left, -1);
    });
    f.do(v128.store32_lane(to, sum, 0, 4));
    f.increase(to, 8);
  });
}

/** Runs the block through the keys that it sees: adds to the gradients of keys and values, and packs gradS. */
function keyPanels({ f, panels, locals, part, weightsAndGrads, scratch, scale }: Setting, i: I32, count: I32): void {
  const { MR, multiply, packLeftRows } = panels;
  const { keyLen, headDim, seen, causal, window } = locals;
  const [weights, scoreGrads] = [part("weightsAt"), part("scoreGradsAt")];
  const [keys, values, keySums, valueSums, packed] = [
    part("keyRowsAt"),
    part("valueRowsAt"),
    part("keySumsAt"),
    part("valueSumsAt"),
    part("packedGradsAt"),
  ];
  // Keys that the first query of the block sees, and the last.
  const full = f.let(i32.add(seen, i32.mul(causal, i)));
  const visible = f.let(i32.add(full, i32.mul(causal, i32.sub(count, 1))));
  const panelKeys = f.let(roundUp(keyLen, NR));
  const [first, to] = [f.local("i32"), f.local("i32")];
  f.for(0, visible, NR, (key) => {
    // Queries before `first` do not see this panel; it is where a left panel begins.
    f.set(first, i32.mul(causal, positive(i32.add(i32.sub(key, full), 1))));
    f.set(first, i32.sub(first, i32.rem_u(first, MR)));
    const left = f.let(i32.sub(count, first));
    const at = (panel: I32): Local<"i32"> => f.let(i32.add(panel, i32.mul(first, ROW)));
    const [weightsFrom, gradsFrom] = [at(weights), at(scoreGrads)];
    const rows = f.let(roundUp(left, MR));
    const product = (to: I32, panel: I32, right: I32): void =>
      f.do(multiply(to, ROW, element(panel, i32.mul(first, headDim)), right, headDim, rows, NR, 0, scratch));
    product(weightsFrom, part("queryRowsAt"), keys);
    product(gradsFrom, part("gradRowsAt"), values);
    const statistics = i32.add(part("statisticsAt"), i32.shl(first, 3));
    const sees = i32.sub(i32.add(full, i32.mul(causal, first)), key);
    f.do(weightsAndGrads(weightsFrom, gradsFrom, statistics, left, sees, causal, window, scale));
    const addTo = (sums: Local<"i32">, columns: Local<"i32">, right: I32): void => {
      f.increase(columns, i32.mul(first, 4 * MR));
      f.for(0, headDim, MR, () => {
        f.do(multiply(sums, ROW, columns, right, left, MR, NR, 1, scratch));
        f.increase(sums, MR * ROW);
        f.increase(columns, i32.mul(count, 4 * MR));
      });
    };
    addTo(keySums, part("queryColumnsAt"), gradsFrom);
    addTo(valueSums, part("gradColumnsAt"), weightsFrom);
    f.set(to, i32.add(element(packed, i32.mul(first, panelKeys)), i32.mul(key, 4 * MR)));
    f.for(first, count, MR, (r) => {
      f.do(packLeftRows(to, gradsFrom, ROW, atMost(i32.sub(count, r), MR), NR));
      f.increase(gradsFrom, MR * ROW);
      f.increase(to, i32.mul(panelKeys, 4 * MR));
    });
    for (const panel of [keys, values]) f.increase(panel, i32.mul(headDim, ROW));
  });
}

/** The smallest multiple of `unit` that is not below `size`. */
function roundUp(size: I32, unit: number): I32 {
  return i32.mul(i32.div_u(i32.add(size, unit - 1), unit), unit);
}

/** A signed integer, or 0 where that is below. */
function positive(value: I32): I32 {
  return i32.and(value, i32.xor(i32.shr_s(value, 31), -1));
}

type WeightsAndGrads = ModuleFunction<["i32", "i32", "i32", "i32", "i32", "i32", "i32", "f32"]>;

/**
 * Scores [queries, 8] to weights P, and the gradients of weights to those of scores, P ∘ (gradP - gradOut · out) · scale, both
 * 0 where the query does not see the key: (scores, gradients, statistics, queries, where of the keys
 * those end that the first one sees, how much further those of each later one, how many it sees at most, scale).
 */
function addWeightsAndGrads(assembly: Assembly): WeightsAndGrads {
  return assembly.inner(
    ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "f32"],
    (f, scores, grads, statistics, queries, sees, more, window, scale: F32) => {
      const factor = f.let(f32x4.splat(scale));
      f.while(queries, () => {
        const limit = f.let(i32x4.splat(sees));
        const oldest = f.let(i32x4.splat(i32.sub(sees, window)));
        const logarithm = f.let(v128.load32_splat(statistics));
        const dot = f.let(v128.load32_splat(statistics, 4));
        for (const lane of [0, 4]) {
          const keys = i32x4.const(lane, lane + 1, lane + 2, lane + 3);
          const visible = f.let(v128.andnot(i32x4.lt_s(keys, limit), i32x4.lt_s(keys, oldest)));
          const score = f32x4.sub(f32x4.mul(v128.load(scores, 4 * lane), factor), logarithm);
          const weight = f.let(v128.and(exp(f, score), visible));
          f.do(v128.store(scores, weight, 4 * lane));
          const grad = f32x4.mul(f32x4.mul(weight, f32x4.sub(v128.load(grads, 4 * lane), dot)), factor);
          f.do(v128.store(grads, v128.and(grad, visible), 4 * lane));
        }
        f.increase(scores, ROW);
        f.increase(grads, ROW);
        f.increase(statistics, 8);
        f.increase(sees, more);
        f.increase(queries, -1);
      });
    },
  );
}

/** gradQ of the block: gradS · k, panel by panel of queries, each as far as its last one sees. */
function queryGradients({ f, panels, locals, part, stride, scratch }: Setting, i: I32, count: I32, row: I32): void {
  const { MR, multiply } = panels;
  const { gradQ, keyLen, headDim, seen, causal } = locals;
  const [to, right] = [f.local("i32"), f.local("i32")];
  const left = part("packedGradsAt");
  const leftBytes = f.let(i32.mul(roundUp(keyLen, NR), 4 * MR));
  f.for(0, count, MR, (r) => {
    const lines = f.let(atMost(i32.sub(count, r), MR));
    const last = i32.sub(i32.add(i32.add(i, r), lines), 1);
    const visible = f.let(i32.add(seen, i32.mul(causal, last)));
    f.set(to, i32.add(gradQ, i32.mul(i32.add(row, r), stride)));
    f.set(right, i32.add(scratch, locals.keyColumnsAt));
    f.for(0, headDim, NR, (d) => {
      const columns = atMost(i32.sub(headDim, d), NR);
      f.do(multiply(to, stride, left, right, visible, lines, columns, 0, scratch));
      f.increase(to, ROW);
      f.increase(right, i32.mul(keyLen, ROW));
    });
    f.increase(left, leftBytes);
  });
}

/** Sums [headDim, 8] of each panel of keys to the rows of a gradient, and zeros for rows that hold no keys. */
function storeSums({ f, panels, locals, stride }: Setting, unpackRows: PackPanel, sums: Local<"i32">, grad: I32): void {
  const { keyLen, keyRows, headDim } = locals;
  const to = f.let(grad);
  const end = f.let(i32.add(grad, i32.mul(keyRows, stride)));
  const sumBytes = f.let(i32.mul(roundUp(headDim, panels.MR), ROW));
  f.for(0, keyLen, NR, (key) => {
    const lines = f.let(atMost(i32.sub(keyLen, key), NR));
    f.do(unpackRows(to, stride, sums, lines, headDim));
    f.increase(to, i32.mul(lines, stride));
    f.increase(sums, sumBytes);
  });
  f.for(to, end, 4, (place) => f.do(v128.store32_lane(place, f32x4.const(0), 0)));
}
