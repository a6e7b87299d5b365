/** The table of split-cases.ts on the WebAssembly kernels: ranges may be split at will, arrays may lie anywhere, results are those of the loops. */
import { afterAll, describe, expect, it } from "vitest";
import type { Backend, Kernels } from "../../../src/backend/backend.ts";
import { loops } from "../../../src/backend/loops/loops.ts";
import { hasRelaxedSimd } from "../../../src/backend/wasm/features.ts";
import { createWasm } from "../../../src/backend/wasm/wasm.ts";
import { distance } from "../loops/random-data.ts";
import { table } from "../loops/split-cases.ts";
import type { Output } from "../loops/split-cases.ts";
import { allocate, checkSplits } from "../loops/split-checks.ts";

/**
 * The kernels of a backend, with every array moved into its linear memory for the call, `shift` floats behind an address
 * that is a multiple of 16, and NaN around it.
 */
function inMemory({ kernels, memory }: Backend, shift: number): Kernels {
  const move = (array: Output | Uint8Array): Output | Uint8Array => {
    const floats = Math.ceil(array.byteLength / 4);
    const place = memory.lend(floats + 2 * shift).fill(NaN);
    const at = place.byteOffset + 4 * shift;
    if (array instanceof Uint8Array) return new Uint8Array(place.buffer, at - shift, array.length);
    if (array instanceof Float64Array) return new Float64Array(place.buffer, at, array.length);
    return array instanceof Int32Array
      ? new Int32Array(place.buffer, at, array.length)
      : new Float32Array(place.buffer, at, array.length);
  };
  const moved = Object.entries(kernels).map(([name, kernel]) => [
    name,
    (...args: unknown[]): void => {
      const mark = memory.mark();
      const pairs: [Output | Uint8Array, Output | Uint8Array][] = [];
      const there = args.map((arg) => {
        if (!ArrayBuffer.isView(arg)) return arg;
        const array = arg as Output | Uint8Array;
        const copy = move(array);
        copy.set(array);
        pairs.push([array, copy]);
        return copy;
      });
      (kernel as (...args: unknown[]) => void)(...there);
      for (const [array, copy] of pairs) array.set(copy);
      memory.giveBack(mark);
    },
  ]);
  return Object.fromEntries(moved) as unknown as Kernels;
}

/** Relative to the loops, as `distance` measures it. Gradients add more up, and products with blocks round x to 16 bits. */
const tolerance = (kernel: string): number => (/Backward|linearStored/.test(kernel) ? 1e-4 : 1e-5);

describe.each([false, ...(hasRelaxedSimd() ? [true] : [])])("relaxed SIMD: %s", (relaxed) => {
  const backend = createWasm({ threads: 1, relaxed });
  afterAll(() => backend.dispose());

  checkSplits("WebAssembly", backend.kernels);

  it.each(table.map((c, i) => [c.kernel, i, c] as const))(
    "%s (case %i) gives the same bits wherever the arrays lie",
    (_name, _index, c) => {
      const outside = allocate(c);
      c.run(backend.kernels, outside, 0, c.range);
      for (const shift of c.outputs.some((output) => typeof output !== "number" && output[1] === "float64")
        ? [0, 2]
        : [0, 1, 2, 3]) {
        const inside = allocate(c);
        c.run(inMemory(backend, shift), inside, 0, c.range);
        expect(inside).toEqual(outside);
      }
    },
  );

  it.each(table.map((c, i) => [c.kernel, i, c] as const))("%s (case %i) agrees with the loops", (name, _index, c) => {
    const results = allocate(c);
    const expected = allocate(c);
    c.run(backend.kernels, results, 0, c.range);
    c.run(loops.kernels, expected, 0, c.range);
    results.forEach((result, i) => expect(distance(result, expected[i])).toBeLessThan(tolerance(name)));
  });
});
