/**
 * Kernels as WebAssembly functions. All have one type, `(argumentsAddress, begin, end)`: arrays, sizes and scalars stand in a
 * block of memory, so that a thread can run any kernel that it is told by number.
 *
 * Files of this folder mirror those of loops/: each adds its functions to an `Assembly` when the backend starts and gives
 * back the kernels that call them.
 */
import type { Kernels } from "../backend.ts";
import { f32, f32x4, i32, i32x4, select, v128 } from "./assembler.ts";
import type { I32, Local, Operand, Statement, V128, ValueType } from "./assembler.ts";
import type { FunctionBody } from "./function-body.ts";
import type { LinearMemory } from "./memory.ts";
import { ModuleBuilder, threadIndex } from "./module.ts";
import type { ModuleFunction } from "./module.ts";

/** Arrays that kernels work on. */
export type KernelArray = Float32Array | Float64Array | Int32Array | Uint8Array;

/** How many arguments of each kind a kernel function takes, in the order of the convention of backend.ts. */
export interface Layout {
  /** Arrays that are written. */
  readonly outputs: number;
  /** Arrays that are only read. */
  readonly inputs: number;
  /** Integers, flags among them. */
  readonly sizes?: number;
  /** Numbers that are rounded to float32. */
  readonly scalars?: number;
}

type Repeat<N, T, All extends T[] = []> = All["length"] extends N ? All : Repeat<N, T, [...All, T]>;
type Many<N, T> = N extends number ? Repeat<N, T> : [];

/** The arguments inside the function, loaded into local variables: addresses of arrays, sizes, scalars. Then the range, and where this thread's own scratch begins. */
export type KernelLocals<L extends Layout> = [
  ...Many<L["outputs"], Local<"i32">>,
  ...Many<L["inputs"], Local<"i32">>,
  ...Many<L["sizes"], Local<"i32">>,
  ...Many<L["scalars"], Local<"f32">>,
  begin: Local<"i32">,
  end: Local<"i32">,
  scratch: Local<"i32">,
];

/** What is known of the work of a call. */
export interface Work {
  begin: number;
  end: number;
  /** The length of the whole range. A call for less keeps what else stands in the outputs; Infinity: so does one for all. */
  items: number;
  /** Work of one item of the range, in additions or the like: decides whether threads are worth it. */
  cost: number;
  /** Bytes that each thread needs for itself. */
  scratchBytes?: number;
}

/** Arguments of a kernel function but for its range. */
export type KernelArguments = readonly (KernelArray | number)[];

/** Calls one kernel function. */
export type Call = (args: KernelArguments, work: Work) => void;

/** Runs functions of the finished module; the backend gives it. */
export type Run = (fn: number, layout: Layout, args: KernelArguments, work: Work) => void;

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
  /** The kernels so far. */
  readonly kernels: Partial<Kernels> = {};
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
  inner<const P extends readonly ValueType[]>(
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
  function<const L extends Layout>(
    name: string,
    layout: L,
    build: (f: FunctionBody, ...locals: KernelLocals<L>) => void,
  ): Call {
    const { outputs, inputs, sizes = 0, scalars = 0 } = layout;
    const { index } = this.module.define(name, ["i32", "i32", "i32"], (f, block, begin, end) => {
      const locals: Local<ValueType>[] = [];
      for (let i = 0; i < outputs + inputs + sizes + scalars; i++) {
        const { load } = i < outputs + inputs + sizes ? i32 : f32;
        locals.push(f.let<ValueType>(load(block, SCRATCH_FIELDS + 4 * i)));
      }
      const scratch = f.let(i32.add(i32.load(block), i32.mul(i32.load(block, 4), threadIndex)));
      build(f, ...([...locals, begin, end, scratch] as unknown as KernelLocals<L>));
    });
    return (args, work) => this.#run(index, layout, args, work);
  }

  /**
   * Adds a kernel of the list, which takes what the list says.
   *
   * @param item from the sizes, how many numbers of the first output one item of the range is, and its cost
   */
  kernel<const L extends Layout>(
    name: keyof Kernels,
    layout: L,
    item: (...sizes: Many<L["sizes"], number>) => readonly [numbers: number, cost: number],
    build: (f: FunctionBody, ...locals: KernelLocals<L>) => void,
  ): void {
    const run = this.function(name, layout, build);
    const arrays = layout.outputs + layout.inputs;
    const kernel = (...args: [KernelArray, ...number[]]): void => {
      const end = args.pop() as number;
      const begin = args.pop() as number;
      const sizes = args.slice(arrays); // and scalars, which `item` takes no notice of
      const [numbers, cost] = item(...(sizes as Many<L["sizes"], number>));
      run(args, { begin, end, items: args[0].length / numbers, cost });
    };
    Object.assign(this.kernels, { [name]: kernel });
  }
}

/** The address of element `index` of an array of 4-byte elements. */
export function element(array: I32, index: Operand<"i32">): I32 {
  return i32.add(array, i32.shl(index, 2));
}

/** Bytes of so many elements. */
export function bytes(elements: Operand<"i32">): I32 {
  return i32.shl(elements, 2);
}

/** The smaller of two unsigned integers, computed without a branch. */
export function atMost(a: I32, b: Operand<"i32">): I32 {
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
    f.while(width === 1 ? count : i32.ge_u(count, width), () => {
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

/** to[i] = value(from[i] of every array) for `count` elements, so many vectors at a time. */
export function mapElements(
  f: FunctionBody,
  count: I32,
  to: I32,
  from: readonly I32[],
  value: (...values: V128[]) => V128,
  vectors = 1,
): void {
  const [target, ...sources] = [to, ...from].map((array) => f.let(array));
  eachBlock(f, f.let(count), [target, ...sources], vectors, ({ load, store }, offsets) => {
    for (const offset of offsets) f.do(store(target, value(...sources.map((source) => load(source, offset))), offset));
  });
}

/** out[i] = value(array[i] of every array) for i from `begin` to `end`. */
export function mapRange(
  f: FunctionBody,
  begin: I32,
  end: I32,
  out: I32,
  arrays: readonly I32[],
  value: (...values: V128[]) => V128,
): void {
  const at = (array: I32): I32 => element(array, begin);
  mapElements(f, i32.sub(end, begin), at(out), arrays.map(at), value);
}

/** Combines the four lanes of a vector with `combine`, (0 ∘ 2) ∘ (1 ∘ 3); the result stands in every lane. */
export function acrossLanes(f: FunctionBody, vector: V128, combine: (a: V128, b: V128) => V128): Local<"v128"> {
  const x = f.let(vector);
  const pairs = f.let(combine(x, i32x4.shuffle(x, x, 2, 3, 0, 1)));
  return f.let(combine(pairs, i32x4.shuffle(pairs, pairs, 1, 0, 3, 2)));
}
