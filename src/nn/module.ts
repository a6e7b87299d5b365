/**
 * Layers and their parameters.
 *
 * Axis names used throughout this chapter:
 *
 * | axis | meaning |
 * |---|---|
 * | batch | sequences side by side |
 * | seq | tokens given now |
 * | key | tokens seen so far, cached ones included |
 * | nHeads, nKvHeads, headDim | query heads, key/value heads, width of one head |
 * | dModel, dFf | width of the residual stream, inner width of the feed-forward layer |
 */
import type { Random } from "../random.ts";
import { untrack } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";

/** A tensor that training changes, unless it is stored in a smaller form: a leaf of every graph, and of no scope. */
export class Parameter extends Tensor {
  constructor(data: Float32Array | null, shape: readonly number[]) {
    super(data, shape, true);
    untrack(this);
  }
}

/**
 * Everything with parameters. A module's fields that are parameters, modules or lists of modules are found by name, so
 * `parameters()` needs no registration: a block's `attention.qProj.weight` is called just that. What is reachable under
 * several names, such as a shared weight, counts once, under the first.
 */
export abstract class Module {
  /** Every parameter by its dotted path, in the order of the fields. */
  parameters(): Map<string, Parameter> {
    const found = new Map<string, Parameter>();
    collect(this, "", found, new Set());
    return found;
  }
}

function collect(value: unknown, path: string, into: Map<string, Parameter>, seen: Set<unknown>): void {
  if (seen.has(value)) return;
  if (value instanceof Parameter) {
    seen.add(value);
    into.set(path, value);
  } else if (value instanceof Module || Array.isArray(value)) {
    seen.add(value);
    for (const [name, child] of Object.entries(value))
      collect(child, path === "" ? name : `${path}.${name}`, into, seen);
  }
}

/** What a forward pass may need besides its input. */
export interface ForwardContext {
  /** Source of dropout's chance; absent when not training. */
  dropoutRandom?: Random;
  /** Called with the name and value of every inner activation, for those who want to look inside. */
  observe?: Observer;
}

/** Receives inner activations by their dotted path, such as `blocks.0.attention.weights`. */
export type Observer = (name: string, activation: Tensor) => void;

/** An observer that puts `prefix.` before every name; undefined where there is none. */
export function observeUnder(observe: Observer | undefined, prefix: string): Observer | undefined {
  return observe && ((name, activation) => observe(`${prefix}.${name}`, activation));
}
