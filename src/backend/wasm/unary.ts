/** The functions of `math.ts` over arrays; see loops/unary.ts. */
import type { Kernels, UnaryBackwardKernel, UnaryKernel } from "../backend.ts";
import { i32 } from "./assembler.ts";
import type { V128 } from "./assembler.ts";
import type { FunctionBody } from "./function-body.ts";
import { eachElement, element } from "./kernel.ts";
import type { Assembly } from "./kernel.ts";
import { cos, exp, log, sin } from "./math.ts";

/** Adds the functions of one number to the module. */
export function unaryKernels(assembly: Assembly): Pick<Kernels, "exp" | "log" | "sin" | "cos"> {
  return {
    exp: unary(assembly, "exp", exp),
    log: unary(assembly, "log", log),
    sin: unary(assembly, "sin", sin),
    cos: unary(assembly, "cos", cos),
  };
}

/** A kernel out = apply(x), element by element. */
export function unary(assembly: Assembly, name: string, apply: (f: FunctionBody, x: V128) => V128): UnaryKernel {
  const kernel = assembly.kernel(name, { outputs: ["out"], inputs: ["x"] }, (f, { out, x, begin, end }) => {
    const to = f.let(element(out, begin));
    const from = f.let(element(x, begin));
    eachElement(f, f.let(i32.sub(end, begin)), [to, from], ({ load, store }) => f.do(store(to, apply(f, load(from)))));
  });
  return (out, x, begin, end) => kernel({ outputs: [out], inputs: [x], begin, end, items: out.length, cost: 8 });
}

/** A kernel gradX = derive(gradOut, saved), element by element. */
export function unaryBackward(
  assembly: Assembly,
  name: string,
  derive: (f: FunctionBody, gradOut: V128, saved: V128) => V128,
): UnaryBackwardKernel {
  const kernel = assembly.kernel(
    name,
    { outputs: ["gradX"], inputs: ["gradOut", "saved"] },
    (f, { gradX, gradOut, saved, begin, end }) => {
      const pointers = [gradX, gradOut, saved].map((array) => f.let(element(array, begin)));
      const [to, from, beside] = pointers;
      eachElement(f, f.let(i32.sub(end, begin)), pointers, ({ load, store }) =>
        f.do(store(to, derive(f, load(from), load(beside)))),
      );
    },
  );
  return (gradX, gradOut, saved, begin, end) =>
    kernel({ outputs: [gradX], inputs: [gradOut, saved], begin, end, items: gradX.length, cost: 8 });
}
