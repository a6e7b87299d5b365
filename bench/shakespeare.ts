/** Where the real text of the benchmarks lies, which is no part of the project. */
import { existsSync } from "node:fs";
import { join } from "node:path";

/** Shakespeare's works in one megabyte. */
export const shakespearePath: string = join(
  process.env.HEED_DATA ?? join("..", "shared", "data"),
  "corpora",
  "tinyshakespeare.txt",
);

/** Why it cannot be read, if it cannot. */
export const whyNoShakespeare: string | undefined = existsSync(shakespearePath)
  ? undefined
  : "no corpora/tinyshakespeare.txt (set HEED_DATA)";
