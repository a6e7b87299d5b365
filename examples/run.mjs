/**
 * Runs one TypeScript program of this repository, on a Node that cannot run TypeScript itself: bundles it into .build/
 * (git-ignored) with esbuild, which comes with tsup, and imports the result. `heed` means the sources, through `paths`
 * in tsconfig.json, so nothing has to be built before.
 *
 *     node examples/run.mjs examples/start.ts [arguments]     a file
 *     node examples/run.mjs examples 03 [arguments]           the file in a folder whose name starts so
 */
import { readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The file that the arguments name, and the arguments left for it. */
function chooseProgram([place = "", ...rest]) {
  if (!statSync(join(root, place)).isDirectory()) return { file: place, rest };
  const names = readdirSync(join(root, place)).filter((name) => /^\d+-.*\.ts$/.test(name));
  const [wanted = "", ...left] = rest;
  const found = names.filter((name) => wanted !== "" && name.startsWith(basename(wanted)));
  if (found.length === 1) return { file: join(place, found[0]), rest: left };
  console.error(
    `${wanted === "" ? "say which example" : `no single example starts with "${wanted}"`}:\n  ${names.join("\n  ")}`,
  );
  process.exit(1);
}

const { file, rest } = chooseProgram(process.argv.slice(2));
const bundle = join(root, ".build", file.replace(/\.ts$/, ".mjs"));
await build({
  absWorkingDir: root,
  entryPoints: [file],
  outfile: bundle,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  packages: "external",
  sourcemap: "inline",
  logLevel: "warning",
});
process.setSourceMapsEnabled(true);
process.argv.splice(1, process.argv.length, bundle, ...rest);
await import(pathToFileURL(bundle).href);
