/** The checks of `npm run bench:rivals -- parity-models`; a program of its own, beside the rivals. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { backend } from "heed";
import { openLlama } from "../adapters/llama-sequence.ts";
import { packageVersion } from "../adapters/packages.ts";
import { ROOT } from "../places.ts";
import { makeFixtures } from "./fixtures.ts";
import { checkFamilies } from "./parity-families.ts";
import { checkQuantised } from "./parity-quantised.ts";
import { TRAINED, checkTrained } from "./parity-trained.ts";
import { BLOCK_TYPES } from "./random-blocks.ts";
import { SHAPES } from "./shapes.ts";
import { headLine } from "./table.ts";

const HELP = `Compares models of heed with llama.cpp: logits after every token of a prompt, and the text that follows.

  npm run bench:rivals -- parity-models                  everything: about a minute
  npm run bench:rivals -- parity-models gemma Q4_K       shapes and types whose names contain one of these texts, or "trained"
  npm run bench:rivals -- make-fixtures                  only the families, and writes llama.cpp's values for the tests

  --write   writes the values for the tests, if all agree
  --steps N how long the model that is trained here is trained; 300 if nothing is said
  --help    prints this`;

/** Where the values for the tests go. */
const FIXTURES = `${ROOT}test/formats/architectures/llama-cpp.json`;

async function main(): Promise<boolean> {
  const { values, positionals: words } = parseArgs({
    allowPositionals: true,
    options: {
      write: { type: "boolean", default: false },
      steps: { type: "string", default: "300" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return (console.log(HELP), true);
  if (!/^[1-9]\d*$/.test(values.steps)) throw new Error(`--steps needs a whole number from 1, got ${values.steps}`);
  const isWanted = (name: string): boolean => words.length === 0 || words.some((word) => name.includes(word));
  if (![...SHAPES.map(({ name }) => name), ...BLOCK_TYPES, TRAINED].some(isWanted))
    throw new Error(`nothing is called ${words.join(" or ")}`);
  backend.use("auto", { threads: 1 });
  await backend.ready();
  const folder = mkdtempSync(join(tmpdir(), "heed-parity-"));
  const context = { llama: await openLlama(1), folder: join(folder, "/"), isWanted };
  console.log(`node-llama-cpp ${packageVersion("node-llama-cpp")}, heed on ${backend.info().name}`);
  try {
    console.log(headLine("family and shape", "logits of the folder and of the file, tokens"));
    const { isEqual, stored } = await checkFamilies(context);
    if (values.write) {
      if (!isEqual || words.length > 0) throw new Error("values for the tests are written only if all agree");
      writeFileSync(FIXTURES, makeFixtures(packageVersion("node-llama-cpp"), stored));
      return true;
    }
    const results = [isEqual, await checkQuantised(context), await checkTrained(context, Number(values.steps))];
    return results.every(Boolean);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

try {
  process.exit((await main()) ? 0 : 1); // llama.cpp's threads would keep the process
} catch (error) {
  console.error(`parity-models: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
