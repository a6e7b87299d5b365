/** A training step of heed: what `train` does inside, with the batches and the constant learning rate of the recipe. */
import { AdamW, Transformer, clipFactor, crossEntropy, gradientNorm, scope } from "heed";
import type { Prepared, TrainingWork } from "../adapter.ts";
import { batchCycle, readRecipe } from "../files/recipe.ts";

/** Prepares it. */
export function prepareHeedTraining({ recipe: path, checkedSteps }: TrainingWork): Prepared {
  const recipe = readRecipe(path);
  const { learningRate, beta1, beta2, eps, weightDecay, gradClip } = recipe.optimizer;
  const initial = new Map([...recipe.parameters].map(([name, { data }]) => [name, data]));
  const model = new Transformer(recipe.model, { parameters: initial });
  const parameters = model.parameters();
  const optimizer = new AdamW(parameters, { beta1, beta2, eps, weightDecay });
  const step = batchCycle(recipe, ({ inputs, targets }) =>
    scope(() => {
      const loss = crossEntropy(model.forward(inputs), targets);
      loss.backward();
      optimizer.step(learningRate, clipFactor(gradientNorm(parameters), gradClip));
      optimizer.zeroGrad();
      return loss.item();
    }),
  );
  return {
    check: { values: Array.from({ length: checkedSteps }, step) },
    run: step,
    release: () => model.dispose(),
  };
}
