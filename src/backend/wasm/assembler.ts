/**
 * An assembler for WebAssembly: every instruction is a function with the name that the specification gives it, which takes
 * its operands as pieces of code and gives back the code of all together. `f32x4.add(f32x4.mul(a, b), c)` is
 * written as it is read; the stack machine beneath stays out of sight. Operand types are checked twice: by TypeScript
 * and, for code that is put together in loops, when it is emitted.
 *
 * Opcodes: WebAssembly Core Specification 2.0, section 5.4; relaxed SIMD and threads from their proposals.
 */

import { HeedError } from "../../errors.ts";
import { raw, signed, unsigned } from "./bytes.ts";

/** What a piece of code leaves on the stack. */
export type ValueType = "i32" | "f32" | "f64" | "v128";

/** A piece of code and the type of its result. */
export interface Code<T extends ValueType | "void"> {
  readonly type: T;
  /** One in each character. */
  readonly bytes: string;
}

/** What an instruction takes: a piece of code, or a number for the constant. */
export type Operand<T extends ValueType> = Code<T> | (T extends "v128" ? never : number);

/** A 32-bit integer. */
export type I32 = Code<"i32">;
/** A 32-bit float. */
export type F32 = Code<"f32">;
/** A 64-bit float. */
export type F64 = Code<"f64">;
/** 128 bits. */
export type V128 = Code<"v128">;
/** An instruction without a result, to be given to `FunctionBody.do`. */
export type Statement = Code<"void">;

/** The byte that stands for each type. */
export const TYPE_BYTES: Readonly<Record<ValueType, string>> = { i32: "\x7f", f32: "\x7d", f64: "\x7c", v128: "\x7b" };

/** Constants as code. */
const CONSTANTS = {
  i32: (value: number): string => "\x41" + signed(value | 0),
  f32: (value: number): string => "\x43" + raw(Float32Array.of(value)),
  f64: (value: number): string => "\x44" + raw(Float64Array.of(value)),
};

/** The code of operand number `place` of an instruction, which must have a type. */
export function operand<T extends ValueType>(type: T, value: Operand<T>, place: number): string {
  if (typeof value === "number") return CONSTANTS[type as keyof typeof CONSTANTS](value);
  if (value.type !== type)
    throw new HeedError("assembler", `assembler: operand ${place} must be ${type}, got ${value.type}`);
  return value.bytes;
}

// Tables of opcodes by name. Vector instructions have the prefix 0xfd, which `VECTOR` stands for, atomic ones 0xfe.
const VECTOR = "\xfd";
const ATOMIC = "\xfe";
type Table = Readonly<Record<string, number>>;
type Instructions<T extends Table, F> = Readonly<Record<keyof T, F>>;

type Unary<A extends ValueType, R extends ValueType> = (a: Operand<A>) => Code<R>;
type Binary<A extends ValueType, R extends ValueType> = (a: Operand<A>, b: Operand<A>) => Code<R>;
type Ternary = (a: V128, b: V128, c: V128) => V128;
type Shift = (a: V128, bits: Operand<"i32">) => V128;
type ExtractLane<R extends ValueType> = (a: V128, lane: number) => Code<R>;
/** `offset` bytes are added to the address, at no cost. */
type Load<R extends ValueType> = (address: Operand<"i32">, offset?: number) => Code<R>;
type Store<A extends ValueType> = (address: Operand<"i32">, value: Operand<A>, offset?: number) => Statement;
/** What memory does not fill comes from `a`. */
type LoadLane = (address: Operand<"i32">, a: V128, lane: number, offset?: number) => V128;
type StoreLane = (address: Operand<"i32">, value: V128, lane: number, offset?: number) => Statement;

/** All instructions of a table, made alike. */
function each<T extends Table, F>(table: T, prefix: string, make: (opcode: string) => F): Instructions<T, F> {
  const named = Object.entries(table).map(([name, code]) => [name, make(prefix + unsigned(code))]);
  return Object.fromEntries(named) as Instructions<T, F>;
}

function unary<T extends Table, A extends ValueType, R extends ValueType>(
  table: T,
  from: A,
  to: R,
): Instructions<T, Unary<A, R>> {
  const prefix = from === V || to === V ? VECTOR : "";
  return each(table, prefix, (opcode) => (a) => ({ type: to, bytes: operand(from, a, 0) + opcode }));
}

