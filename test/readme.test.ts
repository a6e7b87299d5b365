/** What the two README files say is true: the first example runs and prints what it claims, and no chapter's file is left out. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild"; // comes with tsup
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const readme = readFileSync(`${root}README.md`, "utf8");

/** The TypeScript blocks of a page. */
function programs(page: string): string[] {
  return [...page.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, program]) => program);
}

/** Runs a program that imports "heed" in a Node of its own and returns what it prints. */
async function run(program: string): Promise<string> {
  const folder = mkdtempSync(join(root, ".build-readme-"));
  try {
    writeFileSync(join(folder, "program.ts"), program);
    const outfile = join(folder, "program.mjs");
    const alias = { heed: `${root}src/index.ts` };
    await build({
      entryPoints: [join(folder, "program.ts")],
      outfile,
      alias,
      bundle: true,
      platform: "node",
      format: "esm",
    });
    return execFileSync(process.execPath, [outfile], { encoding: "utf8" });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe("README.md", () => {
  it("begins with a program of at most 15 lines that prints what its comments say", async () => {
    const [first] = programs(readme);
    expect(first.trim().split("\n").length).toBeLessThanOrEqual(15);
    const promised = [...first.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].flatMap(([, text]) => text.split(" · "));
    expect(promised.length).toBeGreaterThan(1);
    expect((await run(first)).trim().split("\n")).toEqual(promised);
  });

  it("holds no unfilled place", () => {
    expect(readme).not.toMatch(/@@|TODO|FIXME/);
  });
});

describe("src/README.md", () => {
  const contents = readFileSync(`${root}src/README.md`, "utf8");
  const files = readdirSync(`${root}src`, { recursive: true, encoding: "utf8" }).map((name) =>
    name.replaceAll("\\", "/"),
  );

  it("names every file but the kernels and the lists of exports", () => {
    const chapters = files.filter((name) => name.endsWith(".ts") && !/^(public|backend\/loops)\//.test(name));
    expect(chapters.filter((name) => !contents.includes(`(${name})`))).toEqual([]);
  });

  it("names no file that does not exist", () => {
    const named = [...contents.matchAll(/\]\(([^)#]+)\)/g)].map(([, name]) => name);
    expect(named.filter((name) => !files.includes(name))).toEqual([]);
  });
});
