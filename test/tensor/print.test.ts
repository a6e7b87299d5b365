/** Tensors as text. */
import { describe, expect, it } from "vitest";
import { formatTensor } from "../../src/tensor/print.ts";
import { arange, tensor, zeros } from "../../src/tensor/create.ts";
import { reshape } from "../../src/ops/layout.ts";

describe("formatTensor", () => {
  it("shows the shape and the nested rows", () => {
    expect(formatTensor(Float32Array.of(1, 2, 3, 4), [2, 2])).toBe("Tensor [2, 2] [[1, 2], [3, 4]]");
    expect(String(tensor(3))).toBe("Tensor [] 3");
  });

  it("shows whole numbers whole and others to four digits", () => {
    expect(String(tensor([0.5, 1 / 3, 123_456, 1e-9, -0.125]))).toBe(
      "Tensor [5] [0.5000, 0.3333, 123456, 1.000e-9, -0.1250]",
    );
    expect(String(tensor([NaN, Infinity, -Infinity]))).toBe("Tensor [3] [NaN, Infinity, -Infinity]");
  });

  it("shows the ends of long axes", () => {
    expect(String(arange(6))).toBe("Tensor [6] [0, 1, 2, 3, 4, 5]");
    expect(String(arange(7))).toBe("Tensor [7] [0, 1, 2, … 4, 5, 6]");
    expect(String(reshape(arange(14), [7, 2]))).toBe(
      "Tensor [7, 2] [[0, 1], [2, 3], [4, 5], … [8, 9], [10, 11], [12, 13]]",
    );
  });

  it("stays short, however large the tensor", () => {
    expect(String(zeros([100, 100, 100])).length).toBeLessThan(1000);
  });

  it("shows axes of 0", () => {
    expect(String(zeros([0]))).toBe("Tensor [0] []");
    expect(String(zeros([2, 0]))).toBe("Tensor [2, 0] [[], []]");
  });
});
