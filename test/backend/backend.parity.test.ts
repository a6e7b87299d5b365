/** The backends against each other: every kernel on data of any size, then every operation with its gradients. */
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { backend } from "../../src/backend/current.ts";
import type { ArrayMemory, Kernels } from "../../src/backend/backend.ts";
import { loops } from "../../src/backend/loops/loops.ts";
import { hasRelaxedSimd } from "../../src/backend/wasm/features.ts";
import { createWasm } from "../../src/backend/wasm/wasm.ts";
import { Random } from "../../src/random.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { distance, expectClose } from "../golden.ts";
import { drawInputs, opCases } from "../op-cases.ts";
import type { OpCase } from "../op-cases.ts";
import { randomCases } from "../random-cases.ts";
import { call, kernelCases, specialCases } from "./kernel-cases.ts";
import type { KernelArray, KernelData } from "./kernel-cases.ts";

/** Bits that no kernel produces: a NaN, which spoils what is computed from it. */
const UNTOUCHED = 0x7fc0beef;
/** Elements before and behind every array in linear memory. */
const GUARD = 32;

const bits = (array: KernelArray): Int32Array => new Int32Array(array.buffer, array.byteOffset, array.byteLength / 4);

/** Makes an array on a buffer. */
type View = new (buffer: ArrayBufferLike, offset: number, length: number) => KernelArray;

const typeOf = (spec: KernelData["outputs"][number]): View =>
  typeof spec === "number" ? Float32Array : spec[1] === "int32" ? Int32Array : Float64Array;
const lengthOf = (spec: KernelData["outputs"][number]): number => (typeof spec === "number" ? spec : spec[0]);

/** Outputs in memory of their own. */
function allocate({ outputs }: KernelData): KernelArray[] {
  return outputs.map((spec) => {
    const type = typeOf(spec);
    const buffer = new ArrayBuffer(lengthOf(spec) * (type === Float64Array ? 8 : 4));
    const array = new type(buffer, 0, lengthOf(spec));
    bits(array).fill(UNTOUCHED);
    return array;
  });
}

/** Where the bits of two arrays differ in that only one of them is untouched; -1 if nowhere. */
function touchedInOne(a: KernelArray, b: KernelArray): number {
  const [x, y] = [bits(a), bits(b)];
  return x.findIndex((value, i) => (value === UNTOUCHED) !== (y[i] === UNTOUCHED));
}

/** Where two arrays first differ, any NaN being equal to any other; -1 if nowhere. */
function firstDifference(a: KernelArray, b: KernelArray): number {
  return a.findIndex((value: number, i: number) => !Object.is(value, b[i]));
}

/** What may lie between a kernel and the plain loops. Gradients add more up, and products with blocks round x to 16 bits. */
function toleranceOf(kernel: string, { rest }: KernelData): number {
  if (kernel === "linearStored" && (rest[0] as number) >= 2) return 3e-4;
  return kernel.includes("Backward") ? 1e-4 : 1e-5;
}

/** An array within guards, at an address that is a multiple of no more than its elements' size. */
class Guarded {
  readonly array: KernelArray;
  readonly #whole: Int32Array;
  readonly #start: number;

