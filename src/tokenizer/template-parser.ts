/**
 * A Jinja template as a tree. The tags are those of Jinja with Hugging Face's additions (`break`, `continue`, `generation`);
 * those that chat templates have no use for (`include`, `extends`, `block`, …) are refused by name.
 */
import { CONSTANTS, ExpressionParser } from "./template-expression.ts";
import { lexTemplate, templateError } from "./template-lexer.ts";
import type { Body, Expression, Parameters, Statement, Target, Template } from "./template-tree.ts";

class Parser extends ExpressionParser {
  /** Loops around the statement at hand, within its macro. */
  #loops = 0;

  /** Statements up to a tag that begins with one of `ends`, whose name is consumed; without ends, to the end of the template. */
  body(...ends: string[]): Body {
    return this.nested(() => {
      const body: Statement[] = [];
      for (;;) {
        const { kind, value, line } = this.token;
        if (kind === "end") {
          if (ends.length > 0) this.fail(ends.join(" or "));
          return body;
        }
        this.at++;
        if (kind === "text") body.push({ is: "text", line, text: value });
        else if (kind === "{{") {
          body.push({ is: "print", line, value: this.tuple() });
          this.#close("}}");
        } else {
          if (this.token.kind === "name" && ends.includes(this.token.value)) return body;
          body.push(this.#statement());
        }
      }
    });
  }

  #close(kind: "}}" | "%}" = "%}"): void {
    if (this.token.kind !== kind) this.fail(kind);
    this.at++;
  }

  /** The tag's end, a body, and the end tag. */
  #block(end: string): Body {
    this.#close();
    const body = this.body(end);
    this.at++;
    this.#close();
    return body;
  }

  #statement(): Statement {
    const start = this.token;
    const { line } = start;
    const tag = this.name();
    switch (tag) {
      case "if":
        return this.#if(line);
      case "for":
        return this.#for(line);
      case "set":
        return this.#set(line);
      case "macro": {
        const name = this.name();
        const parameters = this.#parameters();
        return { is: "macro", line, name, parameters, body: this.#apart("endmacro") };
      }
      case "call": {
        const parameters = this.is("(") ? this.#parameters() : [];
        const call = this.expression();
        if (call.is !== "call") this.fail("a call", start);
        return { is: "call", line, parameters, call, body: this.#apart("endcall") };
      }
      case "filter":
        return { is: "filter", line, filters: this.filters(), body: this.#block("endfilter") };
      case "with": {
        const values: [Target, Expression][] = [];
        while (this.token.kind !== "%}") {
          if (values.length > 0) this.expect(",");
          const target = this.#target(false);
          this.expect("=");
          values.push([target, this.expression()]);
        }
        return { is: "scope", line, values, body: this.#block("endwith") };
      }
      case "generation": // marks what the model wrote, for training; as text it is its content
        return { is: "scope", line, values: [], body: this.#block("endgeneration") };
      case "break":
      case "continue":
        if (this.#loops === 0) this.fail("no break or continue outside a loop", start);
        this.#close();
        return { is: tag, line };
      default:
        throw templateError(line, `the tag "${tag}" is not supported here`);
    }
  }

  /** A body that is no part of the loop around it. */
  #apart(end: string): Body {
    const loops = this.#loops;
    this.#loops = 0;
    const body = this.#block(end);
    this.#loops = loops;
    return body;
  }

  #if(line: number): Statement {
    return this.nested(() => {
      const test = this.tuple(false);
      this.#close();
      const body = this.body("elif", "else", "endif");
      const otherwise = this.skip("elif") ? [this.#if(this.token.line)] : this.#otherwise("endif");
      return { is: "if", line, test, body, otherwise };
    });
  }

  #for(line: number): Statement {
    const target = this.#target(true);
    this.expect("in");
    const items = this.tuple(false);
    const filter = this.skip("if") ? this.expression() : undefined;
    if (this.is("recursive")) throw templateError(line, "recursive loops are not supported");
    this.#close();
    this.#loops++;
    const body = this.body("else", "endfor");
    this.#loops--;
    const otherwise = this.#otherwise("endfor");
    return { is: "for", line, target, items, filter, body, otherwise };
  }

  /** What follows `else`, if that is the word at hand; the end tag is consumed either way. */
  #otherwise(end: string): Body {
    if (this.name() === "else") return this.#block(end);
    this.#close();
    return [];
  }

  #set(line: number): Statement {
    const target = this.#target(true, true);
    if (this.skip("=")) {
      const value = this.tuple();
      this.#close();
      return { is: "set", line, target, value };
    }
    const filters = this.skip("|") ? this.filters() : [];
    return { is: "capture", line, target, filters, body: this.#block("endset") };
  }

  #target(several: boolean, attributes = false): Target {
    const items: Target[] = [];
    let tuple = false;
    do {
      if (tuple && this.token.kind !== "name" && !this.is("(")) break;
      if (this.skip("(")) {
        items.push(this.nested(() => this.#target(true, attributes)));
        this.expect(")");
      } else {
        const { line } = this.token;
        const object = this.name();
        if (CONSTANTS.has(object)) throw templateError(line, `${object} cannot be given a value`);
        if (attributes && this.skip(".")) items.push({ is: "attribute", object, name: this.name() });
        else items.push({ is: "name", name: object });
      }
      tuple ||= this.is(",");
    } while (several && this.skip(","));
    return tuple && several ? { is: "tuple", items } : items[0];
  }

  #parameters(): Parameters {
    const parameters: [string, Expression | undefined][] = [];
    this.expect("(");
    while (!this.is(")")) {
      if (parameters.length > 0) this.expect(",");
      parameters.push([this.name(), this.skip("=") ? this.expression() : undefined]);
    }
    this.at++;
    return parameters;
  }
}

/**
 * The tree of a template.
 *
 * @throws TokenizerError naming the line and what is wrong or not supported there
 */
export function parseTemplate(source: string): Template {
  const parser = new Parser(lexTemplate(source));
  return { body: parser.body(), names: parser.names };
}
