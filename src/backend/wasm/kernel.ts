/**
 * Kernels as WebAssembly functions. All have one type, `(argumentsAddress, begin, end)`: arrays, sizes and scalars stand in a
 * block of memory, so that a thread can run any kernel that it is told by number.
 *
 * Files of this folder mirror those of loops/: each adds its functions to an `Assembly` when the backend starts and gives
 * back the kernels that call them.
 */
import { f32, f32x4, i32, i32x4, select, v128 } from "./assembler.ts";
import type { I32, Local, Statement, V128, ValueType } from "./assembler.ts";
import type { FunctionBody } from "./function-body.ts";
import type { LinearMemory } from "./memory.ts";
import { ModuleBuilder, threadIndex } from "./module.ts";
import type { ModuleFunction } from "./module.ts";

/** Arrays that kernels work on. */
export type KernelArray = Float32Array | Float64Array | Int32Array;

/** What a kernel function takes, in the order in which it stands in the block: addresses, then integers, then floats. */
export interface Layout<O extends string, I extends string, S extends string, F extends string> {
  /** Arrays that are written. */
  readonly outputs: readonly O[];
  /** Arrays that are only read. */
  readonly inputs: readonly I[];
  /** Integers, flags among them. */
  readonly sizes?: readonly S[];
  /** Rounded to float32. */
  readonly scalars?: readonly F[];
}

/** The arguments inside the function, loaded into local variables. */
export type KernelLocals<O extends string, I extends string, S extends string, F extends string> = Record<
  O | I | S | "begin" | "end",
  Local<"i32">
> &
  Record<F, Local<"f32">> & {
    /** Where this thread's own scratch begins, for calls with `scratchBytes`. */
    scratch: I32;
  };

/** One call of a kernel function. */
export interface KernelCall {
  outputs: readonly KernelArray[];
  inputs: readonly KernelArray[];
  sizes?: readonly number[];
  scalars?: readonly number[];
  begin: number;
  end: number;
  /** The length of the whole range. A call for less keeps what else stands in the outputs; Infinity: so does one for all. */
  items: number;
  /** Work of one item of the range, in additions or the like: decides whether threads are worth it. */
  cost: number;
  /** Bytes that each thread needs for itself. */
  scratchBytes?: number;
}

/** Runs functions of the finished module; the backend gives it. */
export type Run = (fn: number, call: KernelCall) => void;

/** Bytes at the beginning of a block of arguments, before its outputs: address and size of scratch. */
const SCRATCH_FIELDS = 8;

/** Arithmetic that depends on what the engine has. */
export interface Arithmetic {
  /** a · b + c, with one rounding (relaxed) or two. */
  madd(a: V128, b: V128, c: V128): V128;
  relaxed: boolean;
}

/** A module of kernels under construction. */
export class Assembly {
  readonly module: ModuleBuilder = new ModuleBuilder();
  readonly arithmetic: Arithmetic;
  /** Where arrays that only a kernel needs are lent. */
  readonly memory: LinearMemory;
  readonly #run: Run;

  /** @param run runs the functions, once the module is finished */
  constructor(relaxed: boolean, memory: LinearMemory, run: Run) {
    this.memory = memory;
    this.#run = run;
    this.arithmetic = {
      relaxed,
      madd: relaxed ? f32x4.relaxed_madd : (a, b, c) => f32x4.add(f32x4.mul(a, b), c),
    };
  }

  /** Adds a function that is called from others of the module. */
  function<const P extends readonly ValueType[]>(
    parameters: P,
    build: (f: FunctionBody, ...parameters: { [K in keyof P]: Local<P[K]> }) => void,
  ): ModuleFunction<P> {
    return this.module.define("", parameters, build);
  }

