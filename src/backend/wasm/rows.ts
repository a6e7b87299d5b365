/** Products of vectors with the rows of a matrix, for attention with few queries; see loops/rows.ts. */
import { f32x4, i32, v128 } from "./assembler.ts";
import type { V128 } from "./assembler.ts";
import { acrossLanes, bytes, eachBlock, eachElement } from "./kernel.ts";
import type { Assembly } from "./kernel.ts";
import type { ModuleFunction } from "./module.ts";

/** Adds products[j] = vector · row j: (products, vector, rows, count, width). Four sums of four lanes hide the latency of the additions. */
export function addDotRows(assembly: Assembly): ModuleFunction<["i32", "i32", "i32", "i32", "i32"]> {
  const { madd } = assembly.arithmetic;
  return assembly.inner(["i32", "i32", "i32", "i32", "i32"], (f, products, vector, rows, count, width) => {
    const sums = Array.from({ length: 4 }, () => f.local("v128"));
    const [left, at] = [f.local("i32"), f.local("i32")];
    f.while(count, () => {
      for (const sum of sums) f.set(sum, f32x4.const(0));
      f.set(left, width);
      f.set(at, vector);
      const dot = (step: number, load: typeof v128.load): void =>
        f.while(i32.ge_u(left, step), () => {
          for (let u = 0; 4 * u < step; u++) f.set(sums[u], madd(load(at, 16 * u), load(rows, 16 * u), sums[u]));
          f.increase(at, 4 * step);
          f.increase(rows, 4 * step);
          f.increase(left, -step);
        });
      dot(16, v128.load);
      dot(4, v128.load);
      dot(1, v128.load32_zero);
      const all = f32x4.add(f32x4.add(sums[0], sums[1]), f32x4.add(sums[2], sums[3]));
      f.do(v128.store32_lane(products, acrossLanes(f, all, f32x4.add), 0));
      f.increase(products, 4);
      f.increase(count, -1);
    });
  });
}

/**
 * Adds sum[d] (+)= Σ weights[j] · rows[j][d]: (sum, weights, rows, count, width, whether to add to what is there). Two rows
 * that lie behind one another are read together: to read a strip of columns of many rows takes twice as long when they come from memory.
 */
export function addWeightRows(assembly: Assembly): ModuleFunction<["i32", "i32", "i32", "i32", "i32", "i32"]> {
  const { madd } = assembly.arithmetic;
  return assembly.inner(
    ["i32", "i32", "i32", "i32", "i32", "i32"],
    (f, sum, weights, rows, count, width, accumulate) => {
      const factors = Array.from({ length: 2 }, () => f.local("v128"));
      const [to, ...from] = Array.from({ length: 3 }, () => f.local("i32"));
      const columns = f.local("i32");
      const start = (): void => {
        f.set(to, sum);
        f.set(columns, width);
      };
      f.if(i32.eqz(accumulate), () => {
        start();
        eachElement(f, columns, [to], ({ store }) => f.do(store(to, f32x4.const(0))));
      });
      const together = (lines: number): void =>
        f.while(i32.ge_u(count, lines), () => {
          start();
          const own = from.slice(0, lines);
          own.forEach((line, i) => {
            f.set(line, i === 0 ? rows : i32.add(own[i - 1], bytes(width)));
            f.set(factors[i], v128.load32_splat(weights, 4 * i));
          });
          eachBlock(f, columns, [to, ...own], 4, ({ load, store }, offsets) => {
            for (const offset of offsets) {
              const product = own.reduce<V128 | null>(
                (before, line, i) =>
                  before === null
                    ? f32x4.mul(factors[i], load(line, offset))
                    : madd(factors[i], load(line, offset), before),
                null,
              );
              f.do(store(to, f32x4.add(load(to, offset), product as V128), offset));
            }
          });
          f.set(rows, own[lines - 1]);
          f.increase(weights, 4 * lines);
          f.increase(count, -lines);
        });
      together(2);
      together(1);
    },
  );
}
