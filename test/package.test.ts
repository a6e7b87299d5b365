/**
 * The package as its users get it: every subpath loads as ESM and as CommonJS, all of them share one `Tensor` and one
 * backend, the bundles keep their budgets, and nothing else is published.
 */
import { execFileSync, spawnSync } from "node:child_process";
import type { SpawnSyncReturns } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild"; // comes with tsup
import { beforeAll, describe, expect, it } from "vitest";
import ensureDist from "./ensure-dist.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const chapters = readdirSync(`${root}src/public`)
  .map((name) => name.replace(/\.ts$/, ""))
  .sort();
const subpaths = ["index", ...chapters];
const kB = 1000;

/** What `heed` or `heed/<chapter>` is called in an import. */
function specifier(subpath: string): string {
  return subpath === "index" ? "heed" : `heed/${subpath}`;
}

/** Runs a script in a Node of its own, which resolves `heed` as a user's would, and returns the JSON that it prints. */
function inNode(kind: "module" | "commonjs", script: string): unknown {
  return JSON.parse(
    execFileSync(process.execPath, [`--input-type=${kind}`, "--eval", script], { cwd: root, encoding: "utf8" }),
  );
}

/** Minified and gzipped size of a program for the browser that imports the built package, in bytes. */
async function bundleSize(program: string): Promise<number> {
  const result = await build({
    stdin: { contents: program, resolveDir: root },
    alias: Object.fromEntries(subpaths.map((subpath) => [specifier(subpath), `${root}dist/${subpath}.js`]).reverse()),
    tsconfigRaw: {}, // otherwise `paths` leads to the sources
    bundle: true,
    minify: true,
    write: false,
    platform: "browser",
    format: "esm",
    target: "es2022",
    logLevel: "silent", // without `external`: a user's bundler must get along by itself
  });
  return gzipSync(result.outputFiles[0].contents, { level: 9 }).length;
}

beforeAll(ensureDist);

describe("subpaths", () => {
  it("are those of src/public, in package.json and in dist", () => {
    const json = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as {
      exports: object;
      typesVersions: { "*": object };
      tsup: { entry: object };
    };
    const exported = Object.keys(json.exports).filter((path) => path !== "./package.json");
    expect(exported.sort()).toEqual([".", ...chapters.map((chapter) => `./${chapter}`)]);
    expect(Object.keys(json.typesVersions["*"]).sort()).toEqual(chapters);
    expect(Object.keys(json.tsup.entry).sort()).toEqual([...subpaths, "cli"].sort());
    const files = subpaths.flatMap((subpath) =>
      ["js", "cjs", "d.ts", "d.cts"].map((ending) => `dist/${subpath}.${ending}`),
    );
    expect(files.filter((file) => !existsSync(root + file))).toEqual([]);
  });

  const report = `JSON.stringify({
    names: modules.map((module) => Object.keys(module).length > 0),
    tensors: new Set(modules.map((module) => module.Tensor).filter(Boolean)).size,
    backends: new Set(modules.map((module) => module.backend).filter(Boolean)).size,
    sameTensor: modules[0].Tensor === tensor.Tensor && modules[0].backend === tensor.backend,
  })`;
  const shared = { names: subpaths.map(() => true), tensors: 1, backends: 1, sameTensor: true };

  it("load as ES modules and share Tensor and backend", () => {
    const load = (subpath: string): string => `await import("${specifier(subpath)}")`;
    expect(
      inNode(
        "module",
        `const modules = [${subpaths.map(load)}]; const tensor = ${load("tensor")}; console.log(${report})`,
      ),
    ).toEqual(shared);
  });

  it("load as CommonJS and share Tensor and backend", () => {
    const load = (subpath: string): string => `require("${specifier(subpath)}")`;
    expect(
      inNode(
        "commonjs",
        `const modules = [${subpaths.map(load)}]; const tensor = ${load("tensor")}; console.log(${report})`,
      ),
    ).toEqual(shared);
  });

  it("declare types that need no other package", () => {
    const declarations = readdirSync(`${root}dist`).filter((name) => /\.d\.c?ts$/.test(name));
    const foreign = declarations.flatMap((name) => {
      const found =
        readFileSync(`${root}dist/${name}`, "utf8").match(/<reference .*>|(?:from |import\()['"][^.'"][^'"]*['"]/g) ??
        [];
      return found.map((what) => `dist/${name}: ${what}`);
    });
    expect(foreign).toEqual([]);
  });
});

describe("the command", () => {
  const { bin } = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as { bin: { heed: string } };
  const heed = (args: string[], input = ""): SpawnSyncReturns<string> =>
    spawnSync(process.execPath, [join(root, bin.heed), ...args], { encoding: "utf8", input });

  it("runs, and answers by its exit code", () => {
    expect(readFileSync(join(root, bin.heed), "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/);
    expect(heed(["--version"])).toMatchObject({ status: 0, stderr: "" });
    expect(heed(["generate", "--help"]).stdout).toContain("heed generate MODEL [PROMPT] [options]");
    expect(heed(["genrate"])).toMatchObject({ status: 2, stdout: "" });
    const missing = heed(["generate", "./no-such-model"], "The sea\n");
    expect(missing).toMatchObject({
      status: 1,
      stdout: "",
      stderr: expect.stringMatching(/^heed: loadModel: .*no-such-model/),
    });
  });

  it("is in none of the library's files", () => {
    const names = readdirSync(`${root}dist`).filter((name) => /\.c?js$/.test(name) && !/^cli\./.test(name));
    expect(names.filter((name) => readFileSync(`${root}dist/${name}`, "utf8").includes("parseArgs"))).toEqual([]);
  });
});

describe("minified and gzipped for the browser", () => {
  it.each([
    // Every BPE dialect with its whole pipeline, patterns, training and OpenAI's files: methods of a class cannot be left out.
    { program: `export { BPETokenizer, tokenizerFromJSON } from "heed";`, budget: 23 * kB },
    // 22 kB of it are the WebAssembly backend and 5 kB the plain loops, gradients included. They cannot be left out or loaded
    // later: which kernels run is decided at the first operation, and operations do not wait. 35 kB are loading: every family, format
    // and quantised type, any tokenizer, and the sources, since a path, an address and a File come through one function.
    { program: `export { loadModel, generate } from "heed";`, budget: 113 * kB },
    {
      program: subpaths.map((subpath, i) => `export * as part${i} from "${specifier(subpath)}";`).join("\n"),
      budget: 147 * kB,
    },
  ])("$program is at most $budget bytes", async ({ program, budget }) => {
    expect(await bundleSize(program)).toBeLessThanOrEqual(budget);
  });
});

describe("npm pack", () => {
  interface Packed {
    unpackedSize: number;
    files: { path: string }[];
  }

  it("publishes dist and four files beside it, all text, at most 2.1 MB", () => {
    const output = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
      cwd: root,
      encoding: "utf8",
      stdio: "pipe",
    });
    const [packed] = JSON.parse(output) as Packed[];
    const paths = packed.files.map(({ path }) => path);
    const besides = paths.filter((path) => !path.startsWith("dist/"));
    expect(["CHANGELOG.md", "LICENSE", "README.md", "package.json"]).toEqual(expect.arrayContaining(besides));
    expect(paths.filter((path) => path.startsWith("dist/") && !/\.(js|cjs|d\.ts|d\.cts)$/.test(path))).toEqual([]);
    expect(paths.filter((path) => readFileSync(root + path).includes(0))).toEqual([]);
    expect(packed.unpackedSize).toBeLessThanOrEqual(2.1 * kB * kB);
  });
});
