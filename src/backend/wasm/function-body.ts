/** Functions of the assembler: local variables, statements, branches and loops. */
import { HeedError } from "../../errors.ts";
import { TYPE_BYTES, i32, localAt, operand } from "./assembler.ts";
import type { Code, I32, Local, Operand, Statement, V128, ValueType } from "./assembler.ts";
import { unsigned } from "./bytes.ts";

/** The body of a function under construction. */
export class FunctionBody {
  readonly #parameters: number;
  readonly #locals: ValueType[] = [];
  /** Vector constants by their code. */
  readonly #constants = new Map<string, Local<"v128">>();
  #code: string[] = [];

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
    const known = this.#constants.get(value.bytes) ?? this.local("v128");
    this.#constants.set(value.bytes, known);
    return known;
  }

  /** local = value */
  set<T extends ValueType>(local: Local<T>, value: Operand<T>): void {
    this.#code.push(assignment(local, operand(local.type, value, 0)));
  }

  /** local += amount */
  increase(local: Local<"i32">, amount: Operand<"i32">): void {
    this.set(local, i32.add(local, amount));
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
    this.#code.push(code.bytes + "\x1a");
  }

  /** if (condition) then() else otherwise() */
  if(condition: I32, then: () => void, otherwise?: () => void): void {
    this.#code.push(condition.bytes + "\x04\x40");
    then();
    if (otherwise !== undefined) {
      this.#code.push("\x05");
      otherwise();
    }
    this.#code.push("\x0b");
  }

  /** while (condition) body() */
  while(condition: I32, body: () => void): void {
    this.if(condition, () => {
      this.#code.push("\x03\x40"); // loop
      body();
      this.#code.push(condition.bytes + "\x0d\0\x0b"); // br_if to its head, end
    });
  }

  /** for (let local = start; local < end; local += step) body(local), unsigned. */
  for(start: Operand<"i32">, end: Operand<"i32">, step: Operand<"i32">, body: (local: Local<"i32">) => void): void {
    const local = this.local("i32");
    this.set(local, start);
    this.while(i32.lt_u(local, end), () => {
      body(local);
      this.increase(local, step);
    });
  }

  /** The finished body in the form of the code section (5.5.13). */
  encode(): string {
    const locals = this.#locals.map((type) => "\x01" + TYPE_BYTES[type]);
    const constants = Array.from(this.#constants, ([value, local]) => assignment(local, value));
    const body = [unsigned(locals.length), ...locals, ...constants, ...this.#code, "\x0b"].join("");
    return unsigned(body.length) + body;
  }
}

const assignment = ({ index }: Local<ValueType>, value: string): string => value + "\x21" + unsigned(index);
