/** Tensors: numbers with a shape, and operations between them. */
import { add, matmul, mean, mul, softmax, sub, sum, tensor, transpose } from "heed";

const x = tensor([
  [1, 2, 3],
  [4, 5, 6],
]);
console.log(`x is ${x}`);
console.log(`its numbers lie in one ${x.data.constructor.name} of ${x.size}, row after row`);

// Shapes stretch from the last axis: [2, 3] + [3], and a number goes everywhere.
console.log(`x + [10, 20, 30] = ${add(x, tensor([10, 20, 30]))}`);
console.log(`2 x = ${mul(x, 2)}`);

// Each row minus its own mean: [2, 3] - [2, 1].
console.log(`x - row means = ${sub(x, mean(x, { axis: -1, keepDims: true }))}`);

// The operation that a transformer spends its time on.
console.log(`x · xᵀ = ${matmul(x, transpose(x))}`);

// Scores become probabilities: positive, and 1 in sum.
const probs = softmax(x);
console.log(`softmax = ${probs}, row sums ${sum(probs, { axis: -1 })}`);

// What does not fit says so.
try {
  matmul(x, x);
} catch (error) {
  console.log(`x · x: ${(error as Error).name}: ${(error as Error).message}`);
}
