/** Errors and the checks that throw them. */
import { describe, expect, it } from "vitest";
import {
  AbortError,
  ConfigError,
  DisposedError,
  FileError,
  FormatError,
  HeedError,
  ShapeError,
  TokenizerError,
  checkInteger,
  checkNumber,
  checkOptions,
  describeValue,
  throwIfAborted,
} from "../src/errors.ts";
import { expectError } from "./expect-error.ts";

describe("every kind of error", () => {
  const kinds = [
    [new ShapeError("m", { a: 1 }), "ShapeError", "shape"],
    [new ConfigError("m", { a: 1 }), "ConfigError", "config"],
    [new FormatError("m", { a: 1 }), "FormatError", "format"],
    [new FileError("m", { a: 1 }), "FileError", "file"],
    [new TokenizerError("m", { a: 1 }), "TokenizerError", "tokenizer"],
    [new DisposedError("m", { a: 1 }), "DisposedError", "disposed"],
  ] as const;

  it.each(kinds)("%s is a HeedError with a name, a code and details", (error, name, code) => {
    expect(error).toBeInstanceOf(HeedError);
    expect(error).toBeInstanceOf(Error);
    expect([error.name, error.code, error.message, error.details]).toEqual([name, code, "m", { a: 1 }]);
    expect(String(error)).toBe(`${name}: m`);
    expect(error.stack).toContain("errors.test");
  });

  it("has details even where none were given, and a code of its own", () => {
    expect(new ShapeError("m").details).toEqual({});
    expect(new Set([...kinds.map(([error]) => error.code), new AbortError("x").code]).size).toBe(7);
  });

  it("keeps the error that caused it", () => {
    const cause = new Error("disk");
    expect(new FormatError("m", {}, { cause }).cause).toBe(cause);
    expect(new FileError("m", {}, { cause }).cause).toBe(cause);
  });
});

describe("describeValue", () => {
  const deep: unknown = JSON.parse("[".repeat(20_000) + "]".repeat(20_000));

  it.each<[unknown, string]>([
    [undefined, "nothing"],
    [null, "null"],
    [-1.5, "-1.5"],
    [NaN, "NaN"],
    ['a"b', '"a\\"b"'],
    ["a".repeat(100), `"${"a".repeat(80)}…"`],
    [[], "[]"],
    [[1, "2", null], '[1,"2",null]'],
    [[1, [2]], "an array"],
    [new Array(9).fill(0), "an array"],
    [{}, "an object"],
    [Object.create(null), "an object"],
  ])("%j is %s", (value, shown) => {
    expect(describeValue(value)).toBe(shown);
  });

  it("goes one level deep and no deeper", () => {
    expect(describeValue(deep)).toBe("an array");
    expect(describeValue({ deep })).toBe("an object");
    expectError(() => checkInteger("op", "n", deep, 1), ConfigError, "op: n must be an integer >= 1, got an array");
    expectError(
      () => checkNumber("op", "p", { deep }, 0, 1),
      ConfigError,
      "op: p must be a number from 0 to 1, got an object",
    );
  });
});

describe("throwIfAborted", () => {
  it("throws the reason of a signal that has fired", () => {
    const controller = new AbortController();
    throwIfAborted(controller.signal, "train");
    throwIfAborted(undefined, "train");
    controller.abort("enough");
    expectError(() => throwIfAborted(controller.signal, "train"), AbortError, "train: stopped through its AbortSignal");
    try {
      throwIfAborted(controller.signal, "train");
    } catch (error) {
      expect(error).toMatchObject({ name: "AbortError", code: "aborted", cause: "enough" });
    }
  });
});

describe("checkOptions", () => {
  it("accepts known names, absent options, and undefined under any name", () => {
    checkOptions("op", undefined, ["a"]);
    checkOptions("op", {}, ["a"]);
    checkOptions("op", { a: 1 }, ["a", "b"]);
    checkOptions("op", { c: undefined }, ["a"]);
  });

  it("names an unknown option and the known ones", () => {
    expectError(
      () => checkOptions("op", { a: 1, c: 2 }, ["a", "b"]),
      ConfigError,
      'op: unknown option "c"; known options: a, b',
    );
    expectError(() => checkOptions("op", { c: null }, ["a"]), ConfigError, 'op: unknown option "c"; known options: a');
    try {
      checkOptions("op", { c: 1 }, ["a"]);
    } catch (error) {
      expect((error as ConfigError).details).toEqual({ option: "c", known: ["a"] });
    }
  });

  it.each([
    [null, "null"],
    [[1], "an array"],
    ["x", "string"],
    [5, "number"],
    [true, "boolean"],
  ])("refuses %j in place of options", (options, what) => {
    expectError(
      () => checkOptions("op", options as unknown as object, ["a"]),
      ConfigError,
      `op: options must be an object, got ${what}`,
    );
  });
});

describe("checkInteger", () => {
  it("accepts the bounds and what lies between", () => {
    for (const value of [2, 3, 5]) checkInteger("op", "n", value, 2, 5);
    checkInteger("op", "n", Number.MAX_SAFE_INTEGER, 0);
  });

  it.each([1, 6, 2.5, NaN, Infinity, "3", null, undefined])("refuses %j between 2 and 5", (value) => {
    expectError(
      () => checkInteger("op", "n", value, 2, 5),
      ConfigError,
      `op: n must be an integer from 2 to 5, got ${typeof value === "string" ? `"${value}"` : String(value)}`,
    );
  });

  it("says >= where there is no upper bound", () => {
    expectError(() => checkInteger("op", "n", 0, 1), ConfigError, "op: n must be an integer >= 1, got 0");
    expectError(
      () => checkInteger("op", "n", 2 ** 53, 1),
      ConfigError,
      `op: n must be an integer >= 1, got ${2 ** 53}`,
    );
  });
});

describe("checkNumber", () => {
  it("accepts the bounds and what lies between", () => {
    for (const value of [0, 0.5, 1]) checkNumber("op", "p", value, 0, 1);
    checkNumber("op", "p", -5, -Number.MAX_VALUE);
  });

  it.each([-0.1, 1.1, NaN, Infinity, "0.5", null, undefined])("refuses %j between 0 and 1", (value) => {
    expectError(
      () => checkNumber("op", "p", value, 0, 1),
      ConfigError,
      `op: p must be a number from 0 to 1, got ${typeof value === "string" ? `"${value}"` : String(value)}`,
    );
  });

  it("says what is missing where there is no upper bound", () => {
    expectError(
      () => checkNumber("op", "p", Infinity, 0),
      ConfigError,
      "op: p must be a number finite and >= 0, got Infinity",
    );
    expectError(
      () => checkNumber("op", "p", NaN, -Number.MAX_VALUE),
      ConfigError,
      "op: p must be a number finite, got NaN",
    );
  });
});
