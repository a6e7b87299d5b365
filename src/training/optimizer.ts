/** How gradients change parameters: AdamW (Loshchilov & Hutter 2019, algorithm 2). */
import { kernels } from "../backend/current.ts";
import { integerPower } from "../backend/math.ts";
import { ConfigError, checkInteger, checkNumber, checkOptions } from "../errors.ts";
import type { Parameter } from "../nn/module.ts";

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
  m: Float32Array;
  v: Float32Array;
  weightDecay: number;
}

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
  readonly #beta1: number;
  readonly #beta2: number;
  readonly #eps: number;
  /** Room for the kernel's results, which may not overlap its inputs: as much as the largest parameter. */
  readonly #next: [Float32Array, Float32Array, Float32Array];
  #step = 0;

  constructor(parameters: ReadonlyMap<string, Parameter>, options: AdamWOptions = {}) {
    const { beta1, beta2, eps, weightDecay, decay } = resolveAdamW(options);
    this.#beta1 = beta1;
    this.#beta2 = beta2;
    this.#eps = eps;
    let largest = 0;
    for (const [name, parameter] of parameters) {
      const decays = decay === "all" || parameter.shape.length >= 2;
      this.#moments.set(name, {
        parameter,
        m: new Float32Array(parameter.size),
        v: new Float32Array(parameter.size),
        weightDecay: decays ? weightDecay : 0,
      });
      largest = Math.max(largest, parameter.size);
    }
    this.#next = [new Float32Array(largest), new Float32Array(largest), new Float32Array(largest)];
  }

  /**
   * Moves every parameter that has a gradient.
   *
   * @param gradScale every gradient is multiplied by this first, see `clipFactor`. Default 1.
   */
  step(learningRate: number, gradScale = 1): void {
    this.#step++;
    const correction1 = 1 - integerPower(this.#beta1, this.#step);
    const correction2 = 1 - integerPower(this.#beta2, this.#step);
    for (const { parameter, m, v, weightDecay } of this.#moments.values()) {
      if (parameter.grad === null) continue;
      const [nextParameter, nextM, nextV] = this.#next.map((array) => array.subarray(0, parameter.size));
      const scalars = {
        learningRate,
        beta1: this.#beta1,
        beta2: this.#beta2,
        eps: this.#eps,
        weightDecay,
        correction1,
        correction2,
        gradScale,
      };
      kernels().adamW(
        nextParameter,
        nextM,
        nextV,
        parameter.data,
        parameter.grad.data,
        m,
        v,
        scalars,
        0,
        parameter.size,
      );
      parameter.data.set(nextParameter);
      m.set(nextM);
      v.set(nextV);
    }
  }

  /** Forgets all gradients. */
  zeroGrad(): void {
    for (const { parameter } of this.#moments.values()) parameter.grad = null;
  }

  /** A copy of everything that the next step depends on, but for the parameters themselves. */
  state(): OptimizerState {
    const copy = (key: "m" | "v"): Map<string, Float32Array> =>
      new Map([...this.#moments].map(([name, moments]) => [name, moments[key].slice()]));
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
      m.set(state.m.get(name) as Float32Array);
      v.set(state.v.get(name) as Float32Array);
    }
    this.#step = state.step;
  }

  #checkMeans(means: ReadonlyMap<string, Float32Array>): void {
    for (const [name, { m }] of this.#moments) {
      const mean: unknown = means.get(name);
      if (mean instanceof Float32Array && mean.length === m.length) continue;
      throw new ConfigError(
        `AdamW.restore: the state does not fit parameter "${name}" of ${m.length} numbers; it belongs to another model`,
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
