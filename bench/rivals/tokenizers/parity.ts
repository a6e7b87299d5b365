/** The checks of `npm run bench:rivals -- parity-tokenizers`; a program of its own, beside the rivals. */
import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { DATA } from "../places.ts";
import { makeCorpus, readTexts } from "./corpus.ts";
import { checkChat } from "./parity-chat.ts";
import { checkIds } from "./parity-ids.ts";
import { checkTraining } from "./parity-training.ts";
import { MODEL_NAMES, TIKTOKEN_NAMES, modelVocabulary, tiktokenVocabulary, whyAbsent } from "./vocabularies.ts";

const HELP = `Compares heed's tokenizers with tiktoken and with the Rust library of Hugging Face.

  npm run bench:rivals -- parity-tokenizers                        everything: some minutes
  npm run bench:rivals -- parity-tokenizers --count 20000 qwen3    vocabularies and checks whose names contain one of these words

  --count N   strings for each vocabulary; 1,000,000 if nothing is said
  --seed N    the first seed of the strings; 1 if nothing is said
  --help      prints this

The checks: ${[...TIKTOKEN_NAMES, ...MODEL_NAMES].join(", ")}, training, chat`;

/** Reads a whole number of the command line. */
function readNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} needs a whole number from 1, got ${text}`);
  return value;
}

async function main(): Promise<boolean> {
  const { values, positionals: words } = parseArgs({
    allowPositionals: true,
    options: {
      count: { type: "string", default: "1000000" },
      seed: { type: "string", default: "1" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return (console.log(HELP), true);
  if (!existsSync(`${DATA}tokenizers/parity.json`))
    throw new Error(`there are no vocabularies at ${DATA} (set HEED_DATA)`);

  const isWanted = (name: string): boolean => words.length === 0 || words.some((word) => name.includes(word));
  const checks = {
    count: readNumber("count", values.count),
    seed: readNumber("seed", values.seed),
    corpus: readTexts(makeCorpus().path).filter((text) => text !== ""),
  };
  const results: boolean[] = [];
  for (const vocabulary of [...TIKTOKEN_NAMES.map(tiktokenVocabulary), ...MODEL_NAMES.map(modelVocabulary)]) {
    if (!isWanted(vocabulary.name)) continue;
    const absent = whyAbsent(vocabulary);
    if (absent !== undefined) console.log(`${vocabulary.name}: absent: ${absent}`);
    else results.push(await checkIds(vocabulary, checks));
  }
  if (isWanted("training")) results.push(await checkTraining());
  if (isWanted("chat")) results.push(await checkChat());
  if (results.length === 0) throw new Error(`no check is called ${words.join(" or ")}; --help names them`);
  return results.every((isEqual) => isEqual);
}

try {
  if (!(await main())) process.exitCode = 1;
} catch (error) {
  console.error(`parity-tokenizers: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
