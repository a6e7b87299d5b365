/** Sums, differences, products and quotients, with broadcasting. */
import { kernels } from "../backend/current.ts";
import type { BinaryKernel } from "../backend/backend.ts";
import { record } from "../autograd/graph.ts";
import { broadcastShapes, sizeOf } from "../tensor/shape.ts";
import { Tensor, checkTensor } from "../tensor/tensor.ts";
import { gatherGradient, repeatable } from "./broadcast.ts";
import { combined, scaled } from "./fresh.ts";

/** An operand: a tensor, or a number that acts as a scalar tensor. */
export type Operand = Tensor | number;

/** a + b. Shapes broadcast from their last axis. */
export function add(a: Operand, b: Operand): Tensor {
  const pair = align("add", a, b);
  return record("add", over(pair, kernels().add), pair.shape, [pair.a, pair.b], (gradOut, needs) => [
    needs[0] ? gatherGradient(gradOut, pair.shape, pair.a.shape) : null,
    needs[1] ? gatherGradient(gradOut, pair.shape, pair.b.shape) : null,
  ]);
}

/** a - b. Shapes broadcast from their last axis. */
export function sub(a: Operand, b: Operand): Tensor {
  const pair = align("sub", a, b);
  return record("sub", over(pair, kernels().sub), pair.shape, [pair.a, pair.b], (gradOut, needs) => [
    needs[0] ? gatherGradient(gradOut, pair.shape, pair.a.shape) : null,
    needs[1] ? gatherGradient(scaled(gradOut, -1), pair.shape, pair.b.shape) : null,
  ]);
}

/** a · b, element by element. Shapes broadcast from their last axis. */
export function mul(a: Operand, b: Operand): Tensor {
  const pair = align("mul", a, b);
  return record("mul", over(pair, kernels().mul), pair.shape, [pair.a, pair.b], (gradOut, needs) => [
    needs[0]
      ? gatherGradient(combined(kernels().mul, gradOut, repeatable(pair.b, pair.shape)), pair.shape, pair.a.shape)
      : null, // ∂ab/∂a = b
    needs[1]
      ? gatherGradient(combined(kernels().mul, gradOut, repeatable(pair.a, pair.shape)), pair.shape, pair.b.shape)
      : null, // ∂ab/∂b = a
  ]);
}

/** a / b, element by element. Shapes broadcast from their last axis. */
export function div(a: Operand, b: Operand): Tensor {
  const pair = align("div", a, b);
  const out = over(pair, kernels().div);
  return record("div", out, pair.shape, [pair.a, pair.b], (gradOut, needs) => {
    const gradA = combined(kernels().div, gradOut, repeatable(pair.b, pair.shape)); // ∂(a/b)/∂a = 1/b
    const gradB = (): Float32Array => scaled(combined(kernels().mul, gradA, out), -1); // ∂(a/b)/∂b = -(a/b)/b
    return [
      needs[0] ? gatherGradient(gradA, pair.shape, pair.a.shape) : null,
      needs[1] ? gatherGradient(gradB(), pair.shape, pair.b.shape) : null,
    ];
  });
}

interface Pair {
  a: Tensor;
  b: Tensor;
  shape: number[];
}

function align(operation: string, a: Operand, b: Operand): Pair {
  const [tensorA, tensorB] = [asTensor(operation, "a", a), asTensor(operation, "b", b)];
  const shape = broadcastShapes(operation, tensorA.shape, tensorB.shape);
  return { a: tensorA, b: tensorB, shape };
}

function asTensor(operation: string, name: string, operand: Operand): Tensor {
  if (typeof operand === "number") return new Tensor(Float32Array.of(operand), []);
  checkTensor(operation, name, operand, "a tensor or a number");
  return operand;
}

function over({ a, b, shape }: Pair, kernel: BinaryKernel): Float32Array {
  return combined(kernel, repeatable(a, shape), repeatable(b, shape), sizeOf(shape));
}