  constructor(memory: ArrayMemory, type: View, length: number, shift: number) {
    const words = type === Float64Array ? 2 : 1;
    const lent = memory.lend(words * (length + 2 * GUARD + shift));
    this.#whole = bits(lent).fill(UNTOUCHED);
    this.#start = words * (GUARD + shift);
    const bytes = type === Uint8Array ? shift : 0;
    this.array = new type(lent.buffer, lent.byteOffset + 4 * this.#start + bytes, length);
  }

  /** Where a guard has been written to, relative to the array; undefined if nowhere. */
  damage(): number | undefined {
    const end = this.#start + Math.ceil((this.array.byteLength + 3) / 4);
    const place = this.#whole.findIndex((value, i) => (i < this.#start || i >= end) && value !== UNTOUCHED);
    return place < 0 ? undefined : place - this.#start;
  }
}

/** What the engine can run. */
const variants = hasRelaxedSimd() ? [false, true] : [false];

describe.each(variants)("kernels, relaxed arithmetic %s", (relaxed) => {
  const { kernels, memory } = createWasm({ threads: 1, relaxed });

  it("has every kernel itself", () => {
    const names = Object.keys(loops.kernels) as (keyof Kernels)[];
    expect(names.filter((name) => kernels[name] === loops.kernels[name])).toEqual([]);
  });

  it.each(kernelCases)("$kernel agrees with the plain loops", ({ kernel, sizes, make }) => {
    const property = fc.property(sizes, (drawn) => {
      const data = make(drawn);
      const [expected, actual] = [allocate(data), allocate(data)];
      call(loops.kernels, kernel, expected, data.inputs, data.rest, 0, data.range);
      call(kernels, kernel, actual, data.inputs, data.rest, 0, data.range);
      expected.forEach((output, o) => {
        expect(touchedInOne(output, actual[o]), `written by one only in output ${o}`).toBe(-1);
        const allowed = output instanceof Int32Array ? 0 : toleranceOf(kernel, data);
        expect(distance(actual[o], output), `output ${o}`).toBeLessThanOrEqual(allowed);
      });
    });
    fc.assert(property, { seed: 1, numRuns: 60 });
  });

  it.each(kernelCases)(
    "$kernel gives the same bits wherever arrays lie, and writes nothing else",
    ({ kernel, sizes, make }) => {
      const shifts = fc.array(fc.nat(3), { minLength: 12, maxLength: 12 });
      const property = fc.property(sizes, shifts, fc.double({ min: 0, max: 1, noNaN: true }), (drawn, shift, part) => {
        const data = make(drawn);
        const outside = allocate(data);
        call(kernels, kernel, outside, data.inputs, data.rest, 0, data.range);
        const mark = memory.mark();
        const outputs = data.outputs.map((spec, o) => new Guarded(memory, typeOf(spec), lengthOf(spec), shift[o]));
        const inputs = data.inputs.map((input, i) => {
          const guarded = new Guarded(memory, input.constructor as View, input.length, shift[11 - i]);
          guarded.array.set(input);
          return guarded;
        });
        const arrays = (guarded: Guarded[]): KernelArray[] => guarded.map(({ array }) => array);
        const cut = Math.floor(part * data.range);
        call(kernels, kernel, arrays(outputs), arrays(inputs), data.rest, cut, data.range);
        call(kernels, kernel, arrays(outputs), arrays(inputs), data.rest, 0, cut);
        outputs.forEach(({ array }, o) => expect(firstDifference(array, outside[o]), `output ${o}`).toBe(-1));
        inputs.forEach(({ array }, i) => expect(firstDifference(array, data.inputs[i]), `input ${i}`).toBe(-1));
        for (const guarded of [...outputs, ...inputs]) expect(guarded.damage(), "written outside").toBeUndefined();
        memory.giveBack(mark);
      });
      fc.assert(property, { seed: 2, numRuns: 40 });
    },
  );

  it.each(specialCases)(
    "$kernel treats NaN, infinities, zeros and subnormals as the plain loops do",
    ({ kernel, make }) => {
      const data = make({});
      const [[expected], [actual]] = [allocate(data), allocate(data)];
      call(loops.kernels, kernel, [expected], data.inputs, data.rest, 0, data.range);
      call(kernels, kernel, [actual], data.inputs, data.rest, 0, data.range);
      const x = data.inputs[data.inputs.length - 1];
      expected.forEach((value, i) => {
        expect(distance([actual[i]], [value]), `at ${x[i]}: ${actual[i]}, not ${value}`).toBeLessThanOrEqual(1e-5);
      });
    },
  );
});

it("has a case for every kernel", () => {
  expect([...new Set(kernelCases.map(({ kernel }) => kernel))].sort()).toEqual(Object.keys(loops.kernels).sort());
});

/** The result and the gradients of a case on the active backend. */
function compute(opCase: OpCase, seed: number): Map<string, Tensor> {
  const leaves = drawInputs(opCase, seed);
  const out = opCase.run(...leaves);
  const random = new Random(seed);
  out.backward(
    new Tensor(
      out.data.map(() => random.normal()),
      out.shape,
    ),
  );
  const names = Object.keys(opCase.inputs);
  const gradients = leaves.flatMap(({ grad }, i) => (grad === null ? [] : [[names[i], grad] as const]));
  return new Map([["", out], ...gradients]);
}

describe.each(variants)("operations, relaxed arithmetic %s", (relaxed) => {
  afterAll(() => backend.use("loops"));

  function expectParity(opCase: OpCase, seed: number): void {
    backend.use("loops");
    const expected = compute(opCase, seed);
    backend.use("wasm", { threads: 1, relaxed });
    const actual = compute(opCase, seed);
    expect([...actual.keys()]).toEqual([...expected.keys()]);
    const { forward, gradient } = opCase.tolerance;
    for (const [name, tensor] of actual) {
      const tolerance = name === "" ? forward : gradient;
      expectClose(tensor, expected.get(name) as Tensor, tolerance, `${opCase.name} ${name}`);
    }
  }

  it.each(opCases)("$name agrees in result and gradients", (opCase) => expectParity(opCase, 3));

  it.each(randomCases)("$name agrees at random shapes", ({ arbitrary }) => {
    fc.assert(fc.property(arbitrary, fc.nat(1000), expectParity), { seed: 1, numRuns: 40 });
  });
});
