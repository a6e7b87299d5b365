/** What package.json may hold, what may lie at the top of the repository, and that test/ mirrors src/. */
import { chapters } from "./imports.ts";

/** The part of package.json that the rules read. */
export interface Package {
  readonly scripts?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

const RUNTIME_FIELDS = [
  "dependencies",
  "peerDependencies",
  "optionalDependencies",
  "bundleDependencies",
  "bundledDependencies",
];
const INSTALL_SCRIPTS = [
  "preinstall",
  "install",
  "postinstall",
  "prepublish",
  "preprepare",
  "prepare",
  "postprepare",
  "dependencies",
];
/** The last two are what vitest's browser mode needs. */
const DEV_DEPENDENCIES = [
  "typescript",
  "tsup",
  "vitest",
  "fast-check",
  "@types/node",
  "@vitest/browser-playwright",
  "playwright",
];
const TOP_LEVEL = [
  "package.json",
  "package-lock.json",
  "tsconfig.json",
  "src",
  "test",
  "bench",
  "examples",
  "README.md",
  "LICENSE",
  "CHANGELOG.md",
];

/** No runtime dependency, no install script, no development dependency beyond the agreed ones. */
export function packageIsAlone(json: Package): string[] {
  const runtime = RUNTIME_FIELDS.filter((field) => field in json).map(
    (field) => `package.json: ${field} is not allowed`,
  );
  const scripts = INSTALL_SCRIPTS.filter((name) => json.scripts?.[name] !== undefined).map(
    (name) => `package.json: the script "${name}" runs at install`,
  );
  const extra = Object.keys(json.devDependencies ?? {}).filter((name) => !DEV_DEPENDENCIES.includes(name));
  return [...runtime, ...scripts, ...extra.map((name) => `package.json: devDependency "${name}" is not allowed`)];
}

/** The top of the repository holds the agreed entries, dot-files, and what git ignores. */
export function topLevelIsSmall(entries: readonly string[], gitignore: string): string[] {
  const ignored = gitignore
    .split("\n")
    .map((line) => line.trim().replace(/^\/|\/$/g, ""))
    .filter((line) => line !== "" && !line.startsWith("#"));
  const patterns = ignored.map(
    (line) => new RegExp(`^${line.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*")}$`),
  );
  const extra = entries.filter(
    (entry) => !entry.startsWith(".") && !TOP_LEVEL.includes(entry) && !patterns.some((pattern) => pattern.test(entry)),
  );
  return extra.map((entry) => `${entry}: does not belong at the top of the repository`);
}

/** test/nn/linear.test.ts tests src/nn/linear.ts or the folder src/nn/linear; test/nn/linear.speed.test.ts may stand beside it. */
export function testsMirrorSources(tests: readonly string[], sources: readonly string[]): string[] {
  const known = new Set(sources.flatMap((path) => [path.replace(/\.ts$/, ""), path.slice(0, path.lastIndexOf("/"))]));
  const mirrored = tests.filter(
    (path) => path.endsWith(".test.ts") && path.split("/").length > 2 && chapters.includes(path.split("/")[1]),
  );
  const stray = mirrored.filter(
    (path) => !known.has(path.replace(/^test/, "src").replace(/(\.[^./]+)?\.test\.ts$/, "")),
  );
  return stray.map((path) => `${path}:1: no file or folder of src has this name`);
}
