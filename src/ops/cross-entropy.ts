/** How surprised a model is by what really came next. */
import { kernels } from "../backend/current.ts";
import { record } from "../autograd/graph.ts";
import { ConfigError, ShapeError, checkInteger, checkNumber, checkOptions } from "../errors.ts";
import { allocate } from "../tensor/scope.ts";
import { formatShape, sizeOf } from "../tensor/shape.ts";
import { checkTensor } from "../tensor/tensor.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { readIds } from "./ids.ts";
import type { Ids } from "./ids.ts";

/** Options of `crossEntropy`. */
export interface CrossEntropyOptions {
  /** Rows with this target count for nothing. Default -100. */
  ignoreIndex?: number;
  /** Share of the target probability that is spread evenly over all classes (Szegedy et al. 2016, §7). Default 0. */
  labelSmoothing?: number;
}

/**
 * The mean negative log-probability of the targets, in nats, as a scalar.
 *
 * @param logits [..., vocabSize], before any softmax
 * @param targets [...] ids, one for each row of logits
 * @throws ConfigError if every target is ignored: the mean of nothing; ShapeError for a target that is no class, or
 *   another number of targets than rows
 */
export function crossEntropy(logits: Tensor, targets: Ids, options: CrossEntropyOptions = {}): Tensor {
  checkTensor("crossEntropy", "logits", logits);
  checkOptions("crossEntropy", options, ["ignoreIndex", "labelSmoothing"]);
  const { ignoreIndex = -100, labelSmoothing = 0 } = options;
  checkInteger("crossEntropy", "ignoreIndex", ignoreIndex, -(2 ** 31), 2 ** 31 - 1);
  checkNumber("crossEntropy", "labelSmoothing", labelSmoothing, 0, 1);
  const cols = logits.shape[logits.shape.length - 1] ?? 0;
  const { ids, shape } = readIds("crossEntropy", "targets", targets, cols, ignoreIndex);
  const rows = sizeOf(logits.shape.slice(0, -1));
  if (ids.length !== rows || logits.shape.length === 0) {
    throw new ShapeError(
      `crossEntropy: needs one target for each row: logits are ${formatShape(logits.shape)}, targets ${formatShape(shape)}`,
      { logits: logits.shape, targets: shape },
    );
  }
  const counted = ids.reduce((count, id) => count + (id === ignoreIndex ? 0 : 1), 0);
  if (counted === 0)
    throw new ConfigError(`crossEntropy: no target counts: all ${rows} are ${ignoreIndex} (ignoreIndex)`, {
      rows,
      ignoreIndex,
    });

  const losses = allocate(rows);
  const logSumExp = allocate(rows);
  kernels().crossEntropy(losses, logSumExp, logits.data, ids, rows, cols, ignoreIndex, labelSmoothing, 0, rows);
  let total = 0;
  for (let row = 0; row < rows; row++) total += losses[row];
  return record("crossEntropy", allocate(1).fill(total / counted), [], [logits], (gradOut) => {
    const gradLogits = allocate(logits.size);
    kernels().crossEntropyBackward(
      gradLogits,
      logSumExp,
      logits.data,
      ids,
      rows,
      cols,
      ignoreIndex,
      labelSmoothing,
      gradOut[0] / counted,
      0,
      rows,
    );
    return [gradLogits];
  });
}
