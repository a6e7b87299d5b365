/**
 * The benchmarks: `npm run bench`, `npm run bench -- --help`. Everything heed is judged by in speed, from one matrix product to a
 * whole training step.
 */
import { HELP, listCases, readArguments, selectCases } from "./arguments.ts";
import { attention } from "./attention.ts";
import { bandwidth } from "./bandwidth.ts";
import { useBackend } from "./chosen-backend.ts";
import { curves } from "./curves.ts";
import { decoding } from "./decoding.ts";
import { FULL, QUICK, collectCases, runCases } from "./harness.ts";
import { inference } from "./inference.ts";
import { kernels } from "./kernels.ts";
import { loading } from "./loading.ts";
import { matmul } from "./matmul.ts";
import { matrixVector } from "./matrix-vector.ts";
import { nanoGPT2000 } from "./nanogpt.ts";
import { perplexity } from "./perplexity.ts";
import { Table, addOutcomes, describeRun, formatCurve, formatHeader, writeReport } from "./report.ts";
import { tokenizer } from "./tokenizer.ts";
import { training } from "./training.ts";

const SUBJECTS = [
  ...[matmul, matrixVector, attention, training, inference, decoding, tokenizer],
  ...[kernels, bandwidth, curves, nanoGPT2000, loading, perplexity],
];

/** A line that the next one replaces, where somebody watches. It goes to stderr: stdout is for results. */
function showProgress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${line.slice(0, (process.stderr.columns ?? 80) - 1)}`);
}

async function main(): Promise<void> {
  const asked = readArguments(process.argv.slice(2));
  const { help, list, quick, json, words } = asked;
  if (help) return console.log(HELP);
  const cases = selectCases(collectCases(SUBJECTS), words);
  if (list) return console.log(listCases(cases));

  await useBackend(asked);
  const settings = quick ? QUICK : FULL;
  const started = describeRun(settings);
  const table = new Table(cases);
  console.log(`${formatHeader(started)}\n\n${table.head()}`);
  const outcomes = await runCases(cases, settings, {
    clock: () => performance.now(),
    before: ({ name }, place) => showProgress(`[${place + 1}/${cases.length}] ${name} …`),
    after: (outcome) => {
      showProgress("");
      console.log(table.row(outcome));
      if (outcome.kind === "failed") process.exitCode = 1;
    },
  });
  const report = addOutcomes(started, outcomes);
  for (const curve of report.curves ?? []) console.log(formatCurve(curve));
  console.log(`\n${JSON.stringify(report)}`); // first, because a path that cannot be written must not lose minutes of measuring
  if (json !== undefined) writeReport(json, report);
}

try {
  await main();
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
