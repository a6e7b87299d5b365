/**
 * How the benchmark talks to a side: one line of JSON for each request and each answer, over file descriptor 3 of the side's
 * process, because packages write what they like to stdout.
 */
import type { Check, Description, FirstTime, SideOptions, Work } from "./adapter.ts";
import type { MemoryUse } from "./stored/memory.ts";

/** The file descriptor of the conversation in a side's process. */
export const CHANNEL = 3;

/** What a side is asked to do; one at a time. */
export type Request =
  | { op: "open"; adapter: string; options: SideOptions }
  | { op: "prepare"; work: Work }
  | { op: "firstTime"; work: Work }
  | { op: "round"; ms: number; minRuns: number; warmUp: boolean }
  | { op: "release" };

/** Answers by request. */
export interface Answers {
  open: null;
  prepare: { check: Check; description: Description; sameWorkOnly?: string; note?: string; memory?: MemoryUse };
  firstTime: { firstTime: FirstTime; description: Description };
  /** Milliseconds of each run. */
  round: { times: number[] };
  release: null;
}

/** What comes back. */
export type Reply = { ok: unknown } | { error: string };

/** Cuts a stream of text into lines. */
export function lineReader(onLine: (line: string) => void): (chunk: string) => void {
  let rest = "";
  return (chunk) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line !== "") onLine(line);
  };
}
