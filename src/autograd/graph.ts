/**
 * Reverse-mode differentiation. Every operation that has an input with `requiresGrad` leaves a node that knows its
 * inputs and how to turn the gradient of its output into gradients of its inputs; `backward` walks those nodes once, in
 * reverse topological order (Linnainmaa 1970; Griewank & Walther, "Evaluating Derivatives", 2008, chapter 3).
 */
import { kernels } from "../backend/current.ts";
import { ShapeError } from "../errors.ts";
import { allocate, callNow } from "../tensor/scope.ts";
import { formatShape, sameShape } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { GradientNode } from "../tensor/tensor.ts";

/**
 * Turns the gradient of an output into the gradients of the inputs, in their order; null where none flows. It may return
 * `gradOut` itself, and never changes it. `needs[i]` is false where input i wants no gradient.
 */
export type BackwardRule = (gradOut: Float32Array, needs: readonly boolean[]) => (Float32Array | null)[];

class Node implements GradientNode {
  readonly operation: string;
  readonly inputs: readonly Tensor[];
  readonly rule: BackwardRule;

  constructor(operation: string, inputs: readonly Tensor[], rule: BackwardRule) {
    this.operation = operation;
    this.inputs = inputs;
    this.rule = rule;
  }

  backpropagate(root: Tensor, gradOut: Tensor | undefined): void {
    backpropagate(root, gradOut);
  }
}

let recording = true;

/**
 * Runs `fn` without recording a graph: cheaper, and nothing inside can be differentiated.
 *
 * @throws ConfigError if `fn` is no function, or returns a promise
 */
export function noGrad<T>(fn: () => T): T {
  const before = recording;
  recording = false;
  try {
    return callNow("noGrad", fn);
  } finally {
    recording = before;
  }
}

/** Whether a result of these inputs would be recorded. Operations skip saving what only the backward pass needs. */
export function isRecorded(inputs: readonly Tensor[]): boolean {
  return recording && inputs.some((input) => input.requiresGrad);
}

/**
 * Makes the result of an operation, recorded if any input requires a gradient.
 *
 * @param operation its name, for messages
 * @param data the numbers of the result
 * @param rule computes input gradients; runs at most once per backward pass
 */
export function record(
  operation: string,
  data: Float32Array,
  shape: readonly number[],
  inputs: readonly Tensor[],
  rule: BackwardRule,
): Tensor {
  const tracked = isRecorded(inputs);
  const out = new Tensor(data, shape, tracked);
  if (tracked) out.node = new Node(operation, inputs, rule);
  return out;
}

function backpropagate(root: Tensor, gradOut: Tensor | undefined): void {
  const pending = new Map<Tensor, Float32Array>([[root, seedGradient(root, gradOut)]]);
  for (const current of reverseTopologicalOrder(root)) {
    const gradient = pending.get(current);
    pending.delete(current);
    if (gradient === undefined) continue;
    if (current.node === null) addToLeaf(current, gradient);
    else propagate(current.node as Node, gradient, pending);
  }
}

function propagate(node: Node, gradOut: Float32Array, pending: Map<Tensor, Float32Array>): void {
  const gradients = node.rule(
    gradOut,
    node.inputs.map((input) => input.requiresGrad),
  );
  node.inputs.forEach((input, i) => {
    const gradient = gradients[i];
    if (gradient === null || !input.requiresGrad) return;
    const before = pending.get(input);
    pending.set(input, before === undefined ? gradient : added(before, gradient));
  });
}

function seedGradient(root: Tensor, gradOut: Tensor | undefined): Float32Array {
  if (gradOut === undefined) {
    if (root.size !== 1)
      throw new ShapeError(
        `backward: needs gradOut for a tensor of shape ${formatShape(root.shape)}; only a single number has a default`,
        { shape: root.shape },
      );
    return allocate(1).fill(1);
  }
  if (!sameShape(gradOut.shape, root.shape)) {
    throw new ShapeError(
      `backward: gradOut is ${formatShape(gradOut.shape)}, the tensor is ${formatShape(root.shape)}`,
      { gradOut: gradOut.shape, shape: root.shape },
    );
  }
  return gradOut.data;
}

/** Every tensor that needs a gradient, each before its inputs. An explicit stack: graphs may be deeper than the call stack. */
function reverseTopologicalOrder(root: Tensor): Tensor[] {
  const finished: Tensor[] = [];
  const seen = new Set<Tensor>([root]);
  const stack: { current: Tensor; next: number }[] = [{ current: root, next: 0 }];
  while (stack.length > 0) {
    const top = stack[stack.length - 1];
    const inputs = top.current.node === null ? [] : (top.current.node as Node).inputs;
    if (top.next === inputs.length) {
      finished.push(top.current);
      stack.pop();
      continue;
    }
    const input = inputs[top.next++];
    if (!input.requiresGrad || seen.has(input)) continue;
    seen.add(input);
    stack.push({ current: input, next: 0 });
  }
  return finished.reverse();
}

/** Rules may hand the same array to several inputs (add does), so a leaf gets a copy of its own. */
function addToLeaf(leaf: Tensor, gradient: Float32Array): void {
  if (leaf.grad !== null) {
    leaf.grad = new Tensor(added(leaf.grad.data, gradient), leaf.shape);
    return;
  }
  const own = allocate(gradient.length);
  own.set(gradient);
  leaf.grad = new Tensor(own, leaf.shape);
}

function added(a: Float32Array, b: Float32Array): Float32Array {
  const out = allocate(a.length);
  kernels().add(out, a, b, a.length, b.length, 0, out.length);
  return out;
}
