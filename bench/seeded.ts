/** Data from seeds: numbers, tokens and models, the same in every run and quick to make. */
import { Random, Transformer, resolveConfig, zeros } from "heed";
import type { ModelConfig, ResolvedConfig, Tensor } from "heed";

/** Numbers from -1 to 1. */
export function uniformArray(size: number, seed: number): Float32Array {
  const random = new Random(seed);
  const data = new Float32Array(size);
  for (let i = 0; i < size; i++) data[i] = 2 * random.uniform() - 1;
  return data;
}

/** A tensor of numbers from -1 to 1. */
export function uniformTensor(shape: readonly number[], seed: number, options?: { requiresGrad?: boolean }): Tensor {
  const x = zeros(shape, options);
  x.data.set(uniformArray(x.size, seed));
  return x;
}

/** Token ids, each equally likely. */
export function randomTokens(count: number, vocabSize: number, seed: number): number[] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => random.integer(vocabSize));
}

/**
 * A Llama-like model (rotary positions, RMSNorm, gated, no biases) with uniform weights. The normal ones of `new Transformer(config, { seed })`
 * cost 25 times as much, which is ten seconds for 24 million.
 */
export function llamaWithUniformWeights(config: ModelConfig, seed: number): Transformer {
  const resolved = resolveConfig(config);
  const parameters = new Map<string, Float32Array>();
  for (const [name, size] of llamaSizes(resolved)) {
    const values = uniformArray(size, seed + parameters.size);
    const [centre, width] = /norm/i.test(name) ? [1, 0.1] : [0, 1 / Math.sqrt(resolved.dModel)];
    for (let i = 0; i < size; i++) values[i] = centre + width * values[i];
    parameters.set(name, values);
  }
  return new Transformer(config, { parameters });
}

/** Number of values of each parameter. */
function llamaSizes({
  vocabSize,
  dModel,
  nLayers,
  nHeads,
  nKvHeads,
  headDim,
  dFf,
  tieEmbeddings,
}: ResolvedConfig): [name: string, size: number][] {
  const block = (layer: number): [string, number][] => {
    const sizes: [string, number][] = [
      ["norm1", dModel],
      ["attention.qProj", nHeads * headDim * dModel],
      ["attention.kProj", nKvHeads * headDim * dModel],
      ["attention.vProj", nKvHeads * headDim * dModel],
      ["attention.outProj", dModel * nHeads * headDim],
      ["norm2", dModel],
      ["feedForward.gateProj", dFf * dModel],
      ["feedForward.upProj", dFf * dModel],
      ["feedForward.downProj", dModel * dFf],
    ];
    return sizes.map(([name, size]) => [`blocks.${layer}.${name}.weight`, size]);
  };
  return [
    ["tokenEmbedding.weight", vocabSize * dModel],
    ...Array.from({ length: nLayers }, (_, layer) => block(layer)).flat(),
    ["finalNorm.weight", dModel],
    ...(tieEmbeddings ? [] : [["lmHead.weight", vocabSize * dModel] as [string, number]]),
  ];
}