  /**
   * Adds a kernel function.
   *
   * @param build emits its body, which handles the items from `begin` up to `end`
   * @returns what calls it
   */
  kernel<
    const O extends string,
    const I extends string,
    const S extends string = never,
    const F extends string = never,
  >(
    name: string,
    layout: Layout<O, I, S, F>,
    build: (f: FunctionBody, locals: KernelLocals<O, I, S, F>) => void,
  ): (call: KernelCall) => void {
    const { index } = this.module.define(name, ["i32", "i32", "i32"], (f, block, begin, end) => {
      let offset = SCRATCH_FIELDS;
      const locals: Record<string, Local<"i32"> | Local<"f32"> | I32> = { begin, end };
      for (const field of [...layout.outputs, ...layout.inputs, ...(layout.sizes ?? [])]) {
        locals[field] = f.let(i32.load(block, offset));
        offset += 4;
      }
      for (const field of layout.scalars ?? []) {
        locals[field] = f.let(f32.load(block, offset));
        offset += 4;
      }
      locals.scratch = f.let(i32.add(i32.load(block, 0), i32.mul(i32.load(block, 4), threadIndex)));
      build(f, locals as KernelLocals<O, I, S, F>);
    });
    return (call) => this.#run(index, call);
  }
}

/** The address of element `index` of an array of 4-byte elements. */
export function element(array: I32, index: I32): I32 {
  return i32.add(array, i32.shl(index, i32.const(2)));
}

/** Bytes of so many elements. */
export function bytes(elements: I32): I32 {
  return i32.shl(elements, i32.const(2));
}

/** The smaller of two unsigned integers, computed without a branch. */
export function atMost(a: I32, b: I32): I32 {
  return select(i32.lt_u(a, b), a, b);
}

/** How a vector loop reads and writes at a byte offset: four lanes at once, or only the first. */
export interface Lanes {
  /** 4 or 1. */
  readonly width: 1 | 4;
  load(address: I32, offset?: number): V128;
  store(address: I32, value: V128, offset?: number): Statement;
}

const FOUR: Lanes = { width: 4, load: v128.load, store: v128.store };
const ONE: Lanes = {
  width: 1,
  load: v128.load32_splat,
  store: (address, value, offset) => v128.store32_lane(address, value, 0, offset),
};

/**
 * Runs `body` over `count` elements: four at a time, then the rest one by one with the same instructions, so that an
 * element's result does not depend on its place. `pointers` advance with the elements.
 *
 * @param count is used up: zero afterwards
 */
export function eachElement(
  f: FunctionBody,
  count: Local<"i32">,
  pointers: readonly Local<"i32">[],
  body: (lanes: Lanes) => void,
): void {
  eachBlock(f, count, pointers, 1, body);
}

/**
 * `eachElement` with blocks of several vectors first, for loops that hold one accumulator per vector or have little to do
 * for each. `body` gets the byte offsets of the vectors in a block.
 */
export function eachBlock(
  f: FunctionBody,
  count: Local<"i32">,
  pointers: readonly Local<"i32">[],
  vectors: number,
  body: (lanes: Lanes, offsets: readonly number[]) => void,
): void {
  const blocks = (lanes: Lanes, offsets: readonly number[]): void => {
    const width = lanes.width * offsets.length;
    f.while(width === 1 ? count : i32.ge_u(count, i32.const(width)), () => {
      body(lanes, offsets);
      for (const pointer of pointers) f.increase(pointer, 4 * width);
      f.increase(count, -width);
    });
  };
  if (vectors > 1)
    blocks(
      FOUR,
      Array.from({ length: vectors }, (_, i) => 16 * i),
    );
  blocks(FOUR, [0]);
  blocks(ONE, [0]);
}

/** Combines the four lanes of a vector with `combine`, (0 ∘ 2) ∘ (1 ∘ 3); the result stands in every lane. */
export function acrossLanes(f: FunctionBody, vector: V128, combine: (a: V128, b: V128) => V128): Local<"v128"> {
  const x = f.let(vector);
  const pairs = f.let(combine(x, i32x4.shuffle(x, x, 2, 3, 0, 1)));
  return f.let(combine(pairs, i32x4.shuffle(pairs, pairs, 1, 0, 3, 2)));
}
