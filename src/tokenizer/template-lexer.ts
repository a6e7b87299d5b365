/**
 * A Jinja template cut into tokens. The rules are those of Jinja as Hugging Face sets it up for chat templates: a newline
 * behind a block tag belongs to the tag (trim_blocks), and so does the white space before a block tag that begins its line
 * (lstrip_blocks). `{%-` and `-%}` take all white space on their side, `{%+` and `+%}` none.
 */
import { TokenizerError } from "../errors.ts";

/** One token: plain text, a tag's border, or a word of an expression. */
export interface TemplateToken {
  readonly kind: "text" | "{{" | "}}" | "{%" | "%}" | "name" | "string" | "integer" | "float" | "operator" | "end";
  /** The text itself, escapes of a string already read. */
  readonly value: string;
  /** Line of the template, counted from 1. */
  readonly line: number;
}

/** White space as Python's `str.isspace` has it, for a character class. JavaScript's `\s` is another set. */
export const PYTHON_SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";

/** The error for a template that cannot be read or run, with the line where it happened. */
export function templateError(line: number, message: string): TokenizerError {
  return new TokenizerError(`chat template, line ${line}: ${message}`, { line });
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  b: "\b",
  f: "\f",
  v: "\v",
  a: "\x07",
  "\n": "",
};
const CLOSING: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };

const sticky = (pattern: string): RegExp => new RegExp(pattern.replaceAll("SPACE", `[${PYTHON_SPACE}]`), "uy");

const PATTERNS = /* @__PURE__ */ (() => ({
  space: sticky("SPACE+"),
  number: sticky("\\d[\\d_]*(?:\\.\\d[\\d_]*)?(?:[eE][+-]?\\d[\\d_]*)?"),
  integer: sticky("\\d[\\d_]*"),
  name: sticky("[\\p{L}\\p{Nl}_][\\p{L}\\p{M}\\p{N}\\p{Pc}]*"),
  string: sticky(`'(?:[^'\\\\]|\\\\[^])*'|"(?:[^"\\\\]|\\\\[^])*"`),
  operator: sticky("//|\\*\\*|[=!<>]=|[-+*/%~()\\[\\]{},:.|=<>]"),
  raw: sticky("\\{%[-+]?SPACE*rawSPACE*(?:-%\\}SPACE*|%\\})"),
  endraw: sticky("SPACE*endrawSPACE*(?=[-+]?%\\})"),
  "{{": sticky("-\\}\\}SPACE*|\\}\\}"),
  "{%": sticky("\\+%\\}|-%\\}SPACE*|%\\}\\n?"),
  "{#": sticky("#\\}\\n?|-#\\}SPACE*"),
}))();

/** Cuts one template; `tokens` grows as the cursor moves. */
class Lexer {
  readonly tokens: TemplateToken[] = [];
  readonly #source: string;
  #at = 0;
  #line = 1;
  /** Whether what comes next begins a line: the start of the template, or behind a newline that a tag took. */
  #lineStart = true;

  constructor(source: string) {
    const text = source.replace(/\r\n?/g, "\n");
    this.#source = text.endsWith("\n") ? text.slice(0, -1) : text;
  }

