/** What a Jinja template is once it has been read: statements, and the expressions in them. */

/** The arguments of a call, a filter or a test. */
export interface Arguments {
  readonly args: readonly Expression[];
  readonly named: readonly (readonly [name: string, value: Expression])[];
}

/** A filter with its arguments: `| name(…)`. */
export interface FilterCall extends Arguments {
  readonly name: string;
}

/** An expression; `line` is where it begins to matter, for messages. */
export type Expression = { readonly line: number } & (
  | { readonly is: "constant"; readonly value: string | number | boolean | null; readonly float?: boolean }
  | { readonly is: "name"; readonly name: string }
  | { readonly is: "list" | "tuple"; readonly items: readonly Expression[] }
  | { readonly is: "dict"; readonly entries: readonly (readonly [key: Expression, value: Expression])[] }
  | { readonly is: "attribute"; readonly object: Expression; readonly name: string }
  | { readonly is: "item"; readonly object: Expression; readonly key: Expression }
  | { readonly is: "slice"; readonly object: Expression; readonly bounds: readonly (Expression | undefined)[] }
  | ({ readonly is: "call"; readonly callee: Expression } & Arguments)
  | ({ readonly is: "filter"; readonly input: Expression } & FilterCall)
  | ({ readonly is: "test"; readonly input: Expression; readonly negated: boolean } & FilterCall)
  | { readonly is: "unary"; readonly operator: string; readonly operand: Expression }
  | { readonly is: "binary"; readonly operator: string; readonly left: Expression; readonly right: Expression }
  | { readonly is: "compare"; readonly first: Expression; readonly rest: readonly (readonly [string, Expression])[] }
  | { readonly is: "choose"; readonly test: Expression; readonly yes: Expression; readonly no: Expression | undefined }
);

/** What a value is given to: a name, `namespace.attribute`, or several at once. */
export type Target =
  | { readonly is: "name"; readonly name: string }
  | { readonly is: "attribute"; readonly object: string; readonly name: string }
  | { readonly is: "tuple"; readonly items: readonly Target[] };

/** What a macro or a call block takes; a parameter without a default is undefined when it is not given. */
export type Parameters = readonly (readonly [name: string, fallback: Expression | undefined])[];

/** Statements in order. */
export type Body = readonly Statement[];

/** A piece of text, an output, or a tag. */
export type Statement = { readonly line: number } & (
  | { readonly is: "text"; readonly text: string }
  | { readonly is: "print"; readonly value: Expression }
  | { readonly is: "if"; readonly test: Expression; readonly body: Body; readonly otherwise: Body }
  | {
      readonly is: "for";
      readonly target: Target;
      readonly items: Expression;
      readonly filter: Expression | undefined;
      readonly body: Body;
      readonly otherwise: Body;
    }
  | { readonly is: "set"; readonly target: Target; readonly value: Expression }
  | { readonly is: "capture"; readonly target: Target; readonly filters: readonly FilterCall[]; readonly body: Body }
  | { readonly is: "macro"; readonly name: string; readonly parameters: Parameters; readonly body: Body }
  | { readonly is: "call"; readonly call: Expression; readonly parameters: Parameters; readonly body: Body }
  | { readonly is: "filter"; readonly filters: readonly FilterCall[]; readonly body: Body }
  | { readonly is: "scope"; readonly values: readonly (readonly [Target, Expression])[]; readonly body: Body }
  | { readonly is: "break" | "continue" }
);

/** A parsed template. */
export interface Template {
  readonly body: Body;
  /** Every name that an expression mentions. */
  readonly names: ReadonlySet<string>;
}
