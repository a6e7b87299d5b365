/** The command line of the comparison. */
import { parseArgs } from "node:util";
import type { Case } from "./case.ts";

/** What `--help` prints. */
export const HELP = `Measures heed beside other libraries, in one run, after comparing their results.

  npm run bench:rivals                              everything but the next two; installs the rivals first, and writes
                                                    bench/results/rivals.*
  npm run bench:rivals -- tokenizers                the tokenizers; writes bench/results/rivals-tokenizers.*
  npm run bench:rivals -- stored                    weights as files store them; writes bench/results/rivals-stored.*
  npm run bench:rivals -- parity-tokenizers         compares ids, training and chat templates; see parity-tokenizers --help
  npm run bench:rivals -- parity-models             compares models with llama.cpp; see parity-models --help
  npm run bench:rivals -- --quick                   few short rounds without the slowest sides: to see that all runs
  npm run bench:rivals -- matmul onnxruntime-web    cases and sides whose names contain one of these words; heed is always there

  --list        names cases and sides
  --quick       few short rounds, without the slowest sides
  --json FILE   writes the results to FILE, and the chart beside it
  --no-install  takes the packages as they are
  --help        prints this`;

/** What was asked for. */
export interface Options {
  help: boolean;
  list: boolean;
  quick: boolean;
  install: boolean;
  json?: string;
  words: string[];
}

/** Reads the command line. Throws for what it does not know. */
export function readOptions(args: readonly string[]): Options {
  const flag = { type: "boolean", default: false } as const;
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { help: { ...flag, short: "h" }, list: flag, quick: flag, "no-install": flag, json: { type: "string" } },
  });
  if (values.json === "") throw new Error("--json needs the name of a file");
  const { help, list, quick, json } = values;
  return { help, list, quick, install: !values["no-install"], json, words: positionals };
}

/**
 * The cases and sides that the words name: words of cases choose cases, words of sides choose sides, and no word of a kind chooses
 * all of it. heed's sides stay, since everything is compared with them.
 *
 * @throws an Error for a word that names nothing
 */
export function select(cases: readonly Case[], words: readonly string[]): Case[] {
  const contains = (name: string, word: string): boolean => name.toLowerCase().includes(word.toLowerCase());
  const isCase = (word: string): boolean => cases.some(({ name }) => contains(name, word));
  const sideWords = words.filter((word) => !isCase(word));
  for (const word of sideWords) {
    if (word === "" || !cases.some(({ sides }) => sides.some(({ id }) => contains(id, word))))
      throw new Error(`no case and no side is called ${JSON.stringify(word)}; --list names them`);
  }
  const caseWords = words.filter(isCase);
  return cases
    .filter(({ name }) => caseWords.length === 0 || caseWords.some((word) => contains(name, word)))
    .map((each) => ({
      ...each,
      sides: each.sides.filter(
        ({ id, library }) =>
          sideWords.length === 0 || library === "heed" || sideWords.some((word) => contains(id, word)),
      ),
    }))
    .filter(({ sides }) => sideWords.length === 0 || sides.some(({ library }) => library !== "heed"));
}
