/** The command line of the benchmarks: what was asked for, and which cases that means. */
import { parseArgs } from "node:util";
import type { BackendName } from "heed";
import { baselinesOf } from "./harness.ts";
import type { SelectedCase } from "./harness.ts";

/** What `--help` prints. */
export const HELP = `Measures heed on this machine.

  npm run bench                               every case, about six minutes
  npm run bench -- --quick                    fewer samples, about two minutes
  npm run bench -- matmul "prefill 256"       cases whose name or subject contains one of these texts, with their baselines
  npm run bench -- nanogpt-2000               a whole training, only when it is named in full

  --backend NAME   computes with "loops", "wasm" or "auto", the fastest that works here, which is the default
  --threads N      computes with so many threads
  --no-relaxed     without relaxed SIMD, so that every processor gives the same bits
  --list           names the cases
  --quick          fewer samples: to see that everything runs, not to compare
  --json FILE      writes the results, which also are the last line of the output, to a file
  --help           prints this`;

/** What was asked for. */
export interface Arguments {
  help: boolean;
  list: boolean;
  quick: boolean;
  /** What to compute with. */
  backend: BackendName;
  /** As many as there are unless given. */
  threads?: number;
  /** Whether relaxed SIMD may be used. */
  relaxed: boolean;
  /** Where to write the results. */
  json?: string;
  /** Parts of names; none means every case. */
  words: string[];
}

const BACKENDS: readonly BackendName[] = ["auto", "loops", "wasm"];

/** Reads the command line. Throws for what it does not know. */
export function readArguments(args: readonly string[]): Arguments {
  const flag = { type: "boolean", default: false } as const;
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      ...{ help: { ...flag, short: "h" }, list: flag, quick: flag, "no-relaxed": flag },
      ...{ json: { type: "string" }, backend: { type: "string", default: "auto" }, threads: { type: "string" } },
    },
  });
  const { help, list, quick, json, threads } = values;
  if (json === "") throw new Error("--json needs the name of a file");
  const backend = BACKENDS.find((name) => name === values.backend);
  if (backend === undefined) throw new Error(`--backend is one of ${BACKENDS.join(", ")}, got "${values.backend}"`);
  if (threads !== undefined && !/^[1-9]\d*$/.test(threads))
    throw new Error(`--threads needs a whole number from 1 on, got "${threads}"`);
  return {
    ...{ help, list, quick, json, backend, relaxed: !values["no-relaxed"], words: positionals },
    threads: threads === undefined ? undefined : Number(threads),
  };
}

/**
 * The cases whose name or subject contains one of the words, in any case, and the baselines that they are compared with. No word
 * selects all but those that must be asked for: a word must be their whole name or subject.
 *
 * @throws an Error that lists all cases, for a word that fits none
 */
export function selectCases(cases: readonly SelectedCase[], words: readonly string[]): SelectedCase[] {
  if (words.length === 0) return cases.filter(({ onRequest }) => !onRequest);
  const wanted = new Set<string>();
  for (const word of words) {
    const part = word.toLowerCase();
    const found = cases.filter(({ name, subject, onRequest }) => {
      const texts = [name.toLowerCase(), subject.toLowerCase()];
      return part !== "" && texts.some((text) => (onRequest ? text === part : text.includes(part)));
    });
    if (found.length === 0)
      throw new Error(`no case is called ${JSON.stringify(word)}; there are:\n${listCases(cases)}`);
    for (const each of found) for (const name of [each.name, ...baselinesOf(each)]) wanted.add(name);
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