function binary<T extends Table, A extends ValueType, R extends ValueType>(
  table: T,
  from: A,
  to: R,
): Instructions<T, Binary<A, R>> {
  return each(table, from === V ? VECTOR : "", (opcode) => (a, b) => ({
    type: to,
    bytes: operand(from, a, 0) + operand(from, b, 1) + opcode,
  }));
}

const V = "v128";

function ternary<T extends Table>(table: T): Instructions<T, Ternary> {
  return each(table, VECTOR, (opcode) => (a, b, c) => ({
    type: V,
    bytes: operand(V, a, 0) + operand(V, b, 1) + operand(V, c, 2) + opcode,
  }));
}

function shifts<T extends Table>(table: T): Instructions<T, Shift> {
  return each(table, VECTOR, (opcode) => (a, bits) => ({
    type: V,
    bytes: operand(V, a, 0) + operand("i32", bits, 1) + opcode,
  }));
}

function extract<R extends ValueType>(to: R, opcode: number): ExtractLane<R> {
  return (a, lane) => ({ type: to, bytes: operand(V, a, 0) + VECTOR + unsigned(opcode) + unsigned(lane) });
}

/** What follows the opcode of an access to memory. The alignment hint is 0, a byte: addresses are mostly aligned, and engines do not care. */
const place = (offset: number): string => "\0" + unsigned(offset);

function loads<T extends Table, R extends ValueType>(table: T, to: R): Instructions<T, Load<R>> {
  return each(table, to === V ? VECTOR : "", (opcode) => (address, offset = 0) => ({
    type: to,
    bytes: operand("i32", address, 0) + opcode + place(offset),
  }));
}

function stores<T extends Table, A extends ValueType>(table: T, from: A): Instructions<T, Store<A>> {
  return each(table, from === V ? VECTOR : "", (opcode) => (address, value, offset = 0) => ({
    type: "void",
    bytes: operand("i32", address, 0) + operand(from, value, 1) + opcode + place(offset),
  }));
}

function laneStores<T extends Table>(table: T): Instructions<T, StoreLane> {
  return each(table, VECTOR, (opcode) => (address, value, lane, offset = 0) => ({
    type: "void",
    bytes: operand("i32", address, 0) + operand(V, value, 1) + opcode + place(offset) + unsigned(lane),
  }));
}

function laneLoads<T extends Table>(table: T): Instructions<T, LoadLane> {
  return each(table, VECTOR, (opcode) => (address, a, lane, offset = 0) => ({
    type: V,
    bytes: operand("i32", address, 0) + operand(V, a, 1) + opcode + place(offset) + unsigned(lane),
  }));
}

/** Makes code for vectors: `lanes` are repeated until the vector is full. */
function vectorConstant(vector: Float32Array | Float64Array | Int32Array, lanes: readonly number[]): V128 {
  for (let i = 0; i < vector.length; i++) vector[i] = lanes[i % lanes.length];
  return { type: V, bytes: VECTOR + "\x0c" + raw(vector) };
}

// prettier-ignore
const I32_BINARY = {
  eq: 0x46, ne: 0x47, lt_s: 0x48, lt_u: 0x49, gt_s: 0x4a, gt_u: 0x4b, le_u: 0x4d, ge_s: 0x4e, ge_u: 0x4f,
  add: 0x6a, sub: 0x6b, mul: 0x6c, div_u: 0x6e, rem_u: 0x70, and: 0x71, or: 0x72, xor: 0x73, shl: 0x74, shr_s: 0x75, shr_u: 0x76,
} as const;
const I32_UNARY = { eqz: 0x45 } as const;
const I32_LOAD = { load: 0x28 } as const;
const I32_STORE = { store: 0x36 } as const;

/** 32-bit integers. Addresses and sizes are unsigned. */
export const i32: Instructions<typeof I32_BINARY, Binary<"i32", "i32">> &
  Instructions<typeof I32_UNARY, Unary<"i32", "i32">> &
  Instructions<typeof I32_LOAD, Load<"i32">> &
  Instructions<typeof I32_STORE, Store<"i32">> & { const(value: number): I32 } = {
  ...binary(I32_BINARY, "i32", "i32"),
  ...unary(I32_UNARY, "i32", "i32"),
  ...loads(I32_LOAD, "i32"),
  ...stores(I32_STORE, "i32"),
  const: (value) => ({ type: "i32", bytes: CONSTANTS.i32(value) }),
};

