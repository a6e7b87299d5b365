/**
 * Weights in the forms of files (loops/stored.ts lists them): widening, and products with few rows. Such a product takes as long as
 * reading the weights does, and these are two to seven times fewer bytes than floats. 16-bit floats are in stored-floats.ts; blocks,
 * which are multiplied in whole numbers, in stored-blocks.ts.
 */
import type { Assembly, Call } from "./kernel.ts";
import { BLOCK_SCRATCH, blockProduct, packBlocks, widenBlocks } from "./stored-blocks.ts";
import { floatProduct, packFloats, widenFloats } from "./stored-floats.ts";

/** How a form is widened and multiplied. */
interface Form {
  readonly widen: Call;
  readonly multiply: Call;
  /** Floats that a packed row of x takes. */
  packedSize(k: number): number;
  /** Writes a row of x in the order and scale that `multiply` wants. */
  pack(packed: Float32Array, x: Float32Array): void;
}

/** Adds `widen` and `linearStored`. */
export function addStored(assembly: Assembly): void {
  const { memory, kernels } = assembly;
  const floats = (isHalf: boolean): Form => ({
    widen: widenFloats(assembly, isHalf),
    multiply: floatProduct(assembly, isHalf),
    packedSize: (k) => k + 1,
    pack: (packed, x) => packFloats(packed, x, isHalf),
  });
  const blocks = (bits: 8 | 4): Form => ({
    widen: widenBlocks(assembly, bits),
    multiply: blockProduct(assembly, bits),
    packedSize: (k) => (k / 32) * 18,
    pack: (packed, x) => packBlocks(packed, x, bits),
  });
  const forms = [floats(true), floats(false), blocks(8), blocks(4)];
  kernels.widen = (out, stored, form, cols, begin, end) =>
    forms[form].widen([out, stored, cols], { begin, end, items: out.length / cols, cost: cols });
  kernels.linearStored = (out, x, weight, form, m, k, n, begin, end) => {
    const { packedSize, pack, multiply } = forms[form];
    const mark = memory.mark();
    const size = packedSize(k);
    const packed = memory.lend(m * size);
    for (let row = 0; row < m; row++)
      pack(packed.subarray(row * size, (row + 1) * size), x.subarray(row * k, (row + 1) * k));
    multiply([out, packed, weight, m, k, n], { begin, end, items: Infinity, cost: m * k, scratchBytes: BLOCK_SCRATCH });
    memory.giveBack(mark);
  };
}
