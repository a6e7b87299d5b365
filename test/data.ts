/** The test data: golden values, models and tokenizers that are not part of the package. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "vitest";
import { DATA_MARK, dataRoot } from "./skip-reporter.ts";

const present = existsSync(dataRoot);
const required = process.env.CI === "true";

/** Path of a file or folder of the test data. */
export function dataPath(...parts: string[]): string {
  return join(dataRoot, ...parts);
}

/**
 * `describe` for tests that need the test data. Without the data they are skipped, and one line at the end of the run
 * counts them; with CI=true they fail.
 */
export function describeWithData(name: string, define: () => void): void {
  if (present) describe(name, define);
  else if (required) it(name, failWithoutData);
  else describe.skipIf(!present)(`${name} ${DATA_MARK}`, () => defineUnread(define));
}

function failWithoutData(): void {
  throw new Error(`no test data at ${dataRoot} (set HEED_DATA)`);
}

/** Collects the tests of a group, for counting only: a group that reads data while it is defined counts as one test more. */
function defineUnread(define: () => void): void {
  try {
    define();
  } catch {
    it("tests that the data defines", failWithoutData);
  }
}
