/** Kernel calls into fresh arrays, for the operations that need nothing more. */
import { kernels } from "../backend/current.ts";
import type { BinaryKernel, UnaryBackwardKernel, UnaryKernel } from "../backend/backend.ts";
import { allocate } from "../tensor/scope.ts";

/** f(x), element by element. */
export function mapped(kernel: UnaryKernel, x: Float32Array): Float32Array {
  const out = allocate(x.length);
  kernel(out, x, 0, out.length);
  return out;
}

/** gradOut · f′, element by element, from what the kernel wants saved. */
export function mappedBackward(kernel: UnaryBackwardKernel, gradOut: Float32Array, saved: Float32Array): Float32Array {
  const gradX = allocate(gradOut.length);
  kernel(gradX, gradOut, saved, 0, gradX.length);
  return gradX;
}

/** a ∘ b, `size` results, by default as many as a has; a shorter operand repeats. */
export function combined(
  kernel: BinaryKernel,
  a: Float32Array,
  b: Float32Array,
  size: number = a.length,
): Float32Array {
  const out = allocate(size);
  kernel(out, a, b, a.length, b.length, 0, size);
  return out;
}

/** x · factor. */
export function scaled(x: Float32Array, factor: number): Float32Array {
  const out = allocate(x.length);
  kernels().scale(out, x, factor, 0, out.length);
  return out;
}

/** The sums of x [outer, axis, inner] over its middle axis. */
export function summed(x: Float32Array, outer: number, axis: number, inner: number): Float32Array {
  const out = allocate(outer * inner);
  kernels().sumAxis(out, x, outer, axis, inner, 0, outer * inner);
  return out;
}