const F32_COMPARE = { eq: 0x5b, ne: 0x5c, lt: 0x5d, gt: 0x5e } as const;
const F32_UNARY = { abs: 0x8b, neg: 0x8c, sqrt: 0x91 } as const;
const F32_BINARY = { add: 0x92, sub: 0x93, mul: 0x94, div: 0x95, min: 0x96, max: 0x97 } as const;
const F32_LOAD = { load: 0x2a } as const;
const F32_STORE = { store: 0x38 } as const;
const F32_FROM_I32 = { convert_i32_u: 0xb3 } as const;
const F32_FROM_F64 = { demote_f64: 0xb6 } as const;

/** 32-bit floats. */
export const f32: Instructions<typeof F32_COMPARE, Binary<"f32", "i32">> &
  Instructions<typeof F32_UNARY, Unary<"f32", "f32">> &
  Instructions<typeof F32_BINARY, Binary<"f32", "f32">> &
  Instructions<typeof F32_LOAD, Load<"f32">> &
  Instructions<typeof F32_STORE, Store<"f32">> &
  Instructions<typeof F32_FROM_I32, Unary<"i32", "f32">> &
  Instructions<typeof F32_FROM_F64, Unary<"f64", "f32">> & { const(value: number): F32 } = {
  ...binary(F32_COMPARE, "f32", "i32"),
  ...unary(F32_UNARY, "f32", "f32"),
  ...binary(F32_BINARY, "f32", "f32"),
  ...loads(F32_LOAD, "f32"),
  ...stores(F32_STORE, "f32"),
  ...unary(F32_FROM_I32, "i32", "f32"),
  ...unary(F32_FROM_F64, "f64", "f32"),
  const: (value) => ({ type: "f32", bytes: CONSTANTS.f32(value) }),
};

const F64_UNARY = { sqrt: 0x9f } as const;
const F64_BINARY = { add: 0xa0, sub: 0xa1, mul: 0xa2, div: 0xa3 } as const;
const F64_STORE = { store: 0x39 } as const;
const F64_FROM_I32 = { convert_i32_u: 0xb8 } as const;
const F64_FROM_F32 = { promote_f32: 0xbb } as const;

/** 64-bit floats. */
export const f64: Instructions<typeof F64_UNARY, Unary<"f64", "f64">> &
  Instructions<typeof F64_BINARY, Binary<"f64", "f64">> &
  Instructions<typeof F64_STORE, Store<"f64">> &
  Instructions<typeof F64_FROM_I32, Unary<"i32", "f64">> &
  Instructions<typeof F64_FROM_F32, Unary<"f32", "f64">> & { const(value: number): F64 } = {
  ...unary(F64_UNARY, "f64", "f64"),
  ...binary(F64_BINARY, "f64", "f64"),
  ...stores(F64_STORE, "f64"),
  ...unary(F64_FROM_I32, "i32", "f64"),
  ...unary(F64_FROM_F32, "f32", "f64"),
  const: (value) => ({ type: "f64", bytes: CONSTANTS.f64(value) }),
};

// "zero" loads leave zeros in the lanes that memory does not fill, "splat" loads repeat what they read, 8x8 and 16x4 widen
// small integers.
// prettier-ignore
const V128_LOAD = {
  load: 0, load8x8_s: 1, load8x8_u: 2, load16x4_s: 3, load16_splat: 8, load32_splat: 9, load64_splat: 10, load32_zero: 92, load64_zero: 93,
} as const;
const V128_LOAD_LANE = { load16_lane: 85 } as const;
const V128_STORE = { store: 11 } as const;
const V128_STORE_LANE = { store32_lane: 90, store64_lane: 91 } as const;
const V128_BINARY = { and: 78, andnot: 79, or: 80, xor: 81 } as const;
// bitselect(a, b, mask): bits of a where the mask has ones, bits of b elsewhere.
const V128_TERNARY = { bitselect: 82 } as const;
const V128_TEST = { any_true: 83 } as const;

