/** Functions of the assembler: local variables, statements, branches and loops. */
import { HeedError } from "../../errors.ts";
import { TYPE_BYTES, i32, localAt } from "./assembler.ts";
import type { Code, I32, Local, Statement, V128, ValueType } from "./assembler.ts";
import { flatten, unsigned } from "./bytes.ts";
import type { Bytes } from "./bytes.ts";

/** The body of a function under construction. */
export class FunctionBody {
  readonly #parameters: number;
  readonly #locals: ValueType[] = [];
  readonly #constants = new Map<string, { value: V128; local: Local<"v128"> }>();
  readonly #code: (number | Bytes)[] = [];

  /** @param parameters the number of parameters, which are the first locals */
  constructor(parameters: number) {
    this.#parameters = parameters;
  }

  /** A new local variable with a value. */
  let<T extends ValueType>(value: Code<T>): Local<T> {
    const local = this.local(value.type);
    this.set(local, value);
    return local;
  }

  /** A new local variable, zero where the function begins. Code in a loop must not rely on that. */
  local<T extends ValueType>(type: T): Local<T> {
    this.#locals.push(type);
    return localAt(type, this.#parameters + this.#locals.length - 1);
  }

  /**
   * A vector constant, put into a local variable where the function begins: some engines assemble a constant anew in every
   * round of a loop, which takes longer than the arithmetic.
   */
  constant(value: V128): V128 {
    const key = flatten(value.bytes).join();
    const known = this.#constants.get(key) ?? { value, local: this.local("v128") };
    this.#constants.set(key, known);
    return known.local;
  }

  /** local = value */
  set<T extends ValueType>(local: Local<T>, value: Code<T>): void {
    if (local.type !== value.type)
      throw new HeedError("assembler", `assembler: the local is ${local.type}, the value ${value.type}`);
    this.#code.push(value.bytes, 0x21, unsigned(local.index));
  }

  /** local += amount */
  increase(local: Local<"i32">, amount: I32 | number): void {
    this.set(local, i32.add(local, typeof amount === "number" ? i32.const(amount) : amount));
  }

  /** Instructions without a result: stores and calls. */
  do(...statements: readonly Statement[]): void {
    for (const { type, bytes } of statements) {
      if (type !== "void")
        throw new HeedError("assembler", `assembler: a statement must leave nothing, this leaves ${type as string}`);
      this.#code.push(bytes);
    }
  }

  /** Instructions whose result is not wanted. */
  drop(code: I32): void {
    this.#code.push(code.bytes, 0x1a);
  }

  /** if (condition) then() else otherwise() */
  if(condition: I32, then: () => void, otherwise?: () => void): void {
    this.#code.push(condition.bytes, 0x04, 0x40);
    then();
    if (otherwise !== undefined) {
      this.#code.push(0x05);
      otherwise();
    }
    this.#code.push(0x0b);
  }

  /** while (condition) body() */
  while(condition: I32, body: () => void): void {
    this.if(condition, () => {
      this.#code.push(0x03, 0x40); // loop
      body();
      this.#code.push(condition.bytes, 0x0d, 0, 0x0b); // br_if to its head, end
    });
  }

  /** for (; local < end; local += step) body(), unsigned. */
  for(local: Local<"i32">, end: I32, step: I32 | number, body: () => void): void {
    this.while(i32.lt_u(local, end), () => {
      body();
      this.increase(local, step);
    });
  }

  /** The finished body in the form of the code section (5.5.13). */
  encode(): Bytes {
    const locals = this.#locals.map((type) => [1, TYPE_BYTES[type]]);
    const constants = [...this.#constants.values()].map(({ value, local }) => [
      value.bytes,
      0x21,
      unsigned(local.index),
    ]);
    const body = flatten([unsigned(this.#locals.length), locals, constants, this.#code, 0x0b]);
    return [unsigned(body.length), body];
  }
}
