/** Ten steps of AdamW on two small models go as they went in PyTorch. */
import { beforeAll, expect, it } from "vitest";
import type { Family } from "../../src/formats/architectures/table.ts";
import { toHuggingFace } from "../../src/formats/names.ts";
import { loadModel } from "../../src/load.ts";
import type { Transformer } from "../../src/model/transformer.ts";
import { crossEntropy } from "../../src/ops/cross-entropy.ts";
import { scope } from "../../src/tensor/scope.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { clipFactor, gradientNorm } from "../../src/training/clip.ts";
import { AdamW } from "../../src/training/optimizer.ts";
import { describeBackends } from "../backends.ts";
import { dataPath, describeWithData } from "../data.ts";
import { distance, pick, readGolden } from "../golden.ts";

/** Trains on the batches one after the other; rows hold the inputs and, one further on, the targets. */
function trainOn(model: Transformer, batches: Tensor): { losses: number[]; norms: number[] } {
  const [count, rows, width] = batches.shape;
  const parameters = model.parameters();
  const optimizer = new AdamW(parameters, { beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.1, decay: "all" });
  const losses: number[] = [];
  const norms: number[] = [];
  for (let step = 0; step < count; step++) {
    const texts = Array.from({ length: rows }, (_, row) =>
      Array.from(batches.data.subarray((step * rows + row) * width, (step * rows + row + 1) * width)),
    );
    losses.push(
      scope(() => {
        const loss = crossEntropy(
          model.forward(texts.map((text) => text.slice(0, -1))),
          texts.map((text) => text.slice(1)),
        );
        loss.backward();
        return loss.item();
      }),
    );
    norms.push(gradientNorm(parameters.values()));
    optimizer.step(1e-3, clipFactor(norms[step], 1));
    optimizer.zeroGrad();
  }
  return { losses, norms };
}

const families: readonly [folder: string, family: Family][] = [
  ["gpt2-tiny", "gpt2"],
  ["llama-tiny", "llama"],
];

for (const [folder, family] of families) {
  describeWithData(`ten steps of ${folder}`, () => {
    describeBackends(() => {
      let golden: Map<string, Tensor>;
      let model: Transformer;
      let trained: { losses: number[]; norms: number[] };
      beforeAll(async () => {
        golden = readGolden(dataPath("golden", folder, "reference.safetensors"));
        ({ model } = await loadModel(dataPath("golden", folder)));
        trained = trainOn(model, pick(golden, "batches"));
      });

      function expectNear(actual: ArrayLike<number>, name: string): void {
        const error = distance(actual, pick(golden, name).data);
        if (process.env.HEED_ERRORS !== undefined)
          console.log(`${folder} ${name}: ${error.toExponential(1)} (allowed 1e-4)`);
        expect(error, name).toBeLessThanOrEqual(1e-4);
      }

      it("have PyTorch's losses", () => {
        expect(trained.losses).toHaveLength(10);
        expectNear(trained.losses, "trainLosses");
      });

      it("have PyTorch's gradient norms, some of which are clipped", () => {
        expectNear(trained.norms, "gradNorms");
        expect(Math.max(...trained.norms)).toBeGreaterThan(1);
      });

      it("end at PyTorch's parameters", () => {
        const parameters = toHuggingFace({ type: family, config: model.config }, model.parameters());
        const names = [...golden.keys()].filter((name) => name.startsWith("after10/"));
        expect(names).toHaveLength(4);
        for (const name of names) {
          const { data } = parameters.get(name.slice("after10/".length)) ?? { data: new Float32Array() };
          const expected = pick(golden, name).data;
          expect(data).toHaveLength(expected.length);
          const error = data.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0);
          if (process.env.HEED_ERRORS !== undefined)
            console.log(`${folder} ${name}: ${error.toExponential(1)} absolute (allowed 1e-4)`);
          expect(error, name).toBeLessThanOrEqual(1e-4);
        }
      });
    });
  });
}
