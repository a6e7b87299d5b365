/**
 * Runs a parsed Jinja template. Nothing of JavaScript is within its reach: values are made of own properties, functions are
 * those of the tables of this folder, and every step is paid from a budget, so that a template from a stranger's file can
 * fail but neither hang nor fill the memory.
 */
import { callFilter, callTest } from "./template-filter.ts";
import { globals } from "./template-global.ts";
import { operate } from "./template-operator.ts";
import { attributeOf, itemOf, sliceOf } from "./template-method.ts";
import type {
  Arguments,
  Body,
  Expression,
  FilterCall,
  Parameters,
  Statement,
  Target,
  Template,
} from "./template-tree.ts";
import {
  Fields,
  Namespace,
  Rendering,
  Sequence,
  type TemplateFunction,
  type Value,
  asNumber,
  compare,
  fromJavaScript,
  isEqual,
  isFloat,
  isIn,
  isTrue,
  itemsOf,
  textOf,
  toFloat,
  toInteger,
  toKey,
  typeName,
} from "./template-value.ts";

/** Names with their values, inside another scope. */
class Scope {
  readonly values: Map<string, Value>;
  readonly outer: Scope | undefined;

  constructor(outer?: Scope, values: Map<string, Value> = new Map()) {
    this.outer = outer;
    this.values = values;
  }

  get(name: string): Value {
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.outer)
      if (scope.values.has(name)) return scope.values.get(name);
    return undefined;
  }
}

/** How a body ended before its end. */
type Jump = "break" | "continue" | undefined;

class Interpreter {
  readonly #run: Rendering;
  #output = "";

  constructor(run: Rendering) {
    this.#run = run;
  }

  render(body: Body, scope: Scope): string {
    return this.#capture(() => void this.#body(body, scope));
  }

