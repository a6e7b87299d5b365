/**
 * Reading the expressions of a Jinja template: a recursive descent, one method for each strength of binding, with Jinja's
 * strengths. What stands outside the part that chat templates use is refused by name.
 */
import { type TemplateToken, templateError } from "./template-lexer.ts";
import type { Arguments, Expression, FilterCall } from "./template-tree.ts";

/** How deep tags and brackets may stand in one another, and how many operators may follow one another. */
const MAX_DEPTH = 100;
const MAX_CHAIN = 300;

const COMPARISONS: readonly string[] = ["==", "!=", "<", "<=", ">", ">="];
/** Words that are values. */
export const CONSTANTS: ReadonlyMap<string, boolean | null> = /* @__PURE__ */ new Map([
  ["true", true],
  ["True", true],
  ["false", false],
  ["False", false],
  ["none", null],
  ["None", null],
]);

/** A cursor over tokens that reads expressions; the parser of statements builds on it. */
export class ExpressionParser {
  /** Every name that an expression mentioned so far. */
  readonly names: Set<string> = new Set();
  readonly #tokens: readonly TemplateToken[];
  /** Index of the token at hand. */
  protected at = 0;
  #depth = 0;

  constructor(tokens: readonly TemplateToken[]) {
    this.#tokens = tokens;
  }

  protected get token(): TemplateToken {
    return this.#tokens[this.at];
  }

  protected fail(expected: string, token: TemplateToken = this.token): never {
    const found = token.kind === "end" ? "the end of the template" : JSON.stringify(token.value || token.kind);
    throw templateError(token.line, `expected ${expected}, got ${found}`);
  }

  /** Whether the token `ahead` is this name or operator. */
  protected is(value: string, ahead = 0): boolean {
    const token = this.#tokens[this.at + ahead];
    return token !== undefined && (token.kind === "name" || token.kind === "operator") && token.value === value;
  }

  protected skip(value: string): boolean {
    const found = this.is(value);
    if (found) this.at++;
    return found;
  }

  protected expect(value: string): void {
    if (!this.skip(value)) this.fail(value);
  }

  protected name(): string {
    if (this.token.kind !== "name") this.fail("a name");
    return this.#tokens[this.at++].value;
  }

  protected nested<T>(parse: () => T): T {
    if (++this.#depth > MAX_DEPTH)
      throw templateError(this.token.line, `nested too deeply; at most ${MAX_DEPTH} levels are allowed`);
    const result = parse();
    this.#depth--;
    return result;
  }

  /** `name(…) | name(…)`, the first bar already read. */
  protected filters(): FilterCall[] {
    const filters: FilterCall[] = [];
    do filters.push(this.#filter());
    while (this.skip("|"));
    return filters;
  }

  #filter(): FilterCall {
    const name = this.name();
    return { name, ...(this.is("(") ? this.arguments() : { args: [], named: [] }) };
  }

  protected arguments(): Arguments {
    const args: Expression[] = [];
    const named: [string, Expression][] = [];
    this.expect("(");
    while (!this.is(")")) {
      if (args.length + named.length > 0) this.expect(",");
      if (this.is(")")) break;
      if (this.is("*") || this.is("**")) this.fail("plain arguments (unpacking is not supported)");
      if (this.token.kind === "name" && this.is("=", 1)) {
        const name = this.name();
        this.at++;
        named.push([name, this.expression()]);
      } else if (named.length > 0) this.fail("a named argument");
      else args.push(this.expression());
    }
    this.at++;
    return { args, named };
  }

  /** One expression, or several with commas between them. `choose`: whether `a if b else c` may stand here. */
  protected tuple(choose = true): Expression {
    const { line } = this.token;
    const one = (): Expression => (choose ? this.expression() : this.nested(() => this.#or()));
    const items = [one()];
    let tuple = false;
    while (this.skip(",")) {
      tuple = true;
      if (["%}", "}}"].includes(this.token.kind) || this.is(")") || this.is("=")) break;
      items.push(one());
    }
    return tuple ? { is: "tuple", line, items } : items[0];
  }

  protected expression(): Expression {
    return this.nested(() => {
      const { line } = this.token;
      let value = this.#or();
      for (let i = 0; this.skip("if"); i++) {
        this.#checkChain(i);
        const test = this.#or();
        value = { is: "choose", line, test, yes: value, no: this.skip("else") ? this.expression() : undefined };
      }
      return value;
    });
  }

  #checkChain(length: number): void {
    if (length >= MAX_CHAIN)
      throw templateError(this.token.line, `too many operators behind one another; at most ${MAX_CHAIN} are allowed`);
  }

  /** Operators of one strength, from the left. */
  #chain(operators: readonly string[], operand: () => Expression): Expression {
    let left = operand();
    for (let i = 0; ; i++) {
      const { line } = this.token;
      const operator = operators.find((name) => this.is(name));
      if (operator === undefined) return left;
      this.#checkChain(i);
      this.at++;
      left = { is: "binary", line, operator, left, right: operand() };
    }
  }

  #or(): Expression {
    return this.#chain(["or"], () => this.#chain(["and"], () => this.#not()));
  }

