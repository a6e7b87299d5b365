/**
 * Reads the regular expressions of `tokenizer.json` files, in the dialect of Oniguruma (Ruby's syntax), which the Rust
 * library uses, and compiles them for `automaton.ts`. JavaScript's own engine would take quadratic or exponential time on some
 * texts, has other white space in `\s` (U+FEFF, but not U+0085), and lacks possessive quantifiers and `(?i:…)`.
 *
 * Read are sets of characters, groups, alternatives, quantifiers, `(?i:…)` around ASCII, and a look ahead by one character.
 * Everything else is refused by name.
 */
import { TokenizerError } from "../errors.ts";
import { Automaton, type Program, type Step } from "./automaton.ts";

/** A part of a pattern. */
interface Node {
  /** Writes the part's steps so that they lead to step `next`; returns the first one. */
  readonly write: (next: number) => number;
  /** Whether the part may match nothing at all. */
  readonly empty: boolean;
  /** The set, if the part is one character of it. */
  readonly set?: number;
}

/** Repetitions are written out, {64} as 64 copies; real patterns have some 60 steps and a dozen sets, and nest three deep. */
const MAX_STEPS = 500;
const MAX_SETS = 31;
const MAX_LENGTH = 4000;
const MAX_DEPTH = 50;
const TOO_LARGE = "it is too large";

/** What a letter behind a backslash means, in JavaScript's terms. Latin-1's numbers are word characters in Oniguruma alone. */
const ESCAPES: Readonly<Record<string, string>> = {
  w: "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}²³¹¼½¾",
  s: "\\p{White_Space}",
  S: "\\P{White_Space}",
  d: "\\p{Nd}",
  D: "\\P{Nd}",
  n: "\\n",
  r: "\\r",
  t: "\\t",
  f: "\\f",
  v: "\\v",
};

class Parser {
  readonly #source: string;
  readonly #steps: Step[] = [];
  readonly #sets = new Map<string, RegExp>();
  #at = 0;
  #depth = 0;
  #ignoreCase = false;

  constructor(source: string) {
    this.#source = source;
  }

