/**
 * The gradient of attention; see loops/attention-backward.ts for the formulas. A block of queries meets eight keys at a time:
 * the scores [queries, 8] and their gradients are made in the layout of a right panel, which is what the gradients of
 * keys and values want, gradVᵀ += gradOutᵀ · P and gradKᵀ += qᵀ · gradS, and are used while they are in the first-level
 * cache. Only gradQ = gradS · k waits until all keys have passed, for which gradS is packed as left panels.
 */
import type { Kernels } from "../backend.ts";
import { addUnpackRows, firstVisible, packPanels, padded, partition } from "./attention.ts";
import { f32x4, i32, i32x4, v128 } from "./assembler.ts";
import type { F32, I32, Local } from "./assembler.ts";
import type { FunctionBody } from "./function-body.ts";
import { atMost, bytes, element } from "./kernel.ts";
import type { Arithmetic, Assembly, KernelCall, KernelLocals } from "./kernel.ts";
import { exp } from "./math.ts";
import type { ModuleFunction } from "./module.ts";
import { NR } from "./panels.ts";
import type { PackPanel, Panels } from "./panels.ts";
import { EXP_COST } from "./softmax.ts";

/** About how many queries a block has: the terms of gradients that are summed before they are added to what is there. */
const BLOCK_QUERIES = 64;
/** Bytes of a row of a right panel: eight keys. */
const ROW = 4 * NR;

// The last sizes tell where parts of the scratch begin.
const BACKWARD = {
  outputs: ["gradQ", "gradK", "gradV"],
  inputs: ["gradOut", "out", "logSumExp", "q", "k", "v"],
  // prettier-ignore
  sizes: [
    "group", "seq", "keyLen", "keyRows", "headDim", "firstVisible", "causal",
    "keyRowsAt", "valueRowsAt", "keyColumnsAt", "keySumsAt", "valueSumsAt", "queryRowsAt", "gradRowsAt", "queryColumnsAt",
    "gradColumnsAt", "statisticsAt", "weightsAt", "scoreGradsAt", "packedGradsAt",
  ],
  scalars: ["scale"],
} as const;
type Names = typeof BACKWARD;
type BackwardLocals = KernelLocals<
  Names["outputs"][number],
  Names["inputs"][number],
  Names["sizes"][number],
  Names["scalars"][number]
>;

/** Adds the gradient to the module. */
export function attentionBackwardKernels(assembly: Assembly, panels: Panels): Pick<Kernels, "attentionBackward"> {
  const { MR } = panels;
  const block = padded(BLOCK_QUERIES, MR);
  const kernel = backwardKernel(assembly, panels, block);
  const attentionBackward: Kernels["attentionBackward"] = (
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
    const { batch, nHeads, nKvHeads, seq, keyLen, keyRows, headDim, causal } = sizes;
    const group = nHeads / nKvHeads;
    const keys = padded(keyLen, NR);
    const dims = padded(headDim, MR);
    const places = partition(
      keys * headDim,
      keys * headDim,
      keyLen * padded(headDim, NR),
      keys * dims,
      keys * dims,
      block * headDim,
      block * headDim,
      block * dims,
      block * dims,
      block * 2,
      block * NR,
      block * NR,
      block * keys,
    );
    kernel({
      outputs: [gradQ, gradK, gradV],
      inputs: [gradOut, out, logSumExp, q, k, v],
      sizes: [group, seq, keyLen, keyRows, headDim, firstVisible(sizes), causal, ...places.slice(0, -1)],
      scalars: [scale],
      begin,
      end,
      items: batch * nKvHeads,
      cost: group * seq * keyLen * (5 * headDim + EXP_COST),
      scratchBytes: places[places.length - 1],
    });
  };
  return { attentionBackward };
}

/** What stays the same for all blocks. */
interface Setting {
  f: FunctionBody;
  panels: Panels;
  locals: BackwardLocals;
  /** The address of a part of the scratch. */
  part(name: Extract<Names["sizes"][number], `${string}At`>): Local<"i32">;
  /** Bytes of a row of queries, keys or values. */
  stride: Local<"i32">;
  weightsAndGrads: WeightsAndGrads;
  madd: Arithmetic["madd"];
}

