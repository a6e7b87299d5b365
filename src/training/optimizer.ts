/** How gradients change parameters: AdamW (Loshchilov & Hutter 2019, algorithm 2). */
import type { AdamWScalars } from "../backend/backend.ts";
import { backendMemory, kernels } from "../backend/current.ts";
import { integerPower } from "../backend/math.ts";
import { ConfigError, checkInteger, checkNumber, checkOptions } from "../errors.ts";
import type { Parameter } from "../nn/module.ts";
import { allocate, scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Settings of AdamW. */
export interface AdamWOptions {
  /** Decay of the mean of gradients. Default 0.9. */
  beta1?: number;
  /** Decay of the mean of squared gradients. Default 0.95. */
  beta2?: number;
  /** Keeps the division finite; greater than 0. Default 1e-8. */
  eps?: number;
  /** Share of a parameter (times the learning rate) that each step takes away. Default 0.1. */
  weightDecay?: number;
  /** Which parameters decay: those with two axes or more, or all. Default "matrices". */
  decay?: "matrices" | "all";
}

/** Running means of one parameter's gradient and squared gradient. */
interface Moments {
  parameter: Parameter;
  /** In the backend's memory, as v. */
  m: Tensor;
  v: Tensor;
  weightDecay: number;
}

/**
 * Numbers in one call of the kernel, whose results may not overlap its inputs: enough to share between threads, and few
 * enough to be still in the processor's caches when they are copied back.
 */
const CHUNK = 2 ** 18;

/** The running means of every parameter, by name, and the number of steps. */
export interface OptimizerState {
  /** Steps taken. */
  step: number;
  /** Mean of gradients. */
  m: Map<string, Float32Array>;
  /** Mean of squared gradients. */
  v: Map<string, Float32Array>;
}

/**
 * Checks settings of AdamW and fills in defaults.
 *
 * @throws ConfigError for unknown settings and values out of range
 */
export function resolveAdamW(options: AdamWOptions): Required<AdamWOptions> {
  checkOptions("AdamW", options, ["beta1", "beta2", "eps", "weightDecay", "decay"]);
  const { beta1 = 0.9, beta2 = 0.95, eps = 1e-8, weightDecay = 0.1, decay = "matrices" } = options;
  for (const [name, value] of Object.entries({ beta1, beta2 })) checkNumber("AdamW", name, value, 0, 1 - 1e-9);
  if (!Number.isFinite(eps) || eps <= 0)
    throw new ConfigError(`AdamW: eps must be a number finite and > 0, got ${String(eps)}`, { eps });
  checkNumber("AdamW", "weightDecay", weightDecay, 0);
  if (decay !== "matrices" && decay !== "all")
    throw new ConfigError(`AdamW: decay must be "matrices" or "all", got ${String(decay)}`, { decay });
  return { beta1, beta2, eps, weightDecay, decay };
}

/**
 * The AdamW optimiser over a model's parameters.
 *
 * ```ts
 * const optimizer = new AdamW(model.parameters());
 * loss.backward();
 * optimizer.step(1e-3);
 * optimizer.zeroGrad();
 * ```
 */
export class AdamW {
  readonly #moments = new Map<string, Moments>();
  readonly #adamW: Required<AdamWOptions>;
  #step = 0;

  constructor(parameters: ReadonlyMap<string, Parameter>, options: AdamWOptions = {}) {
    this.#adamW = resolveAdamW(options);
    const { weightDecay, decay } = this.#adamW;
    for (const [name, parameter] of parameters) {
      if (parameter.stored !== null) {
        throw new ConfigError(
          `AdamW: "${name}" is held as ${parameter.stored.type} and cannot be trained; load the model with dtype: "f32"`,
          { name },
        );
      }
      const decays = decay === "all" || parameter.shape.length >= 2;
      this.#moments.set(name, {
        parameter,
        m: zeroMeans(parameter),
        v: zeroMeans(parameter),
        weightDecay: decays ? weightDecay : 0,
      });
    }
  }

  /**
   * Moves every parameter that has a gradient.
   *
   * @param gradScale every gradient is multiplied by this first, see `clipFactor`. Default 1.
   */
  step(learningRate: number, gradScale = 1): void {
    this.#step++;
    const correction1 = 1 - integerPower(this.#adamW.beta1, this.#step);
    const correction2 = 1 - integerPower(this.#adamW.beta2, this.#step);
    const { beta1, beta2, eps } = this.#adamW;
    for (const { parameter, m, v, weightDecay } of this.#moments.values()) {
      if (parameter.grad === null) continue;
      for (const means of [m, v]) means.moveInto(backendMemory());
      const scalars = { learningRate, beta1, beta2, eps, weightDecay, correction1, correction2, gradScale };
      scope(() => update(parameter, parameter.grad as Tensor, m, v, scalars));
    }
  }

  /** Forgets all gradients. */
  zeroGrad(): void {
    for (const { parameter } of this.#moments.values()) parameter.grad = null;
  }

  /** A copy of everything that the next step depends on, but for the parameters themselves. */
  state(): OptimizerState {
    const copy = (key: "m" | "v"): Map<string, Float32Array> =>
      new Map([...this.#moments].map(([name, moments]) => [name, moments[key].data.slice()]));
    return { step: this.#step, m: copy("m"), v: copy("v") };
  }

  /**
   * Continues from a state of an optimiser over the same parameters.
   *
   * @throws ConfigError for any other state; nothing has changed then
   */
  restore(state: OptimizerState): void {
    if (!(state?.m instanceof Map && state.v instanceof Map))
      throw new ConfigError("AdamW.restore: the state must hold a step and the Maps m and v, as AdamW.state gives it");
    checkInteger("AdamW.restore", "step", state.step, 0);
    for (const means of [state.m, state.v]) this.#checkMeans(means);
    for (const [name, { m, v }] of this.#moments) {
      m.data.set(state.m.get(name) as Float32Array);
      v.data.set(state.v.get(name) as Float32Array);
    }
    this.#step = state.step;
  }

  #checkMeans(means: ReadonlyMap<string, Float32Array>): void {
    for (const [name, { m }] of this.#moments) {
      const mean: unknown = means.get(name);
      if (mean instanceof Float32Array && mean.length === m.size) continue;
      throw new ConfigError(
        `AdamW.restore: the state does not fit parameter "${name}" of ${m.size} numbers; it belongs to another model`,
        { name },
      );
    }
    for (const name of means.keys()) {
      if (this.#moments.has(name)) continue;
      throw new ConfigError(
        `AdamW.restore: the state has a parameter "${name}" that is not here; it belongs to another model`,
        { name },
      );
    }
  }
}

/** The means of no gradient yet. */
function zeroMeans({ size }: Parameter): Tensor {
  const means = Tensor.pinned([size]);
  means.data.fill(0);
  return means;
}

/** One step of one parameter, chunk by chunk. */
function update(parameter: Tensor, grad: Tensor, m: Tensor, v: Tensor, scalars: AdamWScalars): void {
  const length = Math.min(CHUNK, parameter.size);
  const next = [parameter, m, v].map(() => allocate(length));
  for (let start = 0; start < parameter.size; start += length) {
    const size = Math.min(length, parameter.size - start);
    const part = ({ data }: Tensor): Float32Array => data.subarray(start, start + size);
    const [nextParameter, nextM, nextV] = next.map((array) => array.subarray(0, size));
    kernels().adamW(nextParameter, nextM, nextV, part(parameter), part(grad), part(m), part(v), scalars, 0, size);
    part(parameter).set(nextParameter);
    part(m).set(nextM);
    part(v).set(nextV);
  }
}