  run(): TemplateToken[] {
    const open = /\{[{%#]/g;
    for (;;) {
      open.lastIndex = this.#at;
      const found = open.exec(this.#source);
      if (found === null) break;
      const kind = found[0] as "{{" | "{%" | "{#";
      const sign = this.#sign(found.index);
      this.#text(found.index, sign, kind !== "{{");
      if (this.#match("raw") !== undefined) {
        this.#raw();
        continue;
      }
      this.#move(found.index + 2 + sign.length);
      if (kind === "{#") this.#comment();
      else this.#tag(kind);
    }
    this.#text(this.#source.length, "", false);
    this.#push("end", "");
    return this.tokens;
  }

  #fail(message: string): never {
    throw templateError(this.#line, message);
  }

  #push(kind: TemplateToken["kind"], value: string): void {
    this.tokens.push({ kind, value, line: this.#line });
  }

  #move(to: number): void {
    for (; this.#at < to; this.#at++) if (this.#source[this.#at] === "\n") this.#line++;
  }

  /** What a pattern matches at the cursor, which stays where it is. */
  #match(name: keyof typeof PATTERNS): string | undefined {
    PATTERNS[name].lastIndex = this.#at;
    return PATTERNS[name].exec(this.#source)?.[0];
  }

  /** The text up to a tag, less what the tag takes away. */
  #text(end: number, sign: string, strips: boolean): void {
    let text = this.#source.slice(this.#at, end);
    if (sign === "-") text = trimEnd(text);
    else if (strips && sign === "") {
      const lineAt = text.lastIndexOf("\n") + 1;
      if ((lineAt > 0 || this.#lineStart) && trimEnd(text).length <= lineAt) text = text.slice(0, lineAt);
    }
    if (text !== "") this.#push("text", text);
    this.#move(end);
  }

  /** The sign behind a tag's opening: "-" takes the white space before the tag, "+" keeps it. */
  #sign(at: number): string {
    const sign = this.#source[at + 2];
    return sign === "-" || sign === "+" ? sign : "";
  }

  #closeTag(kind: "{{" | "{%" | "{#"): boolean {
    const close = this.#match(kind);
    if (close === undefined) return false;
    this.#move(this.#at + close.length);
    this.#lineStart = close.endsWith("\n");
    return true;
  }

  #comment(): void {
    const end = this.#source.indexOf("#}", this.#at);
    if (end === -1) this.#fail("this comment has no #}");
    const sign = end > this.#at ? this.#source[end - 1] : "";
    this.#move(sign === "-" ? end - 1 : end);
    if (sign !== "+") this.#closeTag("{#");
    else {
      this.#move(end + 2);
      this.#lineStart = false;
    }
  }

  #raw(): void {
    const begin = this.#match("raw") as string;
    this.#move(this.#at + begin.length);
    this.#lineStart = begin.endsWith("\n");
    for (let end = this.#source.indexOf("{%", this.#at); end !== -1; end = this.#source.indexOf("{%", end + 2)) {
      const sign = this.#sign(end);
      PATTERNS.endraw.lastIndex = end + 2 + sign.length;
      if (!PATTERNS.endraw.test(this.#source)) continue;
      const close = PATTERNS.endraw.lastIndex;
      this.#text(end, sign, true);
      this.#move(close);
      this.#closeTag("{%");
      return;
    }
    this.#fail("raw has no endraw");
  }

  /** The words of `{{ … }}` or `{% … %}`; brackets that are open hide the tag's end. */
  #tag(kind: "{{" | "{%"): void {
    const open: string[] = [];
    this.#push(kind, kind);
    while (this.#at < this.#source.length) {
      const line = this.#line;
      if (open.length === 0 && this.#closeTag(kind)) {
        this.tokens.push({ kind: kind === "{{" ? "}}" : "%}", value: "", line });
        return;
      }
      const space = this.#match("space");
      if (space === undefined) this.#word(open);
      else this.#move(this.#at + space.length);
    }
    this.#fail(`this ${kind} is never closed`);
  }

  #word(open: string[]): void {
    const afterDot = this.tokens[this.tokens.length - 1].value === "."; // a.0.1 is two subscripts, not a number
    const number = this.#match(afterDot ? "integer" : "number");
    const name = this.#match("name");
    const string = this.#match("string");
    const word = number ?? name ?? string ?? this.#match("operator");
    if (word === undefined) this.#fail(`unexpected character ${JSON.stringify(this.#source[this.#at])}`);
    if (number !== undefined) this.#push(/[.eE]/.test(number) ? "float" : "integer", number.replaceAll("_", ""));
    else if (name !== undefined) this.#push("name", name);
    else if (string !== undefined) this.#push("string", this.#unescape(string.slice(1, -1)));
    else {
      if (word in CLOSING) open.push(CLOSING[word]);
      else if (")]}".includes(word) && open.pop() !== word) this.#fail(`unexpected ${word}`);
      this.#push("operator", word);
    }
    this.#move(this.#at + word.length);
  }

  /** Python's escapes; an unknown one keeps its backslash. */
  #unescape(text: string): string {
    const pattern = /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{1,3})|([^]))/g;
    return text.replace(pattern, (all, x?: string, u?: string, long?: string, octal?: string, one?: string) => {
      if (one !== undefined) {
        if ("xuUN".includes(one)) this.#fail(`${JSON.stringify(all)} is no escape that is supported`);
        return ESCAPES[one] ?? (/[\\'"]/.test(one) ? one : all);
      }
      const code = octal === undefined ? parseInt(x ?? u ?? (long as string), 16) : parseInt(octal, 8);
      if (code > 0x10ffff) this.#fail(`${JSON.stringify(all)} is no character`);
      return String.fromCodePoint(code);
    });
  }
}

const SPACE_CHARACTER = /* @__PURE__ */ new RegExp(`[${PYTHON_SPACE}]`);

/** A text without white space at its end. */
function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && SPACE_CHARACTER.test(text[end - 1])) end--;
  return text.slice(0, end);
}

/**
 * The tokens of a template, the last of kind "end".
 *
 * @throws TokenizerError for a tag that is never closed, a bracket without its other half, or a character outside the language
 */
export function lexTemplate(source: string): TemplateToken[] {
  return new Lexer(source).run();
}