  parse(): Program {
    if (this.#source.length > MAX_LENGTH) throw this.#refuse(TOO_LARGE);
    const node = this.#alternatives();
    if (this.#at < this.#source.length) throw this.#refuse();
    if (node.empty) throw this.#refuse("it may match nothing");
    const first = node.write(this.#add({ match: true }));
    return { source: this.#source, steps: this.#steps, first, sets: [...this.#sets.values()] };
  }

  /** The error for a construct that ends about here, unless it is something else that is wrong. */
  #refuse(what?: string): TokenizerError {
    const [pattern, position] = [this.#source, this.#at];
    const place = JSON.stringify(pattern.slice(Math.max(0, position - 4), position + 12));
    return new TokenizerError(
      `tokenizer.json: the pattern ${JSON.stringify(pattern.slice(0, 400))} is not supported: ${what ?? `see ${place}, at position ${position}`}`,
      { pattern, position },
    );
  }

  #add(step: Step): number {
    if (this.#steps.length >= MAX_STEPS) throw this.#refuse(TOO_LARGE);
    return this.#steps.push(step) - 1;
  }

  /** Takes what `expected` matches at the current place; the match, or undefined if it does not. */
  #take(expected: RegExp): RegExpExecArray | undefined {
    const sticky = new RegExp(expected, "yu");
    sticky.lastIndex = this.#at;
    const match = sticky.exec(this.#source);
    if (match === null) return undefined;
    this.#at = sticky.lastIndex;
    return match;
  }

  #alternatives(): Node {
    const nodes: Node[] = [];
    if (++this.#depth > MAX_DEPTH) throw this.#refuse(TOO_LARGE);
    do nodes.push(this.#sequence());
    while (this.#take(/\|/));
    this.#depth--;
    if (nodes.length === 1) return nodes[0];
    return {
      write: (next) => this.#add({ split: nodes.map((node) => node.write(next)) }),
      empty: nodes.some((node) => node.empty),
    };
  }

  #sequence(): Node {
    const nodes: Node[] = [];
    while (this.#at < this.#source.length && !/[|)]/.test(this.#source[this.#at])) nodes.push(this.#quantified());
    if (nodes.length === 1) return nodes[0];
    return {
      write: (next) => nodes.reduceRight((after, node) => node.write(after), next),
      empty: nodes.every((node) => node.empty),
    };
  }

  #quantified(): Node {
    let node = this.#atom();
    for (;;) {
      const simple = this.#take(/([*+?])([+?]?)/);
      if (simple !== undefined) {
        const [, kind, mode] = simple;
        node = this.#repeat(node, kind === "+" ? 1 : 0, kind === "?" ? 1 : Infinity, mode);
        continue;
      }
      const counted = this.#take(/\{(?=,?\d)(\d{0,4})(,?)(\d{0,4})\}(?!\?)/);
      if (counted === undefined) {
        if (this.#source[this.#at] === "{") throw this.#refuse();
        return node;
      }
      const least = Number(counted[1]);
      node = this.#repeat(node, least, counted[2] === "" ? least : Number(counted[3] || Infinity), "");
    }
  }

  #repeat(node: Node, least: number, most: number, mode: string): Node {
    if (node.empty) throw this.#refuse();
    if (most < least) throw this.#refuse();
    if (mode === "+" && node.set === undefined) throw this.#refuse();
    const write = (next: number): number => {
      // Possessive means: not followed by one more, unless the limit is reached.
      const stop = mode === "+" ? this.#add({ ahead: node.set as number, not: true, end: true, next }) : next;
      const choose = (more: number, enough: number): readonly number[] =>
        mode === "?" ? [enough, more] : [more, enough];
      let first = next;
      if (most === Infinity) {
        first = this.#add({ match: true }); // holds the place of the split, which must be known to what it leads to
        this.#steps[first] = { split: choose(node.write(first), stop) };
      } else {
        for (let i = least; i < most; i++) first = this.#add({ split: choose(node.write(first), stop) });
      }
      for (let i = 0; i < least; i++) first = node.write(first);
      return first;
    };
    return { write, empty: least === 0 };
  }

  #atom(): Node {
    const group = this.#take(/\((?:\?(:|i:|[=!]|))?/);
    if (group === undefined) return this.#character();
    const kind = group[1];
    if (kind === "") throw this.#refuse();
    const outer = this.#ignoreCase;
    if (kind === "i:") this.#ignoreCase = true;
    const node = this.#alternatives();
    this.#ignoreCase = outer;
    if (!this.#take(/\)/)) throw this.#refuse();
    if (kind !== "=" && kind !== "!") return node;
    if (node.set === undefined) throw this.#refuse();
    return this.#ahead(node.set, kind === "!", kind === "!");
  }

  /** Looks at the next character without taking it. */
  #ahead(ahead: number, not: boolean, end: boolean): Node {
    return { write: (next) => this.#add({ ahead, not, end, next }), empty: true };
  }

  #character(): Node {
    if (this.#take(/\$/)) return this.#ahead(this.#set("\\n"), false, true); // also before a line feed, as in Ruby
    if (this.#take(/\\z/)) return this.#ahead(this.#set("^"), true, true);
    const open = this.#take(/\[(\^?)/);
    if (open !== undefined) return this.#oneOf(this.#set(open[1] + this.#classContent(open[1] !== "")));
    if (this.#take(/\./)) return this.#oneOf(this.#set("^\\n"));
    if (this.#take(/[\^*+?{]/)) throw this.#refuse();
    if (this.#take(/\\W/)) return this.#oneOf(this.#set(`^${this.#checkCase(ESCAPES.w)}`));
    // ß matches (?i:ss) and ﬁ (?i:fi), as if it were two letters.
    if (this.#ignoreCase && /ss|st|f[fil]/i.test(this.#source.slice(this.#at - 1, this.#at + 1))) throw this.#refuse();
    return this.#oneOf(this.#set(this.#item()));
  }

  #oneOf(set: number): Node {
    return { write: (next) => this.#add({ set, next }), empty: false, set };
  }

  /** What stands in square brackets, in JavaScript's terms. A set within a set adds its characters. */
  #classContent(negated: boolean): string {
    let content = "";
    if (this.#ignoreCase && negated) throw this.#refuse();
    if (++this.#depth > MAX_DEPTH) throw this.#refuse(TOO_LARGE);
    do {
      if (this.#take(/\[(?=[\^:])|&&/)) throw this.#refuse();
      if (this.#take(/\[/)) {
        content += this.#classContent(false);
        continue;
      }
      content += this.#item();
      if (this.#take(/-(?!\])/)) content += `-${this.#item()}`;
    } while (!this.#take(/\]/));
    this.#depth--;
    return content;
  }

  /** One character, or a backslash with its letter, as it is written in a JavaScript set. */
  #item(): string {
    const property = this.#take(/\\([pP])\{(\^?)(\w+)\}/);
    if (property !== undefined) {
      const [, letter, not, name] = property;
      const negated = (letter === "P") !== (not !== "");
      const value = /^([A-Z][a-z]?|Alphabetic|Join_Control)$/.test(name) ? name : `Script=${name}`;
      try {
        new RegExp(`\\p{${value}}`, "u");
      } catch {
        throw this.#refuse();
      }
      return this.#checkCase(`\\${negated ? "P" : "p"}{${value}}`);
    }
    const code = this.#take(/\\(?:x\{([\dA-Fa-f]{1,6})\}|x([\dA-Fa-f]{2})|u([\dA-Fa-f]{4}))/);
    if (code !== undefined) return this.#checkCase(this.#literal(parseInt(code[1] ?? code[2] ?? code[3], 16)));
    const escaped = this.#take(/\\([A-Za-z\d])/);
    if (escaped !== undefined) {
      const meaning = Object.hasOwn(ESCAPES, escaped[1]) ? ESCAPES[escaped[1]] : undefined;
      if (meaning === undefined) throw this.#refuse();
      return this.#checkCase(meaning);
    }
    const plain = this.#take(/\\([^])|[^\\]/);
    if (plain === undefined) throw this.#refuse();
    return this.#literal((plain[1] ?? plain[0]).codePointAt(0) as number);
  }

  #literal(code: number): string {
    if (code > 0x10ffff || (code > 0x7f && this.#ignoreCase)) throw this.#refuse();
    return `\\u{${code.toString(16)}}`;
  }

  #checkCase(meaning: string): string {
    if (this.#ignoreCase) throw this.#refuse();
    return meaning;
  }

  /** The number of a set of characters. */
  #set(content: string): number {
    const flags = this.#ignoreCase ? "iu" : "u";
    const key = flags + content;
    if (!this.#sets.has(key)) {
      if (this.#sets.size >= MAX_SETS) throw this.#refuse(TOO_LARGE);
      try {
        this.#sets.set(key, new RegExp(`^[${content}]$`, flags));
      } catch {
        throw this.#refuse();
      }
    }
    return [...this.#sets.keys()].indexOf(key);
  }
}

/**
 * Compiles a pattern.
 *
 * @throws TokenizerError if the pattern has a construct that heed does not support, or is malformed; the message names both
 */
export function compilePattern(source: string): Automaton {
  return new Automaton(parsePattern(source));
}

/** Reads a pattern without making it ready to run. Errors as in `compilePattern`. */
export function parsePattern(source: string): Program {
  return new Parser(source).parse();
}

/** The pattern that matches a string literally. */
export function literalPattern(text: string): string {
  return Array.from(text, (character) => `\\x{${(character.codePointAt(0) as number).toString(16)}}`).join("");
}
