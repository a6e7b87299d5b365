/** Reading lists of whole numbers. */
import { describe, expect, it } from "vitest";
import { ShapeError } from "../../src/errors.ts";
import { readIds } from "../../src/ops/ids.ts";
import type { Ids } from "../../src/ops/ids.ts";
import { tensor } from "../../src/tensor/create.ts";
import { expectError } from "../expect-error.ts";

const read = (source: unknown, limit = 10, ignored?: number): ReturnType<typeof readIds> =>
  readIds("op", "tokens", source as Ids, limit, ignored);

describe("readIds", () => {
  it("reads lists, typed arrays, rows and tensors", () => {
    const cases: [unknown, number[], number[]][] = [
      [[1, 2, 3], [1, 2, 3], [3]],
      [Uint8Array.of(4, 5), [4, 5], [2]],
      [
        [
          [1, 2],
          [3, 4],
          [5, 6],
        ],
        [1, 2, 3, 4, 5, 6],
        [3, 2],
      ],
      [tensor([[7, 8]]), [7, 8], [1, 2]],
      [[], [], [0]],
      [[[], []], [], [2, 0]],
    ];
    for (const [source, ids, shape] of cases) {
      const found = read(source);
      expect([...found.ids]).toEqual(ids);
      expect(found.shape).toEqual(shape);
    }
  });

  it("lets the ignored id through, wherever it lies", () => {
    expect([...read([1, -100, 2], 3, -100).ids]).toEqual([1, -100, 2]);
    expect([...read([50], 3, 50).ids]).toEqual([50]);
  });

  it.each([
    [[0, 10], /whole numbers from 0 to 9, got 10 at position 1$/],
    [[-1], /got -1 at position 0$/],
    [[1.5], /got 1.5 at position 0$/],
    [[NaN], /got NaN at position 0$/],
    [["1"], /got 1 at position 0$/],
    [[1, undefined], /got undefined at position 1$/],
    [[1, [2]], /at position 1$/],
    [tensor([0.5]), /got 0.5 at position 0$/],
    [7, /must be a list of ids, got number$/],
    ["abc", /must be a list of ids, got string$/],
    [null, /must be a list of ids, got null$/],
    [undefined, /must be a list of ids, got undefined$/],
    [{}, /must be a list of ids, got object$/],
    [[[1, 2], [3]], /rows of tokens must be equally long: row 0 has 2, row 1 has 1; shape \[2, 2\] expected$/],
    [[[1], 2], /rows of tokens must be equally long: row 0 has 1, row 1 has none/],
  ])("refuses %j and says why", (source, message) => {
    expectError(() => read(source), ShapeError, message);
    expectError(() => read(source), ShapeError, /^op: /);
  });
});
