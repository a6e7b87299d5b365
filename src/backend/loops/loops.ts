/** The plain TypeScript backend: every kernel as loops over `Float32Array`s. Complete, and there wherever JavaScript runs. */
import type { Backend, BackendInfo, Kernels } from "../backend.ts";
import * as activation from "./activation.ts";
import { adamW } from "./adamw.ts";
import { attentionBackward } from "./attention-backward.ts";
import { attention } from "./attention.ts";
import { crossEntropy, crossEntropyBackward } from "./cross-entropy.ts";
import * as elementwise from "./elementwise.ts";
import { copyRuns, expand, gather, scatterAdd, transpose } from "./layout.ts";
import { matmul } from "./matmul.ts";
import { memory } from "./memory.ts";
import * as norm from "./norm.ts";
import { maxAxis, maxAxisBackward, sumAxis, sumSquares } from "./reduce.ts";
import { rotary } from "./rotary.ts";
import { logSoftmax, logSoftmaxBackward, softmax, softmaxBackward } from "./softmax.ts";
import { linearStored, widen } from "./stored.ts";
import { cos, exp, log, sin } from "./unary.ts";

const kernels: Kernels = {
  ...elementwise,
  exp,
  log,
  sin,
  cos,
  ...activation,
  sumAxis,
  maxAxis,
  maxAxisBackward,
  sumSquares,
  expand,
  transpose,
  copyRuns,
  matmul,
  softmax,
  softmaxBackward,
  logSoftmax,
  logSoftmaxBackward,
  ...norm,
  gather,
  scatterAdd,
  widen,
  linearStored,
  rotary,
  attention,
  attentionBackward,
  crossEntropy,
  crossEntropyBackward,
  adamW,
};

function info(): BackendInfo {
  return {
    name: "loops",
    simd: false,
    relaxed: false,
    threads: 1,
    reasons: ["Plain loops run on one thread, without vector instructions."],
  };
}

/** The backend of plain loops. */
export const loops: Backend = { kernels, memory, info, ready: async () => info() };
