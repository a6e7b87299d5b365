/** Builds dist/ when it is absent or older than what it is made from, for the tests of the built package. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Time of the last change to what dist/ is made from. */
function newestSource(): number {
  const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).map((path) =>
    join("src", path),
  ); // folders too
  return Math.max(
    ...["src", ...sources, "package.json", "tsconfig.json"].map((path) => statSync(join(root, path)).mtimeMs),
  );
}

/** Time of the last complete build, 0 if there is none. The declarations are written last. */
function lastBuild(): number {
  const outputs = ["dist/index.js", "dist/index.cjs", "dist/index.d.ts", "dist/index.d.cts"].map((path) =>
    join(root, path),
  );
  return outputs.every(existsSync) ? Math.min(...outputs.map((path) => statSync(path).mtimeMs)) : 0;
}

/** Runs `npm run build` if dist/ is not up to date; vitest calls it before the browser tests. */
export default function ensureDist(): void {
  if (lastBuild() >= newestSource()) return;
  try {
    execFileSync("npm", ["run", "--silent", "build"], { cwd: root, encoding: "utf8", stdio: "pipe" });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`npm run build failed:\n${stdout}${stderr}`);
  }
}
