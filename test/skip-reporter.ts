/** Says in one line each what a test run left out: the tests without their data, the browser tests without a browser. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Reporter, TestModule } from "vitest/node";

/** The folder of the test data. */
export const dataRoot: string =
  process.env.HEED_DATA ?? join(fileURLToPath(new URL("..", import.meta.url)), "../shared/data");

/** Ends the name of a group that is skipped for want of data, for the reporter to count. */
export const DATA_MARK = "(needs the test data)";

/** Stands before vitest's own reporter, so that its lines precede the summary. */
export class SkipReporter implements Reporter {
  /** Lines known before the run. */
  readonly #notes: readonly string[];

  constructor(notes: readonly string[]) {
    this.#notes = notes;
  }

  /** Called by vitest once, after the last test. */
  onTestRunEnd(modules: ReadonlyArray<TestModule>): void {
    const skipped = modules.flatMap((module) => [...module.children.allTests("skipped")]);
    const count = skipped.filter((test) => test.fullName.includes(DATA_MARK)).length;
    const lines =
      count > 0 ? [...this.#notes, `${count} tests skipped: no test data at ${dataRoot} (set HEED_DATA)`] : this.#notes;
    if (lines.length > 0) console.log(`\n${lines.join("\n")}`);
  }
}
