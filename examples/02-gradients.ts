/** Gradients: in which direction, and how strongly, each number moves the result. */
import { Random, add, gradCheck, matmul, mean, mul, randn, sub, tanh, tensor } from "heed";

// y = 3 x² + 2 x at x = 5: the slope is 6 x + 2 = 32.
const x = tensor(5, { requiresGrad: true });
const y = add(mul(3, mul(x, x)), mul(2, x));
y.backward();
console.log(`y = ${y.item()}, dy/dx = ${x.grad?.item()}`);

// A formula's gradient can be checked against plain differences.
const random = new Random(1);
const { ok, maxError } = gradCheck((a, b) => tanh(matmul(a, b)), [randn([2, 3], random), randn([3, 2], random)]);
console.log(
  `tanh(a · b): gradients ${ok ? "agree" : "differ"}, relative difference at most ${maxError.toExponential(1)}`,
);

// Learning is walking downhill: fit a line to points on y = 2 x - 1.
const inputs = tensor([[-1], [0], [1], [2]]);
const targets = tensor([[-3], [-1], [1], [3]]);
let slope = tensor([[0]], { requiresGrad: true });
let offset = tensor([0], { requiresGrad: true });
for (let step = 0; step <= 60; step++) {
  const error = sub(add(matmul(inputs, slope), offset), targets);
  const loss = mean(mul(error, error));
  loss.backward();
  if (step % 15 === 0)
    console.log(
      `step ${String(step).padStart(2)}: loss ${loss.item().toFixed(4)}, y = ${slope.item().toFixed(2)} x + ${offset.item().toFixed(2)}`,
    );
  slope = tensor([[slope.item() - 0.15 * (slope.grad?.item() ?? 0)]], { requiresGrad: true });
  offset = tensor([offset.item() - 0.15 * (offset.grad?.item() ?? 0)], { requiresGrad: true });
}
