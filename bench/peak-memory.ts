/** The most memory that this process has held. */
import { readFileSync } from "node:fs";

/**
 * The largest resident size so far, in bytes. Where there is a /proc, from there: what `resourceUsage` tells begins, in a child on
 * Linux, with what its parent held.
 */
export function peakResidentBytes(): number {
  try {
    const found = /^VmHWM:\s*(\d+) kB/m.exec(readFileSync("/proc/self/status", "utf8"));
    if (found !== null) return 1024 * Number(found[1]);
  } catch {
    // no /proc here
  }
  return 1024 * process.resourceUsage().maxRSS; // in kilobytes
}