/** 128 bits, whatever they mean. */
export const v128: Instructions<typeof V128_LOAD, Load<"v128">> &
  Instructions<typeof V128_LOAD_LANE, LoadLane> &
  Instructions<typeof V128_STORE, Store<"v128">> &
  Instructions<typeof V128_STORE_LANE, StoreLane> &
  Instructions<typeof V128_BINARY, Binary<"v128", "v128">> &
  Instructions<typeof V128_TERNARY, Ternary> &
  Instructions<typeof V128_TEST, Unary<"v128", "i32">> = {
  ...loads(V128_LOAD, "v128"),
  ...laneLoads(V128_LOAD_LANE),
  ...stores(V128_STORE, "v128"),
  ...laneStores(V128_STORE_LANE),
  ...binary(V128_BINARY, "v128", "v128"),
  ...ternary(V128_TERNARY),
  ...unary(V128_TEST, "v128", "i32"),
};

const I16X8_BINARY = { add: 142, sub: 145, max_u: 153 } as const;
const I16X8_SHIFT = { shr_u: 141 } as const;

/** Eight integers of 16 bits. */
export const i16x8: Instructions<typeof I16X8_BINARY, Binary<"v128", "v128">> &
  Instructions<typeof I16X8_SHIFT, Shift> = { ...binary(I16X8_BINARY, "v128", "v128"), ...shifts(I16X8_SHIFT) };

// dot_i16x8_s: products of 16-bit integers, each added to its neighbour.
const I32X4_BINARY = { eq: 55, ne: 56, lt_s: 57, gt_s: 59, add: 174, sub: 177, dot_i16x8_s: 186 } as const;
const I32X4_EXTEND = { extend_low_i16x8_s: 167, extend_high_i16x8_s: 168 } as const;
const I32X4_SHIFT = { shl: 171, shr_s: 172, shr_u: 173 } as const;
// Towards zero; NaN becomes 0, and what is too large the nearest integer there is.
const I32X4_TRUNCATE = { trunc_sat_f32x4_s: 248, trunc_sat_f64x2_s_zero: 252 } as const;
const I32X4_SPLAT = { splat: 17 } as const;

/** The numbers of a lane's four bytes. */
const laneBytes = (lane: number): number => 0x03020100 + lane * 0x04040404;

/** Four integers. */
export const i32x4: Instructions<typeof I32X4_BINARY, Binary<"v128", "v128">> &
  Instructions<typeof I32X4_SHIFT, Shift> &
  Instructions<typeof I32X4_TRUNCATE & typeof I32X4_EXTEND, Unary<"v128", "v128">> &
  Instructions<typeof I32X4_SPLAT, Unary<"i32", "v128">> & {
    /** The same number in every lane, or four numbers. */
    const(...lanes: number[]): V128;
    extract_lane: ExtractLane<"i32">;
    /** Four lanes out of the eight of a and b, by number: `i8x16.shuffle` in steps of four bytes. */
    shuffle(a: V128, b: V128, ...lanes: number[]): V128;
  } = {
  ...binary(I32X4_BINARY, "v128", "v128"),
  ...shifts(I32X4_SHIFT),
  ...unary({ ...I32X4_TRUNCATE, ...I32X4_EXTEND }, "v128", "v128"),
  ...unary(I32X4_SPLAT, "i32", "v128"),
  const: (...lanes) => vectorConstant(new Int32Array(4), lanes),
  extract_lane: extract("i32", 27),
  shuffle: (a, b, ...lanes) => ({
    type: V,
    bytes: operand(V, a, 0) + operand(V, b, 1) + VECTOR + "\x0d" + raw(Int32Array.from(lanes, laneBytes)),
  }),
};

// prettier-ignore
const F32X4_BINARY = {
  eq: 65, ne: 66, lt: 67, gt: 68, le: 69, ge: 70, add: 228, sub: 229, mul: 230, div: 231, min: 232, max: 233,
  // b < a ? b : a and a < b ? b : a: one machine instruction each, where min and max take several for NaN.
  pmin: 234, pmax: 235,
} as const;
// prettier-ignore
const F32X4_UNARY = {
  ceil: 103, floor: 104, nearest: 106, abs: 224, neg: 225, sqrt: 227, convert_i32x4_s: 250, demote_f64x2_zero: 94,
} as const;
// a · b + c and -(a · b) + c, rounded once or twice as the processor likes.
const F32X4_RELAXED = { relaxed_madd: 0x105, relaxed_nmadd: 0x106 } as const;
const F32X4_SPLAT = { splat: 19 } as const;

