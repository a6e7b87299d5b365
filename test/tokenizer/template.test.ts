/** The template language against Jinja's own output, what it refuses, and templates that mean harm. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HeedError, TokenizerError } from "../../src/errors.ts";
import { parseTemplate } from "../../src/tokenizer/template-parser.ts";
import { renderTemplate } from "../../src/tokenizer/template.ts";
import { languageExamples } from "./template-cases.ts";
import { valueExamples } from "./template-value-cases.ts";

const render = (template: string, variables: Record<string, unknown> = {}): string =>
  renderTemplate(parseTemplate(template), variables);

describe("prints what Jinja prints", () => {
  it.each([...languageExamples, ...valueExamples] as [string, string, Record<string, unknown>?][])(
    "%j",
    (template, expected, variables = {}) => {
      expect(render(template, variables)).toBe(expected);
    },
  );

  it("calls functions among the variables", () => {
    expect(render("{{ twice(3) }}{{ twice(2) is integer }}", { twice: (x: number) => x * 2 })).toBe("6True");
  });
});

describe("refuses by name and line", () => {
  it.each([
    ["a\n{% include 'x' %}", 2, "include"],
    ["{% block b %}{% endblock %}", 1, "block"],
    ["\n\n{{ 'a' | wordwrap }}", 3, "wordwrap"],
    ["{{ 1 is prime }}", 1, "prime"],
    ["{{ missing.role }}", 1, '"missing", which is undefined'],
    ["{{ a.b.c }}", 1, '"b", which is undefined'],
    ["{{ missing() }}", 1, '"missing"'],
    ["{{ 'a'.encode() }}", 1, '"encode"'],
    ["{{ [].append(1) }}", 1, "may not change"],
    ["{{ {}.update({}) }}", 1, "may not change"],
    ["{{ missing + 'a' }}", 1, '"missing", which is undefined'],
    ["{{ 'a' + 1 }}", 1, "string and integer"],
    ["{{ 'a%s' % 1 }}", 1, "string and integer"],
    ["{{ 1 / 0 }}", 1, "division by zero"],
    ["{{ 2 ** 60 }}", 1, "2^53"],
    ["{{ 2 ** 0.5 }}", 1, "integers"],
    ["{{ 'a' < 1 }}", 1, "no order"],
    ["{{ missing | tojson }}", 1, "undefined cannot be written"],
    ["{{ [1] | map('upper') }}", 1, "generator cannot be printed"],
    ["{% for a, b in [[1]] %}{% endfor %}", 1, "2 names take 1 values"],
    ["{% for x in 5 %}{% endfor %}", 1, "integer cannot be gone through"],
    ["{% set x = {} %}{% set x.a = 1 %}", 1, "namespace"],
    ["{% break %}", 1, "outside a loop"],
    ["{% for x in [1] %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}", 1, "outside a loop"],
    ["{% for x in [1] recursive %}{% endfor %}", 1, "recursive"],
    ["{{ f(*args) }}", 1, "unpacking"],
    ["{% if 1 %}", 1, "endif"],
    ["{% endif %}", 1, "endif"],
    ["{{ 1", 1, "never closed"],
    ["{{ (1] }}", 1, "unexpected ]"],
    ["{{ 1 ! 2 }}", 1, "unexpected character"],
    ["{# a", 1, "comment"],
    ["{% raw %}", 1, "endraw"],
    ["{{ 'a' | replace('a') }}", 1, "new"],
    ["{{ 'a' | trim(nope=1) }}", 1, "nope"],
    ["{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", 1, "at most 1"],
    ["{{ '\\N{DASH}' }}", 1, "escape"],
    ["{{ raise_exception('no ' ~ 'way') }}", 1, "no way"],
  ])("%j", (template, line, words) => {
    const run = (): string => render(template, { a: {} });
    expect(run).toThrow(TokenizerError);
    expect(run).toThrow(words);
    expect(run).toThrow(`line ${line}:`);
  });
});

describe("reaches nothing of JavaScript", () => {
  it.each(["constructor", "__proto__", "prototype", "toString", "hasOwnProperty", "length", "map"])("%s", (name) => {
    const values = { d: { a: 1 }, l: [1], s: "s", n: 1, b: true, f: () => 1 };
    for (const value of Object.keys(values)) {
      expect(render(`{{ ${value}.${name} }}{{ ${value}['${name}'] }}`, values)).toBe("");
      expect(render(`{{ [${value}] | map(attribute='${name}') | list }}`, values)).toBe("[Undefined]");
    }
    expect(render(`{{ ${name} }}{{ namespace().${name} }}{% for x in l %}{{ loop.${name} }}{% endfor %}`, values)).toBe(
      name === "length" ? "1" : "",
    );
  });

  it("not even from data that was made for it", () => {
    const data = JSON.parse('{"__proto__": {"x": 1}, "constructor": "mine"}') as object;
    expect(render("{{ d.x }}|{{ d['__proto__'].x }}|{{ d.constructor }}", { d: data })).toBe("|1|mine");
    expect(render("{{ {'__proto__': 1}.polluted }}")).toBe("");
    expect(({} as { x?: number }).x).toBeUndefined();
  });
});

describe("ends", () => {
  it.each([
    ["a range without end", "{% for i in range(10**9) %}{% endfor %}"],
    ["loops in loops", "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"],
    [
      "a text that doubles",
      "{% set n = namespace(s='ab') %}{% for i in range(99) %}{% set n.s = n.s ~ n.s %}{% endfor %}",
    ],
    [
      "a list that doubles",
      "{% set n = namespace(s=[1]) %}{% for i in range(99) %}{% set n.s = n.s + n.s %}{% endfor %}",
    ],
    [
      "a tree that doubles",
      "{% set n = namespace(s=1) %}{% for i in range(99) %}{% set n.s = [n.s, n.s] %}{% endfor %}{{ n.s }}",
    ],
    [
      "a chain",
      "{% set n = namespace(s=1) %}{% for i in range(9999) %}{% set n.s = [n.s] %}{% endfor %}{{ n.s | tojson }}",
    ],
    ["a macro that calls itself", "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}"],
    ["repetition", "{{ 'a' * 10**12 }}"],
    ["replacement", "{{ ('a' * 10**6) | replace('a', 'a' * 10**5) }}"],
    ["characters of a long text", "{{ ('ab' * 10**7) | list | length }}"],
    ["a search that compares all with all", "{{ ('b' ~ 'a' * 10**7) in ('a' * 2 * 10**7) }}"],
    ["brackets", `{{ ${"(".repeat(1e5)}1${")".repeat(1e5)} }}`],
    ["conditions", "{% if 1 %}".repeat(1e5)],
    ["operators", `{{ 1${" + 1".repeat(1e5)} }}`],
    ["attributes", `{{ a${".b".repeat(1e5)} }}`],
    ["alternatives", `{% if 0 %}${"{% elif 0 %}".repeat(1e5)}{% endif %}`],
  ])("%s", (_, template) => {
    expect(() => render(template)).toThrow(TokenizerError);
  });

  it("data too deep for the stack", () => {
    let deep: unknown = 1;
    for (let i = 0; i < 1e5; i++) deep = [deep];
    expect(() => render("{{ d }}", { d: deep })).toThrow(TokenizerError);
  });
});

describe("whatever the template", () => {
  const words = [
    "{{",
    "}}",
    "{%",
    "%}",
    "{%-",
    "-%}",
    "{#",
    "#}",
    "if",
    "else",
    "endif",
    "for",
    "in",
    "endfor",
    "set",
    "=",
    "x",
    "loop",
    "macro",
    "endmacro",
    "raw",
    "endraw",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ".",
    ",",
    ":",
    "|",
    "~",
    "+",
    "-",
    "*",
    "**",
    "//",
    "not",
    "is",
    "defined",
    "'a'",
    '"',
    "1",
    "2.5",
    "tojson",
    "range",
    "namespace",
    "\n",
    " ",
    "and",
    "call",
    "filter",
    "upper",
    "map",
    "caller",
    "break",
    "with",
    "\\",
    "é😀",
  ];
  const text = fc.array(fc.constantFrom(...words), { maxLength: 40 }).map((parts) => parts.join(" "));
  const inside = text.map((part) => `{{ ${part} }}{% ${part} %}`);

  it("it renders or fails with a HeedError", () => {
    fc.assert(
      fc.property(fc.oneof(text, inside, fc.string()), (template) => {
        try {
          return typeof render(template, { x: [1, "a", { b: null }] }) === "string";
        } catch (error) {
          return error instanceof HeedError;
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("text without tags stays as it is, less one line break at its end", () => {
    const plain = fc.string({ unit: "grapheme" }).filter((part) => !/\{[{%#]|\r/.test(part));
    fc.assert(fc.property(plain, (part) => render(part) === part.replace(/\n$/, "")));
  });

  it("JSON comes out as it went in", () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        expect(JSON.parse(render("{{ x | tojson }}", { x: value }))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});
