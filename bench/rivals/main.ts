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
import { PARITY_BUNDLE, Sides, bundlePrograms, describeRuntimes } from "./sides.ts";
import { describeCorpus } from "./tokenizers/corpus.ts";
import { tokenizerCorpus } from "./tokenizers/cases.ts";

const RESULTS = `${ROOT}bench/results/rivals`;

/** The subject that is a comparison of its own, with a file of its own. */
const TOKENIZERS = "tokenizers";

/** The word for checks of tokenizers instead of measurements. */
const PARITY = "parity-tokenizers";

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

/** Where the results of a complete run go: of everything but the tokenizers, or of these alone. */
function resultsOf(words: readonly string[]): string | undefined {
  if (words.length === 0) return `${RESULTS}.json`;
  return words.length === 1 && words[0] === TOKENIZERS ? `${RESULTS}-${TOKENIZERS}.json` : undefined;
}

/** Runs the checks of tokenizers, in a program that lies beside the rivals. */
async function checkTokenizers(args: readonly string[]): Promise<void> {
  const problem = installRivals();
  if (problem !== undefined) console.log(`not everything is installed: ${problem}`);
  await bundlePrograms();
  const { status } = spawnSync(process.execPath, ["--enable-source-maps", PARITY_BUNDLE, ...args], {
    stdio: "inherit",
  });
  if (status !== 0) process.exitCode = status ?? 1;
}

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  if (args[0] === PARITY) return checkTokenizers(args.slice(1));
  const { help, list, quick, install, json, words } = readOptions(args);
  if (help) return console.log(HELP);
  const isOfTokenizers = ({ subject }: Case): boolean => subject === TOKENIZERS;
  const known = allCases().filter((each) => list || words.length > 0 || !isOfTokenizers(each));
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
  if (possible.some(isOfTokenizers)) report.corpus = tokenizerCorpus().summary;
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
