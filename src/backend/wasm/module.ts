/** A WebAssembly module under construction: functions in, bytes out (Core Specification 2.0, section 5.5). */
import { HeedError } from "../../errors.ts";
import { TYPE_BYTES, localAt } from "./assembler.ts";
import type { Code, I32, Local, Statement, ValueType } from "./assembler.ts";
import { flatten, unsigned } from "./bytes.ts";
import type { Bytes } from "./bytes.ts";
import { FunctionBody } from "./function-body.ts";

/** The code of parameters, in the order of their types. */
type Parameters<P extends readonly ValueType[]> = { [I in keyof P]: Local<P[I]> };
/** The code of arguments. */
type Arguments<P extends readonly ValueType[]> = { [I in keyof P]: Code<P[I]> };

/** A function of the module: called with arguments, it gives the code of the call. */
export interface ModuleFunction<P extends readonly ValueType[]> {
  (...args: Arguments<P>): Statement;
  /** Its place in the module, and in the table. */
  readonly index: number;
}

const vector = (items: Bytes): Bytes => [unsigned(items.length), items];
const text = (value: string): Bytes => vector([...new TextEncoder().encode(value)]);
const section = (id: number, ...content: Bytes): Bytes => {
  const bytes = flatten(content);
  return [id, unsigned(bytes.length), bytes];
};

/**
 * Functions without results over one imported memory, all in one table, so that a thread can be told by number what to run.
 * There is one global variable: the number of the thread, from 0.
 */
export class ModuleBuilder {
  readonly #types: Uint8Array[] = [];
  readonly #functions: { type: number; code: Bytes }[] = [];
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
    const call = (...args: Arguments<P>): Statement => {
      const given = args as readonly Code<ValueType>[];
      if (given.length !== parameters.length || given.some(({ type }, i) => type !== parameters[i]))
        throw new HeedError(
          "assembler",
          `assembler: ${name} takes (${parameters.join(", ")}), got (${given.map(({ type }) => type).join(", ")})`,
        );
      return { type: "void", bytes: [given.map(({ bytes }) => bytes), 0x10, unsigned(index)] };
    };
    return Object.assign(call, { index });
  }

  /** The number of the type of functions with these parameters. */
  typeIndex(parameters: readonly ValueType[]): number {
    const type = flatten([0x60, vector(parameters.map((each) => TYPE_BYTES[each])), 0]);
    const known = this.#types.findIndex((other) => other.join() === type.join());
    return known >= 0 ? known : this.#types.push(type) - 1;
  }

  /** Code that calls the function at a place of the table. */
  callIndirect<P extends readonly ValueType[]>(parameters: P, args: Arguments<P>, place: I32): Statement {
    const given = [...(args as readonly Code<ValueType>[]), place];
    return {
      type: "void",
      bytes: [given.map(({ bytes }) => bytes), 0x11, unsigned(this.typeIndex(parameters)), 0],
    };
  }

  /** The module as bytes, for a memory that is shared between threads or not. */
  encode(shared: boolean): Uint8Array<ArrayBuffer> {
    const limits = shared ? [0x03, 0, unsigned(65536)] : [0x00, 0];
    const count = unsigned(this.#functions.length);
    const names = this.#exports.map(({ name, index }) => [unsigned(index), text(name)]);
    return flatten([
      [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00], // "\0asm", version 1
      section(1, vector(this.#types)),
      section(2, vector([[text("heed"), text("memory"), 0x02, limits]])),
      section(3, vector(this.#functions.map(({ type }) => unsigned(type)))),
      section(4, vector([[0x70, 0x00, count]])),
      section(6, vector([[0x7f, 0x01, 0x41, 0x00, 0x0b]])),
      section(7, vector(this.#exports.map(({ name, index }) => [text(name), 0x00, unsigned(index)]))),
      section(9, vector([[0x00, 0x41, 0x00, 0x0b, vector(this.#functions.map((_, i) => unsigned(i)))]])),
      section(10, vector(this.#functions.map(({ code }) => code))),
      section(0, text("name"), section(1, vector(names))), // what profilers show
    ]);
  }
}

/** The number of the thread that runs. */
export const threadIndex: I32 = { type: "i32", bytes: [0x23, 0] };

/** Sets the number of the thread that runs. */
export const setThreadIndex = (value: I32): Statement => ({ type: "void", bytes: [value.bytes, 0x24, 0] });
