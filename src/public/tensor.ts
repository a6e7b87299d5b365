/** heed/tensor: tensors, automatic differentiation, and the operations on them. */
export { backend } from "../backend/current.ts";
export type { BackendName, BackendOptions, BackendSwitch } from "../backend/current.ts";
export type { BackendInfo } from "../backend/backend.ts";
export { Tensor } from "../tensor/tensor.ts";
export type { GradientNode, NestedArray } from "../tensor/tensor.ts";
export { alike, arange, full, ones, randn, tensor, zeros } from "../tensor/create.ts";
export type { TensorOptions } from "../tensor/create.ts";
export { scope } from "../tensor/scope.ts";
export { Random } from "../random.ts";
export type { RandomState } from "../random.ts";
export { noGrad } from "../autograd/graph.ts";
export { gradCheck } from "../autograd/check.ts";
export type { GradCheckOptions, GradCheckResult } from "../autograd/check.ts";
export { add, div, mul, sub } from "../ops/arithmetic.ts";
export type { Operand } from "../ops/arithmetic.ts";
export { exp, gelu, log, relu, sigmoid, silu, tanh } from "../ops/pointwise.ts";
export type { GeluOptions } from "../ops/pointwise.ts";
export { max, mean, sum } from "../ops/reduce.ts";
export type { ReduceOptions } from "../ops/reduce.ts";
export { concat, reshape, slice, transpose } from "../ops/layout.ts";
export type { SliceOptions } from "../ops/layout.ts";
export { linear, matmul } from "../ops/matmul.ts";
export { logSoftmax, softmax } from "../ops/softmax.ts";
export type { SoftmaxOptions } from "../ops/softmax.ts";
export { layerNorm, rmsNorm } from "../ops/norm.ts";
export type { NormOptions } from "../ops/norm.ts";
export { embedding } from "../ops/embedding.ts";
export type { Ids } from "../ops/ids.ts";
export { attention, attentionMaps } from "../ops/attention.ts";
export type { AttentionOptions } from "../ops/attention.ts";
export { rotary, rotaryTable } from "../ops/rotary.ts";
export type { RotaryOptions, RotaryTable } from "../ops/rotary.ts";
export { crossEntropy } from "../ops/cross-entropy.ts";
export type { CrossEntropyOptions } from "../ops/cross-entropy.ts";
export { dropout } from "../ops/dropout.ts";
export type { DropoutOptions } from "../ops/dropout.ts";
export {
  AbortError,
  ConfigError,
  DisposedError,
  DivergedError,
  FileError,
  FormatError,
  HeedError,
  ShapeError,
  TokenizerError,
} from "../errors.ts";
