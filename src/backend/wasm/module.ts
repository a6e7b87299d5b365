/** A WebAssembly module under construction: functions in, bytes out (Core Specification 2.0, section 5.5). */
import { HeedError } from "../../errors.ts";
import { TYPE_BYTES, localAt, operand } from "./assembler.ts";
import type { I32, Local, Operand, Statement, ValueType } from "./assembler.ts";
import { toArray, unsigned } from "./bytes.ts";
import { FunctionBody } from "./function-body.ts";

/** The code of parameters, in the order of their types. */
type Parameters<P extends readonly ValueType[]> = { [I in keyof P]: Local<P[I]> };
/** The code of arguments. */
type Arguments<P extends readonly ValueType[]> = { [I in keyof P]: Operand<P[I]> };

/** A function of the module: called with arguments, it gives the code of the call. */
export interface ModuleFunction<P extends readonly ValueType[]> {
  (...args: Arguments<P>): Statement;
  /** Its place in the module, and in the table. */
  readonly index: number;
}

/** A list, or the characters of a name, behind their number. */
const vector = (items: string | readonly string[]): string =>
  unsigned(items.length) + (typeof items === "string" ? items : items.join(""));
const section = (id: number, content: string): string => unsigned(id) + vector(content);

/**
 * Functions without results over one imported memory, all in one table, so that a thread can be told by number what to run.
 * There is one global variable: the number of the thread, from 0.
 */
export class ModuleBuilder {
  readonly #types: string[] = [];
  readonly #functions: { type: number; code: string }[] = [];
  readonly #exports: { name: string; index: number }[] = [];

  /** The names of the functions, in the order of the table; "" for those that stay inside. */
  get names(): string[] {
    return this.#functions.map((_, place) => this.#exports.find(({ index }) => index === place)?.name ?? "");
  }

  /**
   * Adds a function. Functions called by it must have been added before.
   *
   * @param name exported under this name; "" for one that stays inside
   */
  define<const P extends readonly ValueType[]>(
    name: string,
    parameters: P,
    build: (f: FunctionBody, ...parameters: Parameters<P>) => void,
  ): ModuleFunction<P> {
    const body = new FunctionBody(parameters.length);
    build(body, ...(parameters.map(localAt) as unknown as Parameters<P>));
    const index = this.#functions.length;
    this.#functions.push({ type: this.typeIndex(parameters), code: body.encode() });
    if (name !== "") this.#exports.push({ name, index });
    const call = (...args: Arguments<P>): Statement => ({
      type: "void",
      bytes: operands(parameters, args) + "\x10" + unsigned(index),
    });
    return Object.assign(call, { index });
  }

  /** The number of the type of functions with these parameters. */
  typeIndex(parameters: readonly ValueType[]): number {
    const type = "\x60" + vector(parameters.map((each) => TYPE_BYTES[each])) + "\0";
    const known = this.#types.indexOf(type);
    return known >= 0 ? known : this.#types.push(type) - 1;
  }

  /** Code that calls the function at a place of the table. */
  callIndirect<P extends readonly ValueType[]>(parameters: P, args: Arguments<P>, place: I32): Statement {
    const given = operands(parameters, args) + place.bytes;
    return { type: "void", bytes: given + "\x11" + unsigned(this.typeIndex(parameters)) + "\0" };
  }

  /** The module as bytes, for a memory that is shared between threads or not. */
  encode(shared: boolean): Uint8Array<ArrayBuffer> {
    const limits = shared ? "\x03\0" + unsigned(65536) : "\x00\0";
    const functions = this.#functions;
    const names = this.#exports.map(({ name, index }) => unsigned(index) + vector(name));
    return toArray(
      "\0asm\x01\0\0\0" + // version 1
        section(1, vector(this.#types)) +
        section(2, vector([vector("heed") + vector("memory") + "\x02" + limits])) +
        section(3, vector(functions.map(({ type }) => unsigned(type)))) +
        section(4, vector(["\x70\0" + unsigned(functions.length)])) +
        section(6, vector(["\x7f\x01\x41\0\x0b"])) +
        section(7, vector(this.#exports.map(({ name, index }) => vector(name) + "\0" + unsigned(index)))) +
        section(9, vector(["\0\x41\0\x0b" + vector(functions.map((_, i) => unsigned(i)))])) +
        section(10, vector(functions.map(({ code }) => code))) +
        section(0, vector("name") + section(1, vector(names))), // what profilers show
    );
  }
}

/** The code of all arguments. */
function operands(parameters: readonly ValueType[], args: readonly Operand<ValueType>[]): string {
  if (args.length !== parameters.length)
    throw new HeedError("assembler", `assembler: takes ${parameters.length} arguments, got ${args.length}`);
  return args.map((value, i) => operand(parameters[i], value, i)).join("");
}

/** The number of the thread that runs. */
export const threadIndex: I32 = { type: "i32", bytes: "\x23\0" };

/** Sets the number of the thread that runs. */
export const setThreadIndex = (value: I32): Statement => ({ type: "void", bytes: value.bytes + "\x24\0" });