  /** What `inner` prints. */
  #capture(inner: () => void): string {
    const before = this.#output;
    this.#output = "";
    inner();
    const output = this.#output;
    this.#output = before;
    return output;
  }

  #print(text: string): void {
    this.#run.spend(text.length);
    this.#output += text;
  }

  #body(body: Body, scope: Scope): Jump {
    this.#run.enter();
    let jump: Jump;
    for (const statement of body) {
      jump = this.#statement(statement, scope);
      if (jump !== undefined) break;
    }
    this.#run.leave();
    return jump;
  }

  #statement(statement: Statement, scope: Scope): Jump {
    const run: Rendering = this.#run;
    run.line = statement.line;
    switch (statement.is) {
      case "text":
        this.#print(statement.text);
        return;
      case "print":
        this.#print(textOf(run, this.#evaluate(statement.value, scope)));
        return;
      case "if":
        return this.#body(isTrue(this.#evaluate(statement.test, scope)) ? statement.body : statement.otherwise, scope);
      case "for":
        return this.#for(statement, scope);
      case "set":
        this.#assign(statement.target, this.#evaluate(statement.value, scope), scope);
        return;
      case "capture": {
        const text = this.#capture(() => void this.#body(statement.body, new Scope(scope)));
        this.#assign(statement.target, this.#pipe(statement.filters, text, scope), scope);
        return;
      }
      case "macro":
        scope.values.set(statement.name, this.#macro(statement.name, statement.parameters, statement.body, scope));
        return;
      case "call": {
        const caller = this.#macro("caller", statement.parameters, statement.body, scope);
        this.#print(textOf(run, this.#evaluate(statement.call, scope, caller)));
        return;
      }
      case "filter": {
        const text = this.#capture(() => void this.#body(statement.body, new Scope(scope)));
        this.#print(textOf(run, this.#pipe(statement.filters, text, scope)));
        return;
      }
      case "scope": {
        const inner = new Scope(scope);
        for (const [target, value] of statement.values) this.#assign(target, this.#evaluate(value, scope), inner);
        return this.#body(statement.body, inner);
      }
      default:
        return statement.is;
    }
  }

  #pipe(filters: readonly FilterCall[], value: Value, scope: Scope): Value {
    for (const filter of filters) {
      const { args, named } = this.#arguments(filter, scope);
      value = callFilter(this.#run, filter.name, value, args, named);
    }
    return value;
  }

  #for(loop: Extract<Statement, { is: "for" }>, scope: Scope): Jump {
    let items = itemsOf(this.#run, this.#evaluate(loop.items, scope));
    const { filter } = loop;
    const inside = (item: Value): Scope => {
      const inner = new Scope(scope);
      this.#assign(loop.target, item, inner);
      return inner;
    };
    if (filter !== undefined) items = items.filter((item) => isTrue(this.#evaluate(filter, inside(item))));
    for (let i = 0; i < items.length; i++) {
      const inner = inside(items[i]);
      inner.values.set("loop", new Fields((name) => this.#loopField(items, i, name)));
      if (this.#body(loop.body, inner) === "break") break;
    }
    return items.length === 0 ? this.#body(loop.otherwise, new Scope(scope)) : undefined;
  }

  #loopField(items: readonly Value[], i: number, name: string): Value {
    switch (name) {
      case "index":
        return i + 1;
      case "index0":
        return i;
      case "first":
        return i === 0;
      case "last":
        return i === items.length - 1;
      case "length":
        return items.length;
      case "revindex":
        return items.length - i;
      case "revindex0":
        return items.length - i - 1;
      case "previtem":
        return items[i - 1];
      case "nextitem":
        return items[i + 1];
      case "depth":
        return 1;
      case "depth0":
        return 0;
      case "cycle":
        return (args) => (args.length === 0 ? this.#run.fail("loop.cycle needs values") : args[i % args.length]);
      default:
        return undefined;
    }
  }

  #assign(target: Target, value: Value, scope: Scope): void {
    const run: Rendering = this.#run;
    if (target.is === "name") scope.values.set(target.name, value);
    else if (target.is === "attribute") {
      const object = scope.get(target.object);
      if (!(object instanceof Namespace))
        run.fail(`only attributes of a namespace can be set, "${target.object}" is ${typeName(object)}`);
      object.values.set(target.name, value);
    } else {
      const items = itemsOf(run, value);
      if (items.length !== target.items.length)
        run.fail(`${target.items.length} names take ${items.length} values; the numbers must agree`);
      target.items.forEach((item, i) => this.#assign(item, items[i], scope));
    }
  }

  #macro(name: string, parameters: Parameters, body: Body, outer: Scope): TemplateFunction {
    const run: Rendering = this.#run;
    return (args, named) => {
      const known = parameters.map(([parameter]) => parameter);
      if (args.length > known.length) run.fail(`${name} takes at most ${known.length} arguments, got ${args.length}`);
      const scope = new Scope(outer);
      for (const [key, value] of named) {
        if (key !== "caller" && known.indexOf(key) < args.length) run.fail(`${name}: unexpected argument "${key}"`);
        scope.values.set(key, value);
      }
      for (const [i, [parameter, fallback]] of parameters.entries()) {
        if (i < args.length) scope.values.set(parameter, args[i]);
        else if (!named.has(parameter))
          scope.values.set(parameter, fallback === undefined ? undefined : this.#evaluate(fallback, scope));
      }
      return this.#capture(() => void this.#body(body, scope));
    };
  }

  #arguments({ args, named }: Arguments, scope: Scope): { args: Value[]; named: Map<string, Value> } {
    return {
      args: args.map((value) => this.#evaluate(value, scope)),
      named: new Map(named.map(([name, value]) => [name, this.#evaluate(value, scope)])),
    };
  }

  #evaluate(node: Expression, scope: Scope, caller?: TemplateFunction): Value {
    const run: Rendering = this.#run;
    run.enter();
    run.line = node.line;
    const value = this.#value(node, scope, caller);
    run.leave();
    return value;
  }

  #value(node: Expression, scope: Scope, caller: TemplateFunction | undefined): Value {
    const run: Rendering = this.#run;
    switch (node.is) {
      case "constant":
        return node.float
          ? toFloat(node.value as number)
          : typeof node.value === "number"
            ? toInteger(run, node.value)
            : node.value;
      case "name":
        return scope.get(node.name);
      case "list":
        return node.items.map((item) => this.#evaluate(item, scope));
      case "tuple":
        return new Sequence(
          "tuple",
          node.items.map((item) => this.#evaluate(item, scope)),
        );
      case "dict":
        return new Map(
          node.entries.map(([key, item]) => [toKey(run, this.#evaluate(key, scope)), this.#evaluate(item, scope)]),
        );
      case "attribute":
        return attributeOf(run, this.#defined(node.object, scope, `attribute "${node.name}"`), node.name);
      case "item":
        return itemOf(run, this.#defined(node.object, scope, "an item"), this.#evaluate(node.key, scope));
      case "slice": {
        const object = this.#defined(node.object, scope, "a slice");
        return sliceOf(
          run,
          object,
          node.bounds.map((bound) => (bound === undefined ? null : this.#evaluate(bound, scope))),
        );
      }
      case "call":
        return this.#call(node, scope, caller);
      case "filter":
        return this.#pipe([node], this.#evaluate(node.input, scope), scope);
      case "test": {
        const input = this.#evaluate(node.input, scope);
        const { args, named } = this.#arguments(node, scope);
        return callTest(run, node.name, input, args, named) !== node.negated;
      }
      case "unary":
        return this.#unary(node.operator, this.#evaluate(node.operand, scope));
      case "binary":
        return this.#binary(node, scope);
      case "compare":
        return this.#compare(node, scope);
      default: {
        const chosen = isTrue(this.#evaluate(node.test, scope)) ? node.yes : node.no;
        return chosen === undefined ? undefined : this.#evaluate(chosen, scope);
      }
    }
  }

  /** The value of an expression that must not be undefined, since `what` of it is wanted. */
  #defined(node: Expression, scope: Scope, what: string): Value {
    const value = this.#evaluate(node, scope);
    this.#run.line = node.line;
    if (value === undefined) this.#run.fail(`${what} of ${describe(node)}, which is undefined`);
    return value;
  }

  #call(node: Extract<Expression, { is: "call" }>, scope: Scope, caller: TemplateFunction | undefined): Value {
    const callee = this.#evaluate(node.callee, scope);
    const { args, named } = this.#arguments(node, scope);
    if (typeof callee !== "function")
      this.#run.fail(
        `${describe(node.callee)} is ${typeName(callee)} and cannot be called, or is a function that is not supported`,
      );
    if (caller !== undefined) named.set("caller", caller);
    this.#run.line = node.line;
    return callee(args, named);
  }

  #unary(operator: string, value: Value): Value {
    if (operator === "not") return !isTrue(value);
    const number = asNumber(value) ?? this.#run.fail(`${operator} takes a number, got ${typeName(value)}`);
    const signed = operator === "-" ? -number : number;
    return isFloat(value) ? toFloat(signed) : toInteger(this.#run, signed);
  }

  #compare(node: Extract<Expression, { is: "compare" }>, scope: Scope): boolean {
    let left = this.#evaluate(node.first, scope);
    for (const [operator, expression] of node.rest) {
      const right = this.#evaluate(expression, scope);
      if (!this.#holds(operator, left, right)) return false;
      left = right;
    }
    return true;
  }

  #holds(operator: string, left: Value, right: Value): boolean {
    const run: Rendering = this.#run;
    if (operator === "in") return isIn(run, left, right);
    if (operator === "not in") return !isIn(run, left, right);
    if (operator === "==" || operator === "!=") return isEqual(run, left, right) === (operator === "==");
    const order = compare(run, left, right);
    if (operator[0] === "<") return order < 0 || (order === 0 && operator === "<=");
    return order > 0 || (order === 0 && operator === ">=");
  }

  #binary(
    { operator, left: leftNode, right: rightNode, line }: Extract<Expression, { is: "binary" }>,
    scope: Scope,
  ): Value {
    const run: Rendering = this.#run;
    const left = this.#evaluate(leftNode, scope);
    if (operator === "and" || operator === "or")
      return isTrue(left) === (operator === "and") ? this.#evaluate(rightNode, scope) : left;
    const right = this.#evaluate(rightNode, scope);
    run.line = line;
    if (left === undefined && operator !== "~")
      this.#run.fail(`${operator} cannot take ${describe(leftNode)}, which is undefined`);
    return operate(run, operator, left, right);
  }
}

/** An expression as messages call it. */
function describe(node: Expression): string {
  if (node.is === "name") return `"${node.name}"`;
  if (node.is === "attribute") return `"${node.name}"`;
  if (node.is === "item" && node.key.is === "constant") return JSON.stringify(node.key.value);
  return "an expression";
}

/**
 * What a template prints with these variables.
 *
 * @param variables plain data: texts, numbers, booleans, null, lists, objects; functions get their arguments by place
 * @throws TokenizerError with the line, for whatever the template does that is wrong, not supported, or without end
 */
export function renderTemplate(template: Template, variables: Readonly<Record<string, unknown>>): string {
  const run = new Rendering();
  const scope = new Scope(undefined, globals(run));
  for (const [name, value] of Object.entries(variables))
    if (value !== undefined) scope.values.set(name, fromJavaScript(run, value));
  return new Interpreter(run).render(template.body, new Scope(scope));
}
