/**
 * heed beside its rivals: `npm run bench:rivals`, `npm run bench:rivals -- --help`. README.md in this folder says what is measured
 * and how.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { allCases } from "./cases.ts";
import type { Case } from "./case.ts";
import { drawChart } from "./chart.ts";
import { installRivals } from "./install.ts";
import { measureFirstTimes } from "./first-time.ts";
import { FULL, QUICK, measureCase } from "./measure.ts";
import { HELP, readOptions, select } from "./options.ts";
import { ROOT } from "./places.ts";
import { formatCase, formatHead, startReport } from "./report.ts";
import type { RivalsReport } from "./report.ts";
import { PARITY_BUNDLES, Sides, bundlePrograms, describeRuntimes } from "./sides.ts";
import { describeCorpus } from "./tokenizers/corpus.ts";
import { tokenizerCorpus } from "./tokenizers/cases.ts";

const RESULTS = `${ROOT}bench/results/rivals`;

/** Subjects that are comparisons of their own, with files of their own. */
const OWN: readonly string[] = ["tokenizers", "stored"];

/** Words for checks instead of measurements: the program, and what it is told beforehand. */
const CHECKS: Readonly<Record<string, readonly [bundle: string, ...args: string[]]>> = {
  "parity-tokenizers": [PARITY_BUNDLES.tokenizers],
  "parity-models": [PARITY_BUNDLES.models],
  "make-fixtures": [PARITY_BUNDLES.models, "--write"],
};

/** A line that the next one replaces, where somebody watches. It goes to stderr: stdout is for results. */
function showProgress(what: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${what.slice(0, (process.stderr.columns ?? 80) - 1)}`);
}

function listCases(cases: readonly Case[]): string {
  return cases.map(({ name, sides }) => [name, ...sides.map(({ id }) => `  ${id}`)].join("\n")).join("\n");
}

/** Writes the results, and the chart beside them. */
function write(path: string, report: RivalsReport): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(report, null, 1)}\n`);
  writeFileSync(`${path.replace(/\.json$/, "")}.svg`, drawChart(report));
}

async function measureAll(cases: readonly Case[], report: RivalsReport): Promise<void> {
  const sides = new Sides(new Map(report.absent.map(({ name, reason }) => [name, reason])));
  try {
    for (const [place, each] of cases.entries()) {
      const { settings } = report;
      const results = each.firstTime
        ? await measureFirstTimes(each, settings, sides, showProgress)
        : [await measureCase(each, settings, sides, showProgress)];
      showProgress("");
      report.cases.push(...results);
      for (const result of results) console.log(`\n${formatCase(result)}`);
      if (cases[place + 1]?.group !== each.group) sides.closeAll();
    }
  } finally {
    sides.closeAll();
  }
}

/** Where the results of a complete run go: of everything but the subjects of their own, or of one of these alone. */
function resultsOf(words: readonly string[]): string | undefined {
  if (words.length === 0) return `${RESULTS}.json`;
  return words.length === 1 && OWN.includes(words[0]) ? `${RESULTS}-${words[0]}.json` : undefined;
}

/** Runs checks, in a program that lies beside the rivals. */
async function check(program: readonly string[], args: readonly string[]): Promise<void> {
  const problem = installRivals();
  if (problem !== undefined) console.log(`not everything is installed: ${problem}`);
  await bundlePrograms();
  const { status } = spawnSync(process.execPath, ["--enable-source-maps", ...program, ...args], {
    stdio: "inherit",
  });
  if (status !== 0) process.exitCode = status ?? 1;
}

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  const [word = "", ...rest] = args;
  if (Object.hasOwn(CHECKS, word)) return check(CHECKS[word], rest);
  const { help, list, quick, install, json, words } = readOptions(args);
  if (help) return console.log(HELP);
  const known = allCases().filter(({ subject }) => list || words.length > 0 || !OWN.includes(subject));
  const all = select(known, words);
  const cases = quick ? all.map((each) => ({ ...each, sides: each.sides.filter(({ slow }) => !slow) })) : all;
  if (list) return console.log(listCases(cases));

  const problem = install ? installRivals() : "it is not installed, and --no-install was asked for";
  await bundlePrograms();
  const report = startReport(quick ? QUICK : FULL, problem, describeRuntimes(cases));
  const possible = cases.filter(({ name, unavailable: reason }) => {
    if (reason !== undefined) report.absent.push({ name, reason });
    return reason === undefined;
  });
  if (possible.some(({ subject }) => subject === "tokenizers")) report.corpus = tokenizerCorpus().summary;
  console.log(formatHead(report));
  if (report.corpus !== undefined) console.log(describeCorpus(report.corpus));
  await measureAll(possible, report);
  const path = json ?? (quick ? undefined : resultsOf(words));
  if (path !== undefined) write(path, report);
}

try {
  await main();
} catch (error) {
  console.error(`bench:rivals: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
