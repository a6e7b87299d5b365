/** Every operation against PyTorch: results and gradients. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { Tensor } from "../src/tensor/tensor.ts";
import { describeBackends } from "./backends.ts";
import { dataPath, describeWithData } from "./data.ts";
import { expectClose, pick, readGolden } from "./golden.ts";
import { opCases } from "./op-cases.ts";

interface GoldenCase {
  name: string;
  attrs: Record<string, unknown>;
  inputs: string[];
}

/** Attributes that describe a case in words and are no options. */
const WORDS = ["formula", "layout", "reduction", "pairing"];

describeWithData("golden values of the operations", () => {
  const golden = JSON.parse(readFileSync(dataPath("golden", "ops.json"), "utf8")) as GoldenCase[];
  const tensors = readGolden(dataPath("golden", "ops.safetensors"));

  describeBackends(() => {
    it.each(golden)("$name agrees in result and gradients", ({ name, inputs }) => {
      const opCase = opCases.find((candidate) => candidate.name === name);
      if (opCase === undefined) throw new Error(`no case "${name}" in op-cases.ts`);
      expect(Object.keys(opCase.inputs)).toEqual(inputs);
      const leaves = inputs.map((input) => {
        const { data, shape } = pick(tensors, `${name}/in/${input}`);
        expect(opCase.inputs[input].shape, input).toEqual(shape);
        return new Tensor(data.slice(), shape, opCase.inputs[input].differentiable);
      });
      const out = opCase.run(...leaves);
      expectClose(out, pick(tensors, `${name}/out`), opCase.tolerance.forward, name);
      out.backward(pick(tensors, `${name}/gradOut`));
      inputs.forEach((input, i) => {
        const expected = tensors.get(`${name}/grad/${input}`);
        expect(expected !== undefined, `a golden gradient of ${input}`).toBe(opCase.inputs[input].differentiable);
        if (expected !== undefined)
          expectClose(leaves[i].grad as Tensor, expected, opCase.tolerance.gradient, `${name}: gradient of ${input}`);
      });
    });
  });

  it.each(golden)("$name is computed with the options that the golden file names", ({ name, attrs }) => {
    const attributes = opCases.find((candidate) => candidate.name === name)?.attributes ?? {};
    for (const [key, value] of Object.entries(attrs))
      if (!WORDS.includes(key)) expect(attributes[key], key).toBe(value);
  });

  it("cover all 32 cases of the file, and no golden tensor is left over", () => {
    expect(golden).toHaveLength(32);
    const covered = new Set(golden.map(({ name }) => name));
    for (const name of tensors.keys()) expect(covered, name).toContain(name.split("/")[0]);
  });
});
