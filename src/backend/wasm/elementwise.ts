/** Arithmetic element by element; see loops/elementwise.ts. */
import type { BinaryKernel, Kernels } from "../backend.ts";
import { f32, f32x4, i32, select } from "./assembler.ts";
import type { V128 } from "./assembler.ts";
import { eachElement, element } from "./kernel.ts";
import type { Assembly } from "./kernel.ts";

/** Adds arithmetic to the module. */
export function elementwiseKernels(assembly: Assembly): Pick<Kernels, "add" | "sub" | "mul" | "div" | "scale"> {
  const scale = assembly.kernel(
    "scale",
    { outputs: ["out"], inputs: ["x"], scalars: ["factor"] },
    (f, { out, x, factor, begin, end }) => {
      const factors = f.let(f32x4.splat(factor));
      const to = f.let(element(out, begin));
      const from = f.let(element(x, begin));
      const count = f.let(i32.sub(end, begin));
      eachElement(f, count, [to, from], ({ load, store }) => f.do(store(to, f32x4.mul(load(from), factors))));
    },
  );
  return {
    add: binary(assembly, "add", f32x4.add),
    sub: binary(assembly, "sub", f32x4.sub),
    mul: binary(assembly, "mul", f32x4.mul),
    div: binary(assembly, "div", f32x4.div),
    scale: (out, x, factor, begin, end) =>
      scale({ outputs: [out], inputs: [x], scalars: [factor], begin, end, items: out.length, cost: 1 }),
  };
}

/**
 * A binary kernel. The range is handled in stretches in which neither operand starts anew; an operand of one number is
 * read once, into all lanes.
 */
function binary(assembly: Assembly, name: string, apply: (a: V128, b: V128) => V128): BinaryKernel {
  const kernel = assembly.kernel(
    name,
    { outputs: ["out"], inputs: ["a", "b"], sizes: ["aSize", "bSize"] },
    (f, { out, a, b, aSize, bSize, begin, end }) => {
      const to = f.let(element(out, begin));
      const aPlace = f.local("i32");
      const bPlace = f.local("i32");
      const fromA = f.local("i32");
      const fromB = f.local("i32");
      const count = f.local("i32");
      const left = f.let(i32.sub(end, begin));
      const stretch = (step: () => void): void =>
        f.while(left, () => {
          f.set(aPlace, i32.rem_u(i32.sub(end, left), aSize));
          f.set(bPlace, i32.rem_u(i32.sub(end, left), bSize));
          f.set(fromA, element(a, aPlace));
          f.set(fromB, element(b, bPlace));
          step();
        });
      // How far it goes before an operand that is `wide` starts anew.
      const upTo = (size: typeof aSize, place: typeof aPlace): void =>
        f.set(count, select(i32.lt_u(count, i32.sub(size, place)), count, i32.sub(size, place)));
      const one = f.local("v128");
      const isOne = (size: typeof aSize) => i32.eq(size, i32.const(1));
      f.if(
        isOne(bSize),
        () => {
          f.set(one, f32x4.splat(f32.load(b)));
          stretch(() => {
            f.set(count, left);
            upTo(aSize, aPlace);
            f.set(left, i32.sub(left, count));
            eachElement(f, count, [to, fromA], ({ load, store }) => f.do(store(to, apply(load(fromA), one))));
          });
        },
        () =>
          f.if(
            isOne(aSize),
            () => {
              f.set(one, f32x4.splat(f32.load(a)));
              stretch(() => {
                f.set(count, left);
                upTo(bSize, bPlace);
                f.set(left, i32.sub(left, count));
                eachElement(f, count, [to, fromB], ({ load, store }) => f.do(store(to, apply(one, load(fromB)))));
              });
            },
            () =>
              stretch(() => {
                f.set(count, left);
                upTo(aSize, aPlace);
                upTo(bSize, bPlace);
                f.set(left, i32.sub(left, count));
                eachElement(f, count, [to, fromA, fromB], ({ load, store }) =>
                  f.do(store(to, apply(load(fromA), load(fromB)))),
                );
              }),
          ),
      );
    },
  );
  return (out, a, b, aSize, bSize, begin, end) =>
    kernel({ outputs: [out], inputs: [a, b], sizes: [aSize, bSize], begin, end, items: out.length, cost: 1 });
}
