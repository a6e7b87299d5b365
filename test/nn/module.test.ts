/** Finding parameters by name, and observing. */
import { describe, expect, it } from "vitest";
import { Linear } from "../../src/nn/linear.ts";
import { seeded } from "../../src/nn/init.ts";
import { Module, Parameter, observeUnder } from "../../src/nn/module.ts";
import { ones } from "../../src/tensor/create.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

class Branch extends Module {
  readonly scale = new Parameter(Float32Array.of(1), [1]);
  readonly layers = [
    new Linear(seeded(1), 2, 3, { bias: true, std: 1 }),
    new Linear(seeded(2), 3, 1, { bias: false, std: 1 }),
  ];
  readonly missing = undefined;
  readonly table = new Tensor(new Float32Array(2), [2]);
  readonly count = 5;
}

class Tree extends Module {
  readonly left = new Branch();
  readonly extra: Parameter | Branch = new Parameter(Float32Array.of(2), [1]);
}

describe("Module", () => {
  it("names its parameters by their path, in the order of the fields, and nothing else", () => {
    expect([...new Tree().parameters().keys()]).toEqual([
      "left.scale",
      "left.layers.0.weight",
      "left.layers.0.bias",
      "left.layers.1.weight",
      "extra",
    ]);
  });

  it("counts a parameter, list or module of several names once, under the first", () => {
    class Twins extends Module {
      readonly first = new Linear(seeded(1), 2, 3, { bias: false, std: 1 });
      readonly again = this.first;
      readonly weights = [this.first.weight, new Parameter(Float32Array.of(1), [1])];
      readonly same = this.weights;
    }
    expect([...new Twins().parameters().keys()]).toEqual(["first.weight", "weights.1"]);
  });

  it("may contain itself", () => {
    class Child extends Module {
      readonly scale = new Parameter(Float32Array.of(1), [1]);
      readonly parent: Module;
      constructor(parent: Module) {
        super();
        this.parent = parent;
      }
    }
    class Parent extends Module {
      readonly child = new Child(this);
      readonly shift = new Parameter(Float32Array.of(0), [1]);
    }
    const parent = new Parent();
    expect([...parent.parameters().keys()]).toEqual(["child.scale", "shift"]);
    expect([...parent.child.parameters().keys()]).toEqual(["scale", "parent.shift"]);
  });

  it("hands out the parameters themselves", () => {
    const tree = new Tree();
    expect(tree.parameters().get("left.layers.0.weight")).toBe(tree.left.layers[0].weight);
  });
});

describe("Parameter", () => {
  it("is a tensor that wants a gradient", () => {
    const parameter = new Parameter(Float32Array.of(1, 2), [2]);
    expect(parameter).toBeInstanceOf(Tensor);
    expect([parameter.requiresGrad, parameter.shape]).toEqual([true, [2]]);
  });
});

describe("observeUnder", () => {
  it("puts a prefix before every name", () => {
    const seen: string[] = [];
    const observe = observeUnder((name) => seen.push(name), "blocks.0");
    observeUnder(observe, "attention")?.("weights", ones([1]));
    expect(seen).toEqual(["blocks.0.attention.weights"]);
  });

  it("is nothing where nobody observes", () => {
    expect(observeUnder(undefined, "blocks.0")).toBeUndefined();
  });
});
