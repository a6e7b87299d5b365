/** The command line of the benchmarks: what was asked for, and which cases that means. */
import { parseArgs } from "node:util";
import type { SelectedCase } from "./harness.ts";

/** What `--help` prints. */
export const HELP = `Measures heed on this machine.

  npm run bench                               every case, about two minutes
  npm run bench -- --quick                    fewer samples, at most a minute
  npm run bench -- matmul "prefill 256"       cases whose name or subject contains one of these texts, with their baselines

  --list        names the cases
  --quick       fewer samples: to see that everything runs, not to compare
  --json FILE   writes the results, which also are the last line of the output, to a file
  --help        prints this`;

/** What was asked for. */
export interface Arguments {
  help: boolean;
  list: boolean;
  quick: boolean;
  /** Where to write the results. */
  json?: string;
  /** Parts of names; none means every case. */
  words: string[];
}

/** Reads the command line. Throws for what it does not know. */
export function readArguments(args: readonly string[]): Arguments {
  const flag = { type: "boolean", default: false } as const;
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { help: { ...flag, short: "h" }, list: flag, quick: flag, json: { type: "string" } },
  });
  if (values.json === "") throw new Error("--json needs the name of a file");
  return { help: values.help, list: values.list, quick: values.quick, json: values.json, words: positionals };
}

/**
 * The cases whose name or subject contains one of the words, in any case, and the baselines that they are compared with. No word
 * selects all.
 *
 * @throws an Error that lists all cases, for a word that fits none
 */
export function selectCases(cases: readonly SelectedCase[], words: readonly string[]): SelectedCase[] {
  if (words.length === 0) return [...cases];
  const wanted = new Set<string>();
  for (const word of words) {
    const part = word.toLowerCase();
    const found = cases.filter(
      ({ name, subject }) => part !== "" && (name.toLowerCase().includes(part) || subject.toLowerCase().includes(part)),
    );
    if (found.length === 0)
      throw new Error(`no case is called ${JSON.stringify(word)}; there are:\n${listCases(cases)}`);
    for (const { name, baseline } of found) {
      wanted.add(name);
      if (baseline !== undefined) wanted.add(baseline);
    }
  }
  return cases.filter(({ name }) => wanted.has(name));
}

/** The names of cases, under their subjects. */
export function listCases(cases: readonly SelectedCase[]): string {
  const subjects = new Map<string, SelectedCase[]>();
  for (const each of cases) subjects.set(each.subject, [...(subjects.get(each.subject) ?? []), each]);
  return [...subjects]
    .map(([subject, own]) => [`${subject}`, ...own.map(({ name }) => `  ${name}`)].join("\n"))
    .join("\n");
}