/** Four 32-bit floats. */
export const f32x4: Instructions<typeof F32X4_BINARY, Binary<"v128", "v128">> &
  Instructions<typeof F32X4_UNARY, Unary<"v128", "v128">> &
  Instructions<typeof F32X4_RELAXED, Ternary> &
  Instructions<typeof F32X4_SPLAT, Unary<"f32", "v128">> & {
    /** The same number in every lane, or four numbers. */
    const(...lanes: number[]): V128;
    extract_lane: ExtractLane<"f32">;
  } = {
  ...binary(F32X4_BINARY, "v128", "v128"),
  ...unary(F32X4_UNARY, "v128", "v128"),
  ...ternary(F32X4_RELAXED),
  ...unary(F32X4_SPLAT, "f32", "v128"),
  const: (...lanes) => vectorConstant(new Float32Array(4), lanes),
  extract_lane: extract("f32", 31),
};

const F64X2_BINARY = { lt: 73, gt: 74, add: 240, sub: 241, mul: 242, div: 243 } as const;
const F64X2_UNARY = {
  abs: 236,
  neg: 237,
  sqrt: 239,
  nearest: 148,
  convert_low_i32x4_s: 254,
  promote_low_f32x4: 95,
} as const;
const F64X2_SPLAT = { splat: 20 } as const;

/** Two 64-bit floats. */
export const f64x2: Instructions<typeof F64X2_BINARY, Binary<"v128", "v128">> &
  Instructions<typeof F64X2_UNARY, Unary<"v128", "v128">> &
  Instructions<typeof F64X2_SPLAT, Unary<"f64", "v128">> & {
    const(value: number): V128;
    extract_lane: ExtractLane<"f64">;
  } = {
  ...binary(F64X2_BINARY, "v128", "v128"),
  ...unary(F64X2_UNARY, "v128", "v128"),
  ...unary(F64X2_SPLAT, "f64", "v128"),
  const: (value) => vectorConstant(new Float64Array(2), [value]),
  extract_lane: extract("f64", 33),
};

/** Atomic instructions; addresses are multiples of 4. */
export const atomic: {
  load(address: Operand<"i32">): I32;
  store(address: Operand<"i32">, value: Operand<"i32">): Statement;
  /** Adds and gives back the value before. */
  add(address: Operand<"i32">, amount: Operand<"i32">): I32;
  /** Stores `value` if `expected` is there; gives back what was there. */
  cmpxchg(address: Operand<"i32">, expected: Operand<"i32">, value: Operand<"i32">): I32;
  /** Sleeps while `expected` is there, until somebody notifies. */
  wait(address: Operand<"i32">, expected: Operand<"i32">): I32;
  /** Wakes up to `sleepers` that wait at the address; gives back how many did. */
  notify(address: Operand<"i32">, sleepers: Operand<"i32">): I32;
} = {
  load: (...operands) => atomicAccess("i32", "\x10", operands),
  store: (...operands) => atomicAccess("void", "\x17", operands),
  add: (...operands) => atomicAccess("i32", "\x1e", operands),
  cmpxchg: (...operands) => atomicAccess("i32", "\x48", operands),
  // The timeout is the 64-bit constant -1: none.
  wait: (...operands) => atomicAccess("i32", "\x01", operands, "\x42\x7f"),
  notify: (...operands) => atomicAccess("i32", "\x00", operands),
};

/** Operands that are all integers, then what stands between them and the instruction, which wants to know that words are aligned. */
function atomicAccess<T extends "i32" | "void">(
  type: T,
  opcode: string,
  operands: readonly Operand<"i32">[],
  between = "",
): Code<T> {
  const given = operands.map((value, i) => operand("i32", value, i)).join("");
  return { type, bytes: given + between + ATOMIC + opcode + "\x02\0" };
}

/** A local variable: reading it is code, writing it is a statement. */
export interface Local<T extends ValueType> extends Code<T> {
  readonly index: number;
}

/** condition ≠ 0 ? x : y, both computed. */
export function select<T extends ValueType>(condition: I32, x: Code<T>, y: Operand<T>): Code<T> {
  const { type } = x;
  const opcode = type === V ? "\x1c\x01\x7b" : "\x1b";
  return { type, bytes: x.bytes + operand(type, y, 1) + operand("i32", condition, 2) + opcode };
}

/** The local variable at `index`. */
export function localAt<T extends ValueType>(type: T, index: number): Local<T> {
  return { type, index, bytes: "\x20" + unsigned(index) };
}
