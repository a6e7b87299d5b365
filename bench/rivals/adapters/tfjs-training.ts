/**
 * A training step of the recipe in TensorFlow.js. Its WebAssembly has no kernel for the gradient of a table look-up, so tokens
 * become rows by a product with one-hot vectors; AdamW and clipping are written with its operations.
 */
import type { Prepared, TrainingWork } from "../adapter.ts";
import { batchCycle, readRecipe } from "../files/recipe.ts";
import type { Recipe, RecipeBatch } from "../files/recipe.ts";
import type { Tf, TfTensor, TfVariable } from "./tfjs.ts";

const UNSEEN = -1e9;
const GELU_SCALE = Math.sqrt(2 / Math.PI);

/** The recipe's model. Rows of all sequences stand below each other: [batch · seq, width]. */
class Model {
  readonly parameters = new Map<string, TfVariable>();
  readonly #tf: Tf;
  readonly #recipe: Recipe;
  readonly #mask: TfTensor;

  constructor(tf: Tf, recipe: Recipe) {
    this.#tf = tf;
    this.#recipe = recipe;
    for (const [name, { shape, data }] of recipe.parameters)
      this.parameters.set(name, tf.variable(tf.tensor(data, shape), true, name));
    const { contextLength: seq } = recipe.model;
    const mask = Float32Array.from({ length: seq * seq }, (_, i) => (i % seq > Math.floor(i / seq) ? UNSEEN : 0));
    this.#mask = tf.tensor(mask, [seq, seq]);
  }

  /** Mean loss of a batch. */
  loss({ inputs, targets }: RecipeBatch): TfTensor {
    const rows = inputs.length * this.#recipe.model.contextLength;
    const logProbs = this.#tf.logSoftmax(this.#forward(this.#oneHot(inputs), inputs.length)); // [rows, vocabSize]
    return logProbs.mul(this.#oneHot(targets)).sum().div(-rows);
  }

  dispose(): void {
    for (const each of this.parameters.values()) each.dispose();
    this.#mask.dispose();
  }

  #parameter(name: string): TfVariable {
    return this.parameters.get(`${name}.weight`) as TfVariable;
  }

  #oneHot(tokens: readonly number[][]): TfTensor {
    const ids = this.#tf.tensor(tokens.flat(), [tokens.length * tokens[0].length], "int32");
    return this.#tf.cast(this.#tf.oneHot(ids, this.#recipe.model.vocabSize), "float32");
  }

  #forward(oneHot: TfTensor, batch: number): TfTensor {
    const { contextLength: seq, dModel, nLayers } = this.#recipe.model;
    const table = this.#parameter("tokenEmbedding");
    const embedded = this.#tf.matMul(oneHot, table).reshape([batch, seq, dModel]);
    let x = embedded.add(this.#parameter("positionEmbedding")).reshape([batch * seq, dModel]);
    for (let layer = 0; layer < nLayers; layer++) {
      const block = `blocks.${layer}`;
      x = x.add(this.#attention(this.#norm(x, `${block}.norm1`), `${block}.attention`, batch));
      const inner = this.#linear(this.#norm(x, `${block}.norm2`), `${block}.feedForward.upProj`);
      x = x.add(this.#linear(gelu(inner), `${block}.feedForward.downProj`));
    }
    return this.#tf.matMul(this.#norm(x, "finalNorm"), table, false, true);
  }

  #linear(x: TfTensor, name: string): TfTensor {
    return this.#tf.matMul(x, this.#parameter(name), false, true);
  }

  #norm(x: TfTensor, name: string): TfTensor {
    const centred = x.sub(x.mean(-1, true));
    const variance = centred.square().mean(-1, true);
    return centred.mul(variance.add(this.#recipe.normEps).rsqrt()).mul(this.#parameter(name));
  }

  #attention(x: TfTensor, name: string, batch: number): TfTensor {
    const { contextLength: seq, dModel, nHeads } = this.#recipe.model;
    const headDim = dModel / nHeads;
    const [q, k, v] = ["qProj", "kProj", "vProj"].map((which) =>
      this.#linear(x, `${name}.${which}`).reshape([batch, seq, nHeads, headDim]).transpose([0, 2, 1, 3]),
    );
    const scores = this.#tf.matMul(q, k, false, true).mul(1 / Math.sqrt(headDim));
    const mixed = this.#tf.matMul(this.#tf.softmax(scores.add(this.#mask)), v);
    return this.#linear(mixed.transpose([0, 2, 1, 3]).reshape([batch * seq, dModel]), `${name}.outProj`);
  }
}

function gelu(x: TfTensor): TfTensor {
  const cubic = x.add(x.mul(x).mul(x).mul(0.044715)).mul(GELU_SCALE);
  return x.mul(0.5).mul(cubic.tanh().add(1));
}

/** AdamW with clipping; its means are variables too. */
class Optimizer {
  readonly #tf: Tf;
  readonly #options: Recipe["optimizer"];
  readonly #means = new Map<string, { m: TfVariable; v: TfVariable }>();
  #step = 0;

  constructor(tf: Tf, parameters: ReadonlyMap<string, TfVariable>, options: Recipe["optimizer"]) {
    this.#tf = tf;
    this.#options = options;
    for (const [name, parameter] of parameters) {
      const zeros = (kind: string): TfVariable => tf.variable(tf.zerosLike(parameter), false, `${name}.${kind}`);
      this.#means.set(name, { m: zeros("m"), v: zeros("v") });
    }
  }

  step(parameters: ReadonlyMap<string, TfVariable>, grads: Readonly<Record<string, TfTensor>>): void {
    this.#step++;
    const { learningRate, beta1, beta2, eps, weightDecay, gradClip } = this.#options;
    const [correction1, correction2] = [beta1, beta2].map((beta) => 1 - beta ** this.#step);
    const squares = Object.values(grads).map((grad) => grad.square().sum());
    const norm = this.#tf.addN(squares).sqrt();
    const factor = this.#tf.tensor([gradClip], []).div(norm.add(1e-6)).minimum(1);
    for (const [name, parameter] of parameters) {
      const { m, v } = this.#means.get(name) as { m: TfVariable; v: TfVariable };
      const grad = grads[name].mul(factor);
      m.assign(m.mul(beta1).add(grad.mul(1 - beta1)));
      v.assign(v.mul(beta2).add(grad.square().mul(1 - beta2)));
      const change = m.div(correction1).div(v.div(correction2).sqrt().add(eps));
      const kept = parameter.shape.length >= 2 ? parameter.mul(1 - learningRate * weightDecay) : parameter;
      parameter.assign(kept.sub(change.mul(learningRate)));
    }
  }

  dispose(): void {
    for (const { m, v } of this.#means.values()) [m, v].forEach((each) => each.dispose());
  }
}

/** Prepares it. */
export function prepareTfjsTraining(tf: Tf, { recipe: path, checkedSteps }: TrainingWork): Prepared {
  const recipe = readRecipe(path);
  const model = new Model(tf, recipe);
  const optimizer = new Optimizer(tf, model.parameters, recipe.optimizer);
  const step = batchCycle(recipe, (batch) =>
    tf.tidy(() => {
      const { value, grads } = tf.variableGrads(() => model.loss(batch));
      optimizer.step(model.parameters, grads);
      return value.dataSync()[0];
    }),
  );
  const release = (): void => [model, optimizer].forEach((each) => each.dispose());
  return { check: { values: Array.from({ length: checkedSteps }, step) }, run: step, release };
}
