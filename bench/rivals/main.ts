/**
 * heed beside its rivals: `npm run bench:rivals`, `npm run bench:rivals -- --help`. README.md in this folder says what is measured
 * and how.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { allCases } from "./cases.ts";
import type { Case } from "./cases.ts";
import { drawChart } from "./chart.ts";
import { installRivals } from "./install.ts";
import { FULL, QUICK, measureCase } from "./measure.ts";
import { HELP, readOptions, select } from "./options.ts";
import { ROOT } from "./places.ts";
import { formatCase, formatHead, startReport } from "./report.ts";
import type { RivalsReport } from "./report.ts";
import { Sides, bundleSide, describeRuntimes } from "./sides.ts";

const RESULTS = `${ROOT}bench/results/rivals.json`;

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
      const result = await measureCase(each, report.settings, sides, showProgress);
      showProgress("");
      report.cases.push(result);
      console.log(`\n${formatCase(result)}`);
      if (cases[place + 1]?.group !== each.group) sides.closeAll();
    }
  } finally {
    sides.closeAll();
  }
}

async function main(): Promise<void> {
  const { help, list, quick, install, json, words } = readOptions(process.argv.slice(2));
  if (help) return console.log(HELP);
  const all = select(allCases(), words);
  const cases = quick ? all.map((each) => ({ ...each, sides: each.sides.filter(({ slow }) => !slow) })) : all;
  if (list) return console.log(listCases(cases));

  const problem = install ? installRivals() : "it is not installed, and --no-install was asked for";
  await bundleSide();
  const report = startReport(quick ? QUICK : FULL, problem, describeRuntimes(cases));
  console.log(formatHead(report));
  await measureAll(cases, report);
  const path = json ?? (!quick && words.length === 0 ? RESULTS : undefined);
  if (path !== undefined) write(path, report);
}

try {
  await main();
} catch (error) {
  console.error(`bench:rivals: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
