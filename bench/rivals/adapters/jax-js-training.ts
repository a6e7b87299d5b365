/** A training step of the recipe in jax-js: forward, backward, clipping and AdamW as one compiled function. */
import type { Prepared, TrainingWork } from "../adapter.ts";
import { batchCycle, readRecipe } from "../files/recipe.ts";
import type { Recipe } from "../files/recipe.ts";
import type { Jax, JaxArray, JaxTree } from "./jax-js.ts";

interface State {
  parameters: JaxTree;
  m: JaxTree;
  v: JaxTree;
}

/** Mean loss of a batch, whose tokens come one after another. Gives up its arguments, as all functions of jax-js do. */
function lossFunction(jax: Jax, { model, batches, normEps }: Recipe) {
  const { numpy: np, nn } = jax;
  const { vocabSize, contextLength: seq, dModel, nHeads, nLayers } = model;
  const batch = batches[0].inputs.length;
  const rows = batch * seq;
  return (parameters: JaxTree, inputs: JaxArray, targets: JaxArray): JaxArray => {
    const weight = (name: string): JaxArray => parameters[`${name}.weight`];
    const linear = (x: JaxArray, name: string): JaxArray => np.matmul(x, weight(name).transpose());
    const norm = (x: JaxArray, name: string): JaxArray => nn.standardize(x, -1, { epsilon: normEps }).mul(weight(name));
    const attention = (x: JaxArray, name: string): JaxArray => {
      const heads = (which: string): JaxArray =>
        linear(x.ref, `${name}.${which}`).reshape([batch, seq, nHeads, dModel / nHeads]);
      const [q, k, v] = ["qProj", "kProj", "vProj"].map(heads);
      x.dispose();
      const mixed = nn.dotProductAttention(q, k, v, { isCausal: true });
      return linear(mixed.reshape([rows, dModel]), `${name}.outProj`);
    };
    const table = weight("tokenEmbedding");
    const embedded = np.matmul(nn.oneHot(inputs, vocabSize), table.ref).reshape([batch, seq, dModel]);
    let x = embedded.add(weight("positionEmbedding")).reshape([rows, dModel]);
    for (let layer = 0; layer < nLayers; layer++) {
      const block = `blocks.${layer}`;
      x = x.ref.add(attention(norm(x, `${block}.norm1`), `${block}.attention`));
      const inner = nn.gelu(linear(norm(x.ref, `${block}.norm2`), `${block}.feedForward.upProj`));
      x = x.add(linear(inner, `${block}.feedForward.downProj`));
    }
    const logits = np.matmul(norm(x, "finalNorm"), table.transpose());
    const logProbs = nn.logSoftmax(logits, -1);
    return logProbs
      .mul(nn.oneHot(targets, vocabSize))
      .sum()
      .mul(-1 / rows);
  };
}

/** One step: [loss, next state]. `corrections` holds both of Adam's, since a compiled function knows no step number. */
function stepFunction(jax: Jax, recipe: Recipe) {
  const { numpy: np } = jax;
  const { learningRate, beta1, beta2, eps, weightDecay, gradClip } = recipe.optimizer;
  const lossAndGrads = jax.valueAndGrad(lossFunction(jax, recipe));
  const isMatrix = (name: string): boolean => (recipe.parameters.get(name)?.shape.length ?? 0) >= 2;
  return (
    { parameters, m, v }: State,
    inputs: JaxArray,
    targets: JaxArray,
    correction1: JaxArray,
    correction2: JaxArray,
  ): [JaxArray, State] => {
    const names = Object.keys(parameters);
    const kept = Object.fromEntries(names.map((name) => [name, parameters[name].ref]));
    const [loss, grads] = lossAndGrads(parameters, inputs, targets);
    const squares = names.map((name) => grads[name].ref.mul(grads[name].ref).sum());
    const norm = np.sqrt(squares.reduce((sum, each) => sum.add(each)));
    const factor = np.minimum(np.array([gradClip]).reshape([]).div(norm.add(1e-6)), 1);
    const next: State = { parameters: {}, m: {}, v: {} };
    for (const name of names) {
      const grad = grads[name].mul(factor.ref);
      next.m[name] = m[name].mul(beta1).add(grad.ref.mul(1 - beta1));
      next.v[name] = v[name].mul(beta2).add(grad.ref.mul(grad).mul(1 - beta2));
      const deviation = np.sqrt(next.v[name].ref.div(correction2.ref)).add(eps);
      const change = next.m[name].ref.div(correction1.ref).div(deviation).mul(learningRate);
      const before = isMatrix(name) ? kept[name].mul(1 - learningRate * weightDecay) : kept[name];
      next.parameters[name] = before.sub(change);
    }
    for (const each of [factor, correction1, correction2]) each.dispose();
    return [loss, next];
  };
}

function initialState({ numpy: np }: Jax, { parameters }: Recipe): State {
  const tree = (values: (data: Float32Array) => Float32Array): JaxTree =>
    Object.fromEntries([...parameters].map(([name, { shape, data }]) => [name, np.array(values(data)).reshape(shape)]));
  const zeros = (): JaxTree => tree((data) => new Float32Array(data.length));
  return { parameters: tree((data) => data), m: zeros(), v: zeros() };
}

/** Prepares it. */
export async function prepareJaxTraining(jax: Jax, { recipe: path, checkedSteps }: TrainingWork): Promise<Prepared> {
  const recipe = readRecipe(path);
  const { numpy: np } = jax;
  const { beta1, beta2 } = recipe.optimizer;
  const compiled = jax.jit(stepFunction(jax, recipe));
  let state = initialState(jax, recipe);
  let count = 0;
  const scalar = (value: number): JaxArray => np.array([value]).reshape([]);
  const step = batchCycle(recipe, async ({ inputs, targets }) => {
    count++;
    const ids = [inputs, targets].map((tokens) => np.array(Int32Array.from(tokens.flat()), { dtype: "int32" }));
    const [loss, next] = compiled(state, ids[0], ids[1], scalar(1 - beta1 ** count), scalar(1 - beta2 ** count));
    state = next;
    return (await loss.data())[0];
  });
  const losses: number[] = [];
  for (let i = 0; i < checkedSteps; i++) losses.push(await step());
  return { check: { values: losses }, run: step };
}