  #not(): Expression {
    const { line } = this.token;
    if (!this.skip("not")) return this.#compare();
    return { is: "unary", line, operator: "not", operand: this.nested(() => this.#not()) };
  }

  #compare(): Expression {
    const { line } = this.token;
    const first = this.#sum();
    const rest: [string, Expression][] = [];
    for (;;) {
      let operator = COMPARISONS.find((name) => this.is(name)) ?? (this.is("in") ? "in" : undefined);
      if (operator === undefined && this.is("not") && this.is("in", 1)) {
        operator = "not in";
        this.at++;
      }
      if (operator === undefined) return rest.length === 0 ? first : { is: "compare", line, first, rest };
      this.at++;
      rest.push([operator, this.#sum()]);
    }
  }

  #sum(): Expression {
    const power = (): Expression => this.#chain(["**"], () => this.#unary(true));
    const product = (): Expression => this.#chain(["*", "/", "//", "%"], power);
    return this.#chain(["+", "-"], () => this.#chain(["~"], product));
  }

  #unary(filters: boolean): Expression {
    const { line } = this.token;
    const operator = ["-", "+"].find((name) => this.skip(name));
    const value: Expression =
      operator === undefined
        ? this.#postfix(this.#primary())
        : { is: "unary", line, operator, operand: this.nested(() => this.#unary(false)) };
    return filters ? this.#filtered(value) : value;
  }

  /** Filters, tests and calls behind a value. */
  #filtered(value: Expression): Expression {
    for (let i = 0; ; i++) {
      const { line } = this.token;
      this.#checkChain(i);
      if (this.skip("|")) value = { is: "filter", line, input: value, ...this.#filter() };
      else if (this.skip("is")) value = this.#test(value, line);
      else if (this.is("(")) value = { is: "call", line, callee: value, ...this.arguments() };
      else return value;
    }
  }

  #test(input: Expression, line: number): Expression {
    const negated = this.skip("not");
    const name = this.name();
    const { kind } = this.token;
    const ends = ["else", "or", "and", "is", "if"].some((word) => this.is(word));
    let given: Arguments = { args: [], named: [] };
    if (this.is("(")) given = this.arguments();
    else if (!ends && (["name", "string", "integer", "float"].includes(kind) || this.is("[") || this.is("{")))
      given = { args: [this.#postfix(this.#primary())], named: [] };
    return { is: "test", line, input, negated, name, ...given };
  }

  /** Attributes, subscripts and calls behind a value. */
  #postfix(value: Expression): Expression {
    for (let i = 0; ; i++) {
      const { line } = this.token;
      this.#checkChain(i);
      if (this.skip(".")) {
        const { kind, value: text } = this.token;
        if (kind === "integer") {
          this.at++;
          value = { is: "item", line, object: value, key: { is: "constant", line, value: Number(text) } };
        } else value = { is: "attribute", line, object: value, name: this.name() };
      } else if (this.skip("[")) value = this.#subscript(value, line);
      else if (this.is("(")) value = { is: "call", line, callee: value, ...this.arguments() };
      else return value;
    }
  }

  #subscript(object: Expression, line: number): Expression {
    const bounds: (Expression | undefined)[] = [this.is(":") ? undefined : this.expression()];
    if (this.skip("]")) return { is: "item", line, object, key: bounds[0] as Expression };
    while (bounds.length < 3 && this.skip(":"))
      bounds.push(this.is(":") || this.is("]") ? undefined : this.expression());
    this.expect("]");
    return { is: "slice", line, object, bounds };
  }

  #primary(): Expression {
    const { kind, value, line } = this.token;
    this.at++;
    if (kind === "name") {
      const constant = CONSTANTS.get(value);
      if (constant !== undefined) return { is: "constant", line, value: constant };
      this.names.add(value);
      return { is: "name", line, name: value };
    }
    if (kind === "string") {
      let text = value;
      while (this.token.kind === "string") text += this.#tokens[this.at++].value;
      return { is: "constant", line, value: text };
    }
    if (kind === "integer" || kind === "float")
      return { is: "constant", line, value: Number(value), float: kind === "float" };
    if (kind === "operator") {
      if (value === "(") return this.#parenthesis(line);
      if (value === "[") return { is: "list", line, items: this.#items("]", () => this.expression()) };
      if (value === "{") return { is: "dict", line, entries: this.#items("}", () => this.#entry()) };
    }
    this.at--;
    return this.fail("an expression");
  }

  #parenthesis(line: number): Expression {
    if (this.skip(")")) return { is: "tuple", line, items: [] };
    const value = this.tuple();
    this.expect(")");
    return value;
  }

  #entry(): readonly [Expression, Expression] {
    const key = this.expression();
    this.expect(":");
    return [key, this.expression()];
  }

  #items<T>(end: string, parse: () => T): T[] {
    const items: T[] = [];
    while (!this.is(end)) {
      if (items.length > 0) this.expect(",");
      if (this.is(end)) break;
      items.push(parse());
    }
    this.at++;
    return items;
  }
}
