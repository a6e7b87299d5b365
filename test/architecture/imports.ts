/** Who may import whom: the table of src/README.md, the one door to the concrete backends, and no cycles. */
import { type Import, type Rule, type Source, imports, isIn, report } from "./source.ts";

/** What each chapter may import directly; everything below comes with it. `viz` and `cli` are further down. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  random: ["errors"],
  backend: ["errors"],
  tensor: ["backend", "random"],
  autograd: ["tensor"],
  ops: ["autograd"],
  nn: ["ops"],
  model: ["nn"],
  tokenizer: ["errors", "turn"],
  turn: [],
  "language-model": ["model", "tokenizer"],
  formats: ["language-model", "turn"],
  generation: ["language-model", "turn"],
  training: ["model", "formats"],
  embeddings: ["ops", "tokenizer"],
  inspect: ["generation"],
  viz: [],
  load: ["formats", "tokenizer", "model"], // its result, a LanguageModel, comes with formats
};

/** The names of the chapters that a test folder may mirror. */
export const chapters: readonly string[] = Object.keys(MAY_IMPORT);

/** What other chapters see of backend/. */
const BACKEND_FACE = ["src/backend/backend.ts", "src/backend/current.ts", "src/backend/math.ts"];

/** The chapter of a path in src; "public" for the public surface. */
function chapterOf(path: string): string {
  const [, first, rest] = path.split("/");
  if (rest === undefined) return first === "index.ts" ? "public" : first.replace(/\.ts$/, "");
  return first;
}

/** A chapter with everything below it. */
function reachable(chapter: string): Set<string> {
  const below = MAY_IMPORT[chapter] ?? [];
  return new Set([chapter, ...below.flatMap((next) => [...reachable(next)])]);
}

/** The reason why `from` may not import `to`, if there is one. */
function whyNot(from: string, to: string, typeOnly: boolean): string | undefined {
  if (from === to) return undefined;
  if (to === "public") return "nobody imports the public surface";
  if (to === "cli") return "nobody imports cli.ts";
  if (from === "public" || from === "cli") return undefined;
  if (!(from in MAY_IMPORT)) return `"${from}" is no chapter of the import table`;
  if (from === "viz") return typeOnly ? undefined : "viz imports types only";
  return reachable(from).has(to) ? undefined : `${from} may not import ${to}`;
}

/** Every file of src imports only what its chapter may import, by a relative path that ends in .ts. */
export const importsFollowTheTable: Rule = (sources) => {
  return eachImport(sources, ({ path }, { specifier, target, typeOnly }) => {
    if (target === undefined) return specifier.startsWith("node:") ? undefined : `imports the package "${specifier}"`;
    if (!target.startsWith("src/")) return `imports ${target}, which is not in src`;
    if (!target.endsWith(".ts")) return `the import "${specifier}" does not end in .ts`;
    return whyNot(chapterOf(path), chapterOf(target), typeOnly);
  });
};

/** Only backend/current.ts and a concrete backend's own files import it; other chapters see three files of backend/. */
export const backendsHaveOneDoor: Rule = (sources) => {
  return eachImport(sources, ({ path }, { target }) => {
    if (!target?.startsWith("src/backend/")) return undefined;
    const folder = /^src\/backend\/[^/]+\//.exec(target)?.[0];
    if (folder && !path.startsWith(folder) && path !== "src/backend/current.ts")
      return `imports ${target}; only backend/current.ts may`;
    if (!folder && !path.startsWith("src/backend/") && !BACKEND_FACE.includes(target))
      return `imports ${target}, which is internal to backend/`;
    return undefined;
  });
};

/** Node's modules are imported where they are used, `await import("node:…")`; only the command, cli.ts and cli/, may import them at the top. */
export const nodeIsLazy: Rule = (sources) => {
  return eachImport(sources, ({ path }, { specifier, typeOnly, dynamic }) => {
    const early = specifier.startsWith("node:") && !typeOnly && !dynamic && chapterOf(path) !== "cli";
    return early ? `imports "${specifier}" at the top` : undefined;
  });
};

/** No file of src imports itself at run time, directly or through others. */
export const noCycles: Rule = (sources) => {
  const graph = new Map<string, string[]>();
  for (const source of sources.filter((each) => isIn(each, "src"))) {
    graph.set(
      source.path,
      imports(source).flatMap(({ target, typeOnly }) => (target !== undefined && !typeOnly ? [target] : [])),
    );
  }
  const violations: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) violations.push(`${path}:1: import cycle ${[...trail.slice(start), path].join(" → ")}`);
    if (start >= 0 || done.has(path)) return;
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return violations;
};

/** One line for each import of src that `judge` finds wrong. */
function eachImport(
  sources: readonly Source[],
  judge: (source: Source, found: Import) => string | undefined,
): string[] {
  return sources
    .filter((source) => isIn(source, "src"))
    .flatMap((source) =>
      imports(source).flatMap((found) => {
        const what = judge(source, found);
        return what === undefined ? [] : [report(source, found.node, what)];
      }),
    );
}
