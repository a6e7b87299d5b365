/** Arithmetic element by element; see loops/elementwise.ts. */
import { f32, f32x4, i32 } from "./assembler.ts";
import type { I32, V128 } from "./assembler.ts";
import { atMost, element, mapElements, mapRange } from "./kernel.ts";
import type { Assembly } from "./kernel.ts";

/** Adds arithmetic to the module. */
export function addElementwise(assembly: Assembly): void {
  for (const name of ["add", "sub", "mul", "div"] as const) addBinary(assembly, name, f32x4[name]);
  assembly.kernel(
    "scale",
    { outputs: 1, inputs: 1, scalars: 1 },
    () => [1, 1],
    (f, out, x, factor, begin, end) => {
      const factors = f.let(f32x4.splat(factor));
      mapRange(f, begin, end, out, [x], (value) => f32x4.mul(value, factors));
    },
  );
}

/**
 * A binary kernel. The range is handled in stretches in which neither operand starts anew; an operand of one number is
 * read once, into all lanes.
 */
function addBinary(assembly: Assembly, name: "add" | "sub" | "mul" | "div", apply: (a: V128, b: V128) => V128): void {
  assembly.kernel(
    name,
    { outputs: 1, inputs: 2, sizes: 2 },
    () => [1, 1],
    (f, out, a, b, aSize, bSize, begin, end) => {
      const [left, count] = [f.let(i32.sub(end, begin)), f.local("i32")];
      const one = f.local("v128");
      // Goes from stretch to stretch; where the operands that are `wide` go on, and how far before one of them starts anew.
      const stretches = (wide: [array: I32, size: I32][], value: (...values: V128[]) => V128): void =>
        f.while(left, () => {
          const done = f.let(i32.sub(end, left));
          f.set(count, left);
          const from = wide.map(([array, size]) => {
            const place = f.let(i32.rem_u(done, size));
            f.set(count, atMost(count, i32.sub(size, place)));
            return element(array, place);
          });
          f.set(left, i32.sub(left, count));
          mapElements(f, count, element(out, done), from, value);
        });
      const isOne = (size: I32): I32 => i32.eq(size, 1);
      f.if(
        isOne(bSize),
        () => {
          f.set(one, f32x4.splat(f32.load(b)));
          stretches([[a, aSize]], (x) => apply(x, one));
        },
        () =>
          f.if(
            isOne(aSize),
            () => {
              f.set(one, f32x4.splat(f32.load(a)));
              stretches([[b, bSize]], (y) => apply(one, y));
            },
            () =>
              stretches(
                [
                  [a, aSize],
                  [b, bSize],
                ],
                apply,
              ),
          ),
      );
    },
  );
}
