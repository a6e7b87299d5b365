/**
 * js-pytorch. Its attention, optimiser and normalisation are its own (scores divided by the square of the head's width, Adam
 * without bias correction or clipping, ReLU, biases), so a training step does the same products but not the same sums.
 */
import { uniformArray } from "../../seeded.ts";
import { sampleElements, unsupported } from "../adapter.ts";
import type { Adapter, MatmulWork, Prepared, TrainingWork, Work } from "../adapter.ts";
import { batchCycle, readRecipe } from "../files/recipe.ts";
import { importPackage, packageVersion } from "./packages.ts";

type Nested = number | readonly Nested[];

interface TorchTensor {
  readonly data: Nested;
  add(other: TorchTensor): TorchTensor;
  matmul(other: TorchTensor): TorchTensor;
  backward(): void;
}

interface Layer {
  forward(x: TorchTensor): TorchTensor;
  parameters(): TorchTensor[];
}

interface Torch {
  tensor(data: Nested): TorchTensor;
  matmul(a: TorchTensor, b: TorchTensor): TorchTensor;
  nn: {
    Embedding: new (vocabSize: number, width: number) => Layer;
    PositionalEmbedding: new (length: number, width: number) => Layer;
    LayerNorm: new (width: number) => Layer;
    ReLU: new () => Layer;
    Linear: new (dIn: number, dOut: number, device: string, bias: boolean) => Layer;
    MultiHeadSelfAttention: new (dIn: number, dOut: number, heads: number, seq: number) => Layer;
    CrossEntropyLoss: new () => { forward(logits: TorchTensor, targets: TorchTensor): TorchTensor };
  };
  optim: {
    Adam: new (
      parameters: TorchTensor[],
      learningRate: number,
      decay: number,
      betas: number[],
      eps: number,
    ) => { step(): void; zero_grad(): void };
  };
}

const DIFFERENCES = "its attention, norm, ReLU and Adam are its own; the same products are multiplied";

function flatten(data: Nested): number[] {
  return typeof data === "number" ? [data] : data.flatMap(flatten);
}

function prepareMatmul({ tensor, matmul }: Torch, { size }: MatmulWork): Prepared {
  const square = (seed: number): TorchTensor => {
    const numbers = [...uniformArray(size * size, seed)];
    return tensor(Array.from({ length: size }, (_, row) => numbers.slice(row * size, (row + 1) * size)));
  };
  const [a, b] = [square(1), square(2)];
  const multiply = (): Nested => matmul(a, b).data;
  return { check: { values: sampleElements(flatten(multiply())) }, run: multiply };
}

function prepareTraining({ tensor, nn, optim }: Torch, { recipe: path }: TrainingWork): Prepared {
  const recipe = readRecipe(path);
  const { vocabSize, contextLength, dModel, nHeads, nLayers } = recipe.model;
  const tokens = new nn.Embedding(vocabSize, dModel);
  const places = new nn.PositionalEmbedding(contextLength, dModel);
  const blocks = Array.from({ length: nLayers }, () => ({
    norm1: new nn.LayerNorm(dModel),
    attention: new nn.MultiHeadSelfAttention(dModel, dModel, nHeads, contextLength),
    norm2: new nn.LayerNorm(dModel),
    up: new nn.Linear(dModel, 4 * dModel, "cpu", false),
    relu: new nn.ReLU(),
    down: new nn.Linear(4 * dModel, dModel, "cpu", false),
  }));
  const norm = new nn.LayerNorm(dModel);
  const head = new nn.Linear(dModel, vocabSize, "cpu", false);
  const layers = [tokens, places, norm, head, ...blocks.flatMap((block) => Object.values(block))];
  const { learningRate, weightDecay, beta1, beta2, eps } = recipe.optimizer;
  const parameters = layers.flatMap((layer) => layer.parameters());
  const adam = new optim.Adam(parameters, learningRate, weightDecay, [beta1, beta2], eps);
  const lossOf = new nn.CrossEntropyLoss();
  const step = batchCycle(recipe, ({ inputs, targets }) => {
    const ids = tensor(inputs);
    let x = tokens.forward(ids).add(places.forward(ids));
    for (const { norm1, attention, norm2, up, relu, down } of blocks) {
      x = x.add(attention.forward(norm1.forward(x)));
      x = x.add(down.forward(relu.forward(up.forward(norm2.forward(x)))));
    }
    const loss = lossOf.forward(head.forward(norm.forward(x)), tensor(targets));
    loss.backward();
    adam.step();
    adam.zero_grad();
    return flatten(loss.data)[0];
  });
  return { check: { values: [step()] }, sameWorkOnly: DIFFERENCES, run: step };
}

/** Opens js-pytorch on the processor. */
export async function openJsPyTorch(): Promise<Adapter> {
  const { torch } = await importPackage<{ torch: Torch }>("js-pytorch");
  return {
    describe: () => ({ version: packageVersion("js-pytorch"), backend: "plain JavaScript, 1 thread" }),
    prepare: async (work: Work) => {
      if (work.kind === "matmul") return prepareMatmul(torch, work);
      if (work.kind === "training") return prepareTraining(torch, work);
      return unsupported("js-pytorch", work);
    },
  };
}
