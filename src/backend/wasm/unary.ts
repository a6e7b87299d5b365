/** The functions of `math.ts` over arrays; see loops/unary.ts. */
import type { Kernels } from "../backend.ts";
import type { Local, V128 } from "./assembler.ts";
import type { FunctionBody } from "./function-body.ts";
import { mapRange } from "./kernel.ts";
import type { Assembly } from "./kernel.ts";
import { cos, exp, log, sin } from "./math.ts";

/** Adds the functions of one number to the module. */
export function addFunctions(assembly: Assembly): void {
  addUnary(assembly, "exp", exp);
  addUnary(assembly, "log", log);
  addUnary(assembly, "sin", sin);
  addUnary(assembly, "cos", cos);
}

/** Rough work of a function for one number, in additions. */
const COST = 8;

/** Adds a kernel out = apply(x), element by element. */
export function addUnary(
  assembly: Assembly,
  name: keyof Kernels,
  apply: (f: FunctionBody, x: Local<"v128">) => V128,
): void {
  assembly.kernel(
    name,
    { outputs: 1, inputs: 1 },
    () => [1, COST],
    (f, out, x, begin, end) => mapRange(f, begin, end, out, [x], (value) => apply(f, f.let(value))),
  );
}

/** Adds a kernel gradX = gradOut · slope or the like, element by element. */
export function addUnaryBackward(
  assembly: Assembly,
  name: keyof Kernels,
  derive: (f: FunctionBody, gradOut: V128, saved: Local<"v128">) => V128,
): void {
  assembly.kernel(
    name,
    { outputs: 1, inputs: 2 },
    () => [1, COST],
    (f, gradX, gradOut, saved, begin, end) =>
      mapRange(f, begin, end, gradX, [gradOut, saved], (grad, value) => derive(f, grad, f.let(value))),
  );
}
