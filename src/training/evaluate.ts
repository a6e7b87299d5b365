/** How well a model predicts text that it has not learnt from. */
import { noGrad } from "../autograd/graph.ts";
import { checkInteger, checkOptions, throwIfAborted } from "../errors.ts";
import type { Transformer } from "../model/transformer.ts";
import { crossEntropy } from "../ops/cross-entropy.ts";
import { scope } from "../tensor/scope.ts";
import { turns } from "../turn.ts";
import { batchAt, checkModel, checkTokens } from "./data.ts";

/** Options of `evaluate`. */
export interface EvaluateOptions {
  /** Tokens in each window. Default: the model's context. */
  seqLen?: number;
  /** Windows at once. Default 16. */
  batchSize?: number;
  /** At most this many windows, spread evenly over the text. Default: all. */
  maxWindows?: number;
  /** Stops the work. */
  signal?: AbortSignal;
}

/**
 * The mean negative log-probability per token, in nats, over consecutive windows that do not overlap.
 *
 * @throws ConfigError if there are too few tokens for one window, or one is not in the vocabulary; AbortError if it was
 * stopped through `signal`
 */
export async function evaluate(
  model: Transformer,
  tokens: ArrayLike<number>,
  options: EvaluateOptions = {},
): Promise<number> {
  checkModel("evaluate", model);
  checkOptions("evaluate", options, ["seqLen", "batchSize", "maxWindows", "signal"]);
  const { seqLen = model.config.contextLength, batchSize = 16, maxWindows = Infinity, signal } = options;
  checkInteger("evaluate", "seqLen", seqLen, 1, model.config.contextLength);
  checkInteger("evaluate", "batchSize", batchSize, 1);
  if (maxWindows !== Infinity) checkInteger("evaluate", "maxWindows", maxWindows, 1);
  checkTokens("evaluate", tokens, seqLen, model.config.vocabSize);
  const windows = Math.floor((tokens.length - 1) / seqLen);
  const count = Math.min(windows, maxWindows);
  const starts = Array.from({ length: count }, (_, i) => Math.floor((i * windows) / count) * seqLen);
  const turn = turns();
  let total = 0;
  for (let first = 0; first < count; first += batchSize) {
    await turn();
    throwIfAborted(signal, "evaluate");
    const { inputs, targets } = batchAt(tokens, starts.slice(first, first + batchSize), seqLen);
    total += inputs.length * noGrad(() => scope(() => crossEntropy(model.forward(inputs), targets).item()));
  }
  return total / count;
}
