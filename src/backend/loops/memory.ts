/** Lends arrays out of a pool, so that steps that are all alike touch memory instead of allocating it. */
import type { ArrayMemory } from "../backend.ts";

/** Free arrays by length. */
type Pool = Map<number, Float32Array[]>;

/** Everything lent, in order. */
const lent: Float32Array[] = [];
/** Arrays given back while others are still lent. */
let pool: Pool = new Map();
/** What was free when the last array came back. Held weakly: steps in a row find it, and the collector takes it after the last. */
let rested = new WeakRef<Pool>(pool);

/** The memory of the plain loops: ordinary arrays. */
export const memory: ArrayMemory = {
  mark: () => lent.length,
  lend(size) {
    if (lent.length === 0) pool = rested.deref() ?? new Map();
    const array = pool.get(size)?.pop() ?? new Float32Array(size);
    lent.push(array);
    return array;
  },
  giveBack(mark) {
    for (const array of lent.splice(mark)) {
      const list = pool.get(array.length);
      if (list === undefined) pool.set(array.length, [array]);
      else list.push(array);
    }
    if (mark > 0) return;
    rested = new WeakRef(pool);
    pool = new Map();
  },
  settle() {},
  pin: () => undefined,
};
