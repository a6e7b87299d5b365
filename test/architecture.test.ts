/**
 * The architecture as tests: the import rule, sizes, names, and what library code may not do. Each rule also shows with
 * a bad snippet that it can fail, and with a good one that it does not fail for the wrong reason.
 */
import { readFileSync, readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import * as budgets from "./architecture/budgets.ts";
import * as code from "./architecture/code.ts";
import * as importRules from "./architecture/imports.ts";
import { type Package, packageIsAlone, testsMirrorSources, topLevelIsSmall } from "./architecture/package.ts";
import { type Rule, listFiles, parse, readRepository, root } from "./architecture/source.ts";
import * as words from "./architecture/words.ts";

/** Files that exist in memory only: path → text. */
type Snippet = Readonly<Record<string, string>>;

const lines = (count: number): string => "\n".repeat(count);

const cases: { name: string; rule: Rule; bad: Snippet[]; good: Snippet }[] = [
  {
    name: "every chapter imports only what stands below it",
    rule: importRules.importsFollowTheTable,
    bad: [
      { "src/tensor/shape.ts": `import { x } from "../ops/x.ts";` },
      { "src/tokenizer/bpe.ts": `import { x } from "../random.ts";` },
      { "src/tokenizer/bpe.ts": `import type { X } from "../model/config.ts";` },
      { "src/generation/score.ts": `export * from "../formats/half.ts";` },
      { "src/model/block.ts": `export { x } from "../load.ts";` },
      { "src/load.ts": `const x = await import("./training/train.ts");` },
      { "src/errors.ts": `export const x: import("./random.ts").Random;` },
      { "src/nn/linear.ts": `import { x } from "../index.ts";` },
      { "src/cli.ts": `import { x } from "./public/model.ts";` },
      { "src/public/model.ts": `import { x } from "../cli.ts";` },
      { "src/load.ts": `import { x } from "./cli/terminal.ts";` },
      { "src/cli/run.ts": `import { x } from "../index.ts";` },
      { "src/viz/plot.ts": `import { x } from "../errors.ts";` },
      { "src/inspect/lens.ts": `import { x } from "../viz/plot.ts";` },
      { "src/stuff/x.ts": `import { x } from "../errors.ts";` },
      { "src/nn/linear.ts": `import { x } from "../ops/matmul";` },
      { "src/nn/linear.ts": `import { x } from "lodash";` },
      { "src/nn/linear.ts": `import { x } from "../../test/data.ts";` },
    ],
    good: {
      "src/index.ts": `export * from "./public/model.ts";`,
      "src/public/model.ts": `export * from "../nn/linear.ts"; export * from "../load.ts";`,
      "src/nn/linear.ts": `import { a } from "./init.ts"; import { b } from "../errors.ts"; import { c } from "../backend/current.ts";`,
      "src/formats/save.ts": `import { a } from "../tokenizer/tokenizer.ts"; import { b } from "../tensor/tensor.ts"; import type { Stats } from "node:fs";`,
      "src/viz/plot.ts": `import type { Tensor } from "../tensor/tensor.ts";`,
      "src/cli.ts": `import { x } from "./training/train.ts"; import { y } from "./cli/run.ts";`,
      "src/cli/run.ts": `import { x } from "./terminal.ts"; import { y } from "../load.ts";`,
    },
  },
  {
    name: "backend/current.ts is the one door to the concrete backends",
    rule: importRules.backendsHaveOneDoor,
    bad: [
      { "src/tensor/tensor.ts": `import { x } from "../backend/loops/matmul.ts";` },
      { "src/backend/wasm/emit.ts": `import { x } from "../loops/matmul.ts";` },
      { "src/backend/backend.ts": `import { x } from "./wasm/index.ts";` },
      { "src/ops/math.ts": `import { x } from "../backend/memory.ts";` },
    ],
    good: {
      "src/backend/current.ts": `import { loops } from "./loops/index.ts";`,
      "src/backend/wasm/emit.ts": `import { x } from "./bytes.ts"; import { y } from "../math.ts";`,
      "src/tensor/tensor.ts": `import { x } from "../backend/current.ts"; import type { Kernels } from "../backend/backend.ts";`,
    },
  },
  {
    name: "Node's modules load lazily",
    rule: importRules.nodeIsLazy,
    bad: [{ "src/formats/source.ts": `import { readFile } from "node:fs/promises";` }],
    good: {
      "src/formats/source.ts": `export const read = async () => await import("node:fs/promises");`,
      "src/cli.ts": `import fs from "node:fs";`,
      "src/cli/train.ts": `import fs from "node:fs";`,
    },
  },
  {
    name: "no import cycles",
    rule: importRules.noCycles,
    bad: [
      {
        "src/a.ts": `import "./b.ts";`,
        "src/b.ts": `export * from "./c.ts";`,
        "src/c.ts": `import { a } from "./a.ts";`,
      },
      { "src/a.ts": `import { a } from "./a.ts";` },
      { "src/a.ts": `import { type B } from "./b.ts";`, "src/b.ts": `export const load = () => import("./a.ts");` },
    ],
    good: {
      "src/a.ts": `import { b } from "./b.ts"; import "./c.ts";`,
      "src/b.ts": `import type { A } from "./a.ts"; import "./c.ts";`,
      "src/c.ts": "",
    },
  },
  {
    name: "files have at most 400 lines",
    rule: budgets.filesAreShort,
    bad: [{ "src/a.ts": `${lines(400)}x();` }, { "test/a.test.ts": `${lines(400)}x();` }],
    good: { "src/a.ts": `${lines(399)}x();\n\n` },
  },
  {
    name: "functions have at most 80 lines",
    rule: budgets.functionsAreShort,
    bad: [
      { "src/a.ts": `/** Long. */\nfunction f() {${lines(80)}}` },
      { "bench/a.ts": `const f = () => {${lines(80)}};` },
      { "src/a.ts": `class A { get x() {${lines(80)}return 1; } }` },
    ],
    good: {
      "src/a.ts": `/**${lines(50)}*/ function f() {${lines(79)}}`,
      "test/a.test.ts": `describe("x", () => {${lines(100)}});`,
    },
  },
  {
    name: "the median function of src has at most 35 lines",
    rule: budgets.medianFunctionIsShort,
    bad: [{ "src/a.ts": `function f() {${lines(35)}}` }],
    good: { "src/a.ts": `function f() {${lines(35)}} function g() {} function h() {}` },
  },
  {
    name: "numbered examples have fewer than 80 lines",
    rule: budgets.examplesAreShort,
    bad: [{ "examples/01-tensors.ts": `${lines(79)}x();` }],
    good: { "examples/01-tensors.ts": `${lines(78)}x();`, "examples/corpus.ts": `${lines(200)}x();` },
  },
  {
    name: "every file says what it is for",
    rule: budgets.filesAreIntroduced,
    bad: [{ "src/a.ts": `import "./b.ts";\n/** Late. */` }],
    good: {
      "src/a.ts": "/** Early. */",
      "src/b.ts": "// Early.",
      "test/a.test.ts": "it();",
      "src/cli.ts": "#!/usr/bin/env node\n/** The command. */",
    },
  },
  {
    name: "every export of src has a doc comment",
    rule: budgets.exportsAreDocumented,
    bad: [
      { "src/a.ts": `/** File. */\nimport "./b.ts";\nexport const x = 1;` },
      { "src/a.ts": `/** File. */\nimport "./b.ts";\n// no doc\nexport interface X { y: 1 }` },
      { "src/a.ts": `/** File. */\nimport "./b.ts";\nclass X {}\nexport { X as Y };` },
      { "src/a.ts": `/** F. */ export function f(x: 1): 1; export function f(x: 2): 2; export function g() {}` },
    ],
    good: {
      "src/a.ts": `/** File. */\nimport "./b.ts";\n/** X. */\nexport const x = 1;\nconst hidden = 2;\nexport * from "./c.ts";`,
      "src/c.ts": `/** F. */\nexport function f(x: 1): 1;\nexport function f(x: 2): 2;\nexport function f(x: number) { return x; }\n/** C. */\nclass C {}\nexport { C };`,
    },
  },
  {
    name: "file names say something",
    rule: words.fileNamesSaySomething,
    bad: [{ "src/nn/utils.ts": "" }, { "src/common/shape.ts": "" }, { "test/helpers.ts": "" }],
    good: { "src/nn/linear.ts": "" },
  },
  {
    name: "identifiers say something",
    rule: words.identifiersSaySomething,
    bad: [{ "src/a.ts": "const tmp = 1;" }, { "src/a.ts": "function helper() {}" }, { "src/a.ts": "x.manager();" }],
    good: { "src/a.ts": `const template = "tmp"; // tmp` },
  },
  {
    name: "nothing is any",
    rule: words.nothingIsAny,
    bad: [{ "src/a.ts": "let x: any;" }, { "test/a.ts": "f(x as any[]);" }],
    good: { "src/a.ts": `const any = "any"; // any` },
  },
  {
    name: "comments put nothing off and silence nothing",
    rule: words.commentsAreFinal,
    bad: [
      { "src/a.ts": "f(); // TODO: g" },
      { "src/a.ts": "/** FIXME */ const x = 1;" },
      { "src/a.ts": "const x = [\n1, /* HACK */ 2];" },
      { "src/a.ts": "function f() { /* XXX */ }" },
      { "test/a.ts": "// @ts-ignore\nf();" },
      { "src/a.ts": "// @ts-expect-error\nf();" },
    ],
    good: {
      "src/a.ts": `const x = "TODO: not a comment // XXX"; // todos are fine`,
      "test/types/a.ts": "// @ts-expect-error wrong on purpose\nf();",
    },
  },
  {
    name: "mathematics is our own",
    rule: code.mathematicsIsOurs,
    bad: [
      { "src/a.ts": "Math.exp(1);" },
      { "src/a.ts": "const f = [Math.tanh];" },
      { "src/a.ts": "const { log } = Math;" },
      { "src/a.ts": `Math["pow"](2, 3);` },
    ],
    good: { "src/a.ts": "Math.max(1, Math.sqrt(2) ** 3); // Math.exp", "test/a.ts": "Math.exp(1);" },
  },
  {
    name: "chance is seeded",
    rule: code.chanceIsSeeded,
    bad: [{ "src/a.ts": "Math.random();" }, { "src/a.ts": "new Random(Date.now());" }],
    good: { "src/a.ts": "random.uniform(); performance.now(); type Then = Date; const point = { Date: 1 };" },
  },
  {
    name: "errors are HeedErrors",
    rule: code.errorsAreHeedErrors,
    bad: [
      { "src/a.ts": `throw new Error("x");` },
      { "src/a.ts": "throw `x ${y}`;" },
      { "src/a.ts": `throw "x" + y;` },
      { "src/a.ts": `reject(new TypeError("x"));` },
      { "src/a.ts": `throw Error("x");` },
      { "src/a.ts": `throw new Mystery("x");` },
    ],
    good: {
      "src/errors.ts": "class HeedError extends Error {} class ShapeError extends HeedError {}",
      "src/a.ts": `throw new ShapeError("x"); throw error; throw signal.reason;`,
      "test/a.ts": `throw new Error("x");`,
    },
  },
  {
    name: "the library is silent",
    rule: code.libraryIsSilent,
    bad: [{ "src/a.ts": "console.log(1);" }, { "src/a.ts": "const { warn } = console;" }],
    good: { "src/cli.ts": "console.log(1);", "bench/a.ts": "console.log(1);", "src/a.ts": "x.console;" },
  },
  {
    name: "an import touches nothing of the platform",
    rule: code.importTouchesNothing,
    bad: [
      { "src/a.ts": "const isNode = typeof process !== 'undefined';" },
      { "src/a.ts": "const cores = globalThis.navigator?.hardwareConcurrency;" },
      { "src/a.ts": "class A { static cores = navigator.hardwareConcurrency; }" },
    ],
    good: {
      "src/a.ts":
        "function f() { return process.argv; } const g = () => navigator; class A { x = document; } type P = typeof process; const o = { location: 1 };",
    },
  },
];

const parseAll = (snippet: Snippet) => Object.entries(snippet).map(([path, text]) => parse(path, text));
const repository = readRepository();

describe.each(cases)("$name", ({ name, rule, bad, good }) => {
  it(`${name} in this repository`, () => {
    expect(rule(repository).join("\n")).toBe("");
  });

  it.each(bad)("and a breach is seen: %j", (snippet) => {
    expect(rule(parseAll(snippet))).toHaveLength(1);
  });

  it("and nothing else is taken for one", () => {
    expect(rule(parseAll(good)).join("\n")).toBe("");
  });
});

describe("the package", () => {
  const json = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as Package;

  it("has no runtime dependency, no install script, and no tool beyond the agreed ones", () => {
    expect(packageIsAlone(json).join("\n")).toBe("");
    expect(
      packageIsAlone({
        dependencies: {},
        scripts: { postinstall: "x" },
        devDependencies: { vitest: "1", eslint: "9" },
      }),
    ).toHaveLength(3);
  });

  it("keeps the top of the repository small", () => {
    expect(topLevelIsSmall(readdirSync(root), readFileSync(`${root}.gitignore`, "utf8")).join("\n")).toBe("");
    expect(topLevelIsSmall(["src", ".ci", "dist", "x.tgz", "lib", "notes.md"], "dist/\n*.tgz\n")).toEqual([
      "lib: does not belong at the top of the repository",
      "notes.md: does not belong at the top of the repository",
    ]);
  });

  it("has tests that mirror the sources", () => {
    expect(testsMirrorSources(listFiles("test"), listFiles("src")).join("\n")).toBe("");
    const tests = [
      "test/nn/linear.test.ts",
      "test/nn/linear.speed.test.ts",
      "test/backend/loops.test.ts",
      "test/browser/x.test.ts",
      "test/nn/norm.test.ts",
    ];
    const stray = testsMirrorSources(tests, ["src/nn/linear.ts", "src/backend/loops/matmul.ts"]);
    expect(stray).toEqual(["test/nn/norm.test.ts:1: no file or folder of src has this name"]);
  });
});
