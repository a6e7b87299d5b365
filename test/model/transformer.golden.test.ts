/** Whole models against PyTorch: logits, loss, and the gradient of every parameter. */
import { expect, it } from "vitest";
import { fromHuggingFace } from "../../src/formats/names.ts";
import { loadModel } from "../../src/load.ts";
import { crossEntropy } from "../../src/ops/cross-entropy.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { describeBackends } from "../backends.ts";
import { dataPath, describeWithData } from "../data.ts";
import { expectClose, pick, readGolden } from "../golden.ts";

const TOLERANCE = 1e-4;

describeWithData("a model of PyTorch", () => {
  describeBackends(() => {
    it.each([
      ["gpt2", "gpt2-tiny"],
      ["llama", "llama-tiny"],
    ] as const)("of the %s family (%s) has the same logits, loss and gradients", async (family, folder) => {
      const { model } = await loadModel(dataPath("golden", folder));
      const reference = readGolden(dataPath("golden", folder, "reference.safetensors"));
      const rows = (pick(reference, "batches").toArray() as number[][][])[0];
      const logits = model.forward(rows.map((row) => row.slice(0, 16)));
      const loss = crossEntropy(
        logits,
        rows.map((row) => row.slice(1)),
      );
      loss.backward();
      expectClose(logits, pick(reference, "logits"), TOLERANCE, `${folder}: logits`);
      expectClose(new Tensor(loss.data, [1]), pick(reference, "loss"), TOLERANCE, `${folder}: loss`);

      const theirs = new Map(
        [...reference].flatMap(([name, value]) =>
          name.startsWith("grad/") ? [[name.slice("grad/".length), value]] : [],
        ),
      );
      const gradients = fromHuggingFace({ type: family, config: model.config }, theirs);
      expect([...gradients.keys()].sort()).toEqual([...model.parameters().keys()].sort());
      for (const [name, { grad }] of model.parameters()) {
        const { data, shape } = gradients.get(name) as Tensor;
        expectClose(grad as Tensor, new Tensor(data, shape), TOLERANCE, `${folder}: gradient of ${name}`);
      }
    });
  });
});