function backwardKernel(assembly: Assembly, panels: Panels, block: number): (call: KernelCall) => void {
  const { MR, packLeftRows, packLeftColumns, packRightRows, packRightColumns } = panels;
  const unpackRows = addUnpackRows(assembly);
  const weightsAndGrads = addWeightsAndGrads(assembly);
  return assembly.kernel("attentionBackward", BACKWARD, (f, locals) => {
    const { gradK, gradV, gradOut, q, k, v, group, seq, keyLen, keyRows, headDim, begin, end, scratch } = locals;
    const stride = f.let(bytes(headDim));
    const part: Setting["part"] = (name) => f.let(i32.add(scratch, locals[name]));
    const setting: Setting = { f, panels, locals, part, stride, weightsAndGrads, madd: assembly.arithmetic.madd };
    const [head, stop, i, count, row, keyStart] = Array.from({ length: 6 }, () => f.local("i32"));
    const pack = (panel: PackPanel, width: number, to: I32, from: I32, lines: I32): void =>
      packPanels(f, panel, { width, to, from, line: stride, stride, lines, depth: headDim });
    const packAcross = (panel: PackPanel, width: number, to: I32, from: I32, depth: I32): void =>
      packPanels(f, panel, { width, to, from, line: i32.const(4), stride, lines: headDim, depth });
    f.for(begin, end, 1, () => {
      f.set(keyStart, i32.mul(begin, i32.mul(keyRows, headDim)));
      pack(packRightRows, NR, part("keyRowsAt"), element(k, keyStart), keyLen);
      pack(packRightRows, NR, part("valueRowsAt"), element(v, keyStart), keyLen);
      packAcross(packRightColumns, NR, part("keyColumnsAt"), element(k, keyStart), keyLen);
      clear(f, part("keySumsAt"), part("queryRowsAt"));
      // Heads of a group are neighbours, so this holds across the batch as well.
      f.set(head, i32.mul(begin, group));
      f.set(stop, i32.add(head, group));
      f.for(head, stop, 1, () => {
        f.set(i, i32.const(0));
        f.for(i, seq, block, () => {
          f.set(count, atMost(i32.sub(seq, i), i32.const(block)));
          f.set(row, i32.add(i32.mul(head, seq), i));
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
      for (const [sums, grad] of [
        [part("keySumsAt"), gradK],
        [part("valueSumsAt"), gradV],
      ])
        storeSums(setting, unpackRows, sums, element(grad, keyStart));
    });
  });
}

/** Zeros from one address up to another, both multiples of 16. */
function clear(f: FunctionBody, from: I32, end: I32): void {
  const place = f.let(from);
  f.for(place, end, 16, () => f.do(v128.store(place, f32x4.const(0))));
}

/**
 * For each query ln Σ e^score, 0 in place of -Infinity, and gradOut · out. That is summed as the tiles sum gradOut · v: where one
 * weight is 1 and the others are 0, as for the first query of a causal sequence, nothing is left of the difference.
 */
function storeStatistics({ f, locals, part, madd }: Setting, row: I32, count: I32): void {
  const { gradOut, out, logSumExp, headDim } = locals;
  const [grad, value] = [gradOut, out].map((array) => f.let(element(array, i32.mul(row, headDim))));
  const logarithm = f.let(element(logSumExp, row));
  const end = f.let(i32.add(logarithm, bytes(count)));
  const to = part("statisticsAt");
  const [sum, left] = [f.local("v128"), f.local("i32")];
  f.for(logarithm, end, 4, () => {
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
function keyPanels({ f, panels, locals, part, weightsAndGrads }: Setting, i: I32, count: I32): void {
  const { MR, multiply, packLeftRows } = panels;
  const { keyLen, headDim, firstVisible: seen, causal, scratch, scale } = locals;
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
  const visible = f.let(i32.add(full, i32.mul(causal, i32.sub(count, i32.const(1)))));
  const panelKeys = f.let(roundUp(keyLen, NR));
  const [first, left, d, r, to] = Array.from({ length: 5 }, () => f.local("i32"));
  const key = f.let(i32.const(0));
  f.for(key, visible, NR, () => {
    // Queries before `first` do not see this panel; it is where a left panel begins.
    f.set(first, i32.mul(causal, positive(i32.add(i32.sub(key, full), i32.const(1)))));
    f.set(first, i32.sub(first, i32.rem_u(first, i32.const(MR))));
    f.set(left, i32.sub(count, first));
    const at = (panel: I32): Local<"i32"> => f.let(i32.add(panel, i32.mul(first, i32.const(ROW))));
    const [weightsFrom, gradsFrom] = [at(weights), at(scoreGrads)];
    const rows = f.let(roundUp(left, MR));
    const product = (to: I32, panel: I32, right: I32): void =>
      f.do(
        multiply(
          to,
          i32.const(ROW),
          element(panel, i32.mul(first, headDim)),
          right,
          headDim,
          rows,
          i32.const(NR),
          i32.const(0),
          scratch,
        ),
      );
    product(weightsFrom, part("queryRowsAt"), keys);
    product(gradsFrom, part("gradRowsAt"), values);
    const statistics = i32.add(part("statisticsAt"), i32.shl(first, i32.const(3)));
    const sees = i32.sub(i32.add(full, i32.mul(causal, first)), key);
    f.do(weightsAndGrads(weightsFrom, gradsFrom, statistics, left, sees, causal, scale));
    const addTo = (sums: Local<"i32">, columns: Local<"i32">, right: I32): void => {
      f.increase(columns, i32.mul(first, i32.const(4 * MR)));
      f.set(d, i32.const(0));
      f.for(d, headDim, MR, () => {
        f.do(multiply(sums, i32.const(ROW), columns, right, left, i32.const(MR), i32.const(NR), i32.const(1), scratch));
        f.increase(sums, MR * ROW);
        f.increase(columns, i32.mul(count, i32.const(4 * MR)));
      });
    };
    addTo(keySums, part("queryColumnsAt"), gradsFrom);
    addTo(valueSums, part("gradColumnsAt"), weightsFrom);
    f.set(r, first);
    f.set(to, i32.add(element(packed, i32.mul(first, panelKeys)), i32.mul(key, i32.const(4 * MR))));
    f.for(r, count, MR, () => {
      f.do(packLeftRows(to, gradsFrom, i32.const(ROW), atMost(i32.sub(count, r), i32.const(MR)), i32.const(NR)));
      f.increase(gradsFrom, MR * ROW);
      f.increase(to, i32.mul(panelKeys, i32.const(4 * MR)));
    });
    for (const panel of [keys, values]) f.increase(panel, i32.mul(headDim, i32.const(ROW)));
  });
}

/** The smallest multiple of `unit` that is not below `size`. */
function roundUp(size: I32, unit: number): I32 {
  return i32.mul(i32.div_u(i32.add(size, i32.const(unit - 1)), i32.const(unit)), i32.const(unit));
}

/** A signed integer, or 0 where that is below. */
function positive(value: I32): I32 {
  return i32.and(value, i32.xor(i32.shr_s(value, i32.const(31)), i32.const(-1)));
}

type WeightsAndGrads = ModuleFunction<["i32", "i32", "i32", "i32", "i32", "i32", "f32"]>;

/**
 * Scores [queries, 8] to weights P, and the gradients of weights to those of scores, P ∘ (gradP - gradOut · out) · scale, both
 * 0 where the query does not see the key: (scores, gradients, statistics, queries, how many of the keys the first one sees,
 * how many more each later one sees, scale).
 */
function addWeightsAndGrads(assembly: Assembly): WeightsAndGrads {
  return assembly.function(
    ["i32", "i32", "i32", "i32", "i32", "i32", "f32"],
    (f, scores, grads, statistics, queries, sees, more, scale: F32) => {
      const factor = f.let(f32x4.splat(scale));
      const [limit, logarithm, dot, visible] = Array.from({ length: 4 }, () => f.local("v128"));
      f.while(queries, () => {
        f.set(limit, i32x4.splat(sees));
        f.set(logarithm, v128.load32_splat(statistics));
        f.set(dot, v128.load32_splat(statistics, 4));
        for (const lane of [0, 4]) {
          f.set(visible, i32x4.lt_s(i32x4.const(lane, lane + 1, lane + 2, lane + 3), limit));
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
function queryGradients({ f, panels, locals, part, stride }: Setting, i: I32, count: I32, row: I32): void {
  const { MR, multiply } = panels;
  const { gradQ, keyLen, headDim, causal, scratch } = locals;
  const [d, lines, visible, to, right] = Array.from({ length: 5 }, () => f.local("i32"));
  const left = part("packedGradsAt");
  const leftBytes = f.let(i32.mul(roundUp(keyLen, NR), i32.const(4 * MR)));
  const r = f.let(i32.const(0));
  f.for(r, count, MR, () => {
    f.set(lines, atMost(i32.sub(count, r), i32.const(MR)));
    const last = i32.sub(i32.add(i32.add(i, r), lines), i32.const(1));
    f.set(visible, i32.add(locals.firstVisible, i32.mul(causal, last)));
    f.set(to, i32.add(gradQ, i32.mul(i32.add(row, r), stride)));
    f.set(right, i32.add(scratch, locals.keyColumnsAt));
    f.set(d, i32.const(0));
    f.for(d, headDim, NR, () => {
      const columns = atMost(i32.sub(headDim, d), i32.const(NR));
      f.do(multiply(to, stride, left, right, visible, lines, columns, i32.const(0), scratch));
      f.increase(to, ROW);
      f.increase(right, i32.mul(keyLen, i32.const(ROW)));
    });
    f.increase(left, leftBytes);
  });
}

/** Sums [headDim, 8] of each panel of keys to the rows of a gradient, and zeros for rows that hold no keys. */
function storeSums({ f, panels, locals, stride }: Setting, unpackRows: PackPanel, sums: Local<"i32">, grad: I32): void {
  const { keyLen, keyRows, headDim } = locals;
  const to = f.let(grad);
  const end = f.let(i32.add(grad, i32.mul(keyRows, stride)));
  const sumBytes = f.let(i32.mul(roundUp(headDim, panels.MR), i32.const(ROW)));
  const key = f.let(i32.const(0));
  f.for(key, keyLen, NR, () => {
    const lines = f.let(atMost(i32.sub(keyLen, key), i32.const(NR)));
    f.do(unpackRows(to, stride, sums, lines, headDim));
    f.increase(to, i32.mul(lines, stride));
    f.increase(sums, sumBytes);
  });
  f.for(to, end, 4, () => f.do(v128.store32_lane(to, f32x4.const(0), 0)));
}
