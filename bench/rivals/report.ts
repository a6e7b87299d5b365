/** What the comparison prints and writes. */
import { existsSync, readFileSync } from "node:fs";
import { describeRun, formatNumber, formatTime } from "../report.ts";
import type { Machine } from "../report.ts";
import { FULL as HARNESS } from "../harness.ts";
import type { FirstTime } from "./adapter.ts";
import type { CaseResult, Settings, SideResult } from "./measure.ts";
import { HERE, PACKAGES } from "./places.ts";
import type { MemoryUse } from "./stored/memory.ts";
import { formatRatios } from "./stored/ratios.ts";
import type { CorpusSummary } from "./tokenizers/corpus.ts";

/** Everything about a run. */
export interface RivalsReport {
  /** The version of heed. */
  heed: string;
  commit?: string;
  /** ISO 8601. */
  date: string;
  machine: Machine;
  /** Versions of the runtimes in use. */
  runtimes: Record<string, string>;
  /** Versions of the rivals that are installed. */
  packages: Record<string, string>;
  /** What could not take part, and why. */
  absent: { name: string; reason: string }[];
  settings: Settings;
  /** The text of the tokenizers, where they took part. */
  corpus?: CorpusSummary;
  cases: CaseResult[];
}

/** The rivals that are installed, and those that are not. */
export function readPackages(installProblem: string | undefined): Pick<RivalsReport, "packages" | "absent"> {
  const { optionalDependencies } = JSON.parse(readFileSync(`${HERE}package.json`, "utf8")) as {
    optionalDependencies: Record<string, string>;
  };
  const packages: Record<string, string> = {};
  const absent: RivalsReport["absent"] = [];
  for (const name of Object.keys(optionalDependencies)) {
    const path = `${PACKAGES}${name}/package.json`;
    if (existsSync(path)) packages[name] = (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
    else if (!isForAnotherPlatform(name))
      absent.push({ name, reason: installProblem ?? "npm left it out and did not say why" });
  }
  return { packages, absent };
}

/** Node comes in a package for each platform. */
function isForAnotherPlatform(name: string): boolean {
  return name.startsWith("node24-") && name !== `node24-${process.platform}-${process.arch}`;
}

/** The report before anything is measured. */
export function startReport(
  settings: Settings,
  installProblem: string | undefined,
  runtimes: Pick<RivalsReport, "runtimes" | "absent">,
): RivalsReport {
  const { heed, commit, date, machine } = describeRun(HARNESS);
  const { packages, absent } = readPackages(installProblem);
  return {
    heed,
    ...(commit !== undefined && { commit }),
    date,
    machine,
    runtimes: runtimes.runtimes,
    packages,
    absent: [...absent, ...runtimes.absent],
    settings,
    cases: [],
  };
}

/** The lines above the tables. */
export function formatHead({
  heed,
  commit,
  date,
  machine,
  runtimes,
  packages,
  absent,
  settings,
}: RivalsReport): string {
  const versions = Object.entries(packages).map(([name, version]) => `${name} ${version}`);
  return [
    `heed ${heed}${commit === undefined ? "" : ` (${commit})`}, ${date}`,
    `${machine.cpu}, ${machine.cores} cores, ${(machine.memoryBytes / 2 ** 30).toFixed(1)} GiB, ${machine.platform}, ${Object.values(runtimes).join(", ")}`,
    `Beside it: ${versions.join(", ") || "nothing"}.`,
    ...absent.map(({ name, reason }) => `Absent: ${name}: ${reason}`),
    `${settings.rounds} rounds in turns. Times are medians of rounds, spreads their quartiles; "heed is": its rate over this one's, with quartiles of rounds.`,
  ].join("\n");
}

const COLUMNS = [40, 10, 19, 16, 24, 12] as const;

function line(cells: readonly string[]): string {
  return cells
    .map((cell, i) => (i === 0 || i === 5 ? cell.padEnd(COLUMNS[i] ?? 0) : cell.padStart(COLUMNS[i] ?? 0)))
    .join("  ")
    .trimEnd();
}

/** A case as a table. */
export function formatCase({ subject, name, unit, tolerance, sides, ratios = [] }: CaseResult): string {
  const head = line([name, "time", "spread", "rate", "heed is", "remarks"]);
  const rows = sides.map((side) => formatSide(side, unit));
  const agreement = subject === "tokenizers" ? [] : [`results agree within ${tolerance} of the greatest magnitude`];
  const compared = ratios.length === 0 ? [] : [formatRatios(ratios)];
  return [head, "─".repeat(130), ...rows, ...agreement, ...compared].join("\n");
}

function formatSide(result: SideResult, unit: string): string {
  const { side, status, reason, ms, rate, heedFaster, overOneThread, backend, note, sameWorkOnly } = result;
  const { firstTime, differing, memory } = result;
  if (ms === undefined || rate === undefined) return `${side.padEnd(COLUMNS[0])}  ${status}: ${reason ?? ""}`;
  const faster = heedFaster
    ? `${formatNumber(heedFaster.ratio)} × (${formatNumber(heedFaster.q1)} – ${formatNumber(heedFaster.q3)})`
    : "";
  const remarks = [
    backend,
    overOneThread && `${formatNumber(overOneThread.ratio)} × one thread`,
    sameWorkOnly === undefined ? undefined : "only the work is the same",
    note,
    differing,
    unit === "loads/s" && firstTime !== undefined ? formatMemory(firstTime) : undefined,
    memory && formatGrowth(memory),
  ];
  return line([
    side,
    formatTime(ms.median, ms.median),
    `${formatTime(ms.q1, ms.median, false)} – ${formatTime(ms.q3, ms.median)}`,
    unit === "loads/s" ? "" : `${formatNumber(rate)} ${unit}`,
    faster,
    remarks.filter((each) => each !== undefined).join("; "),
  ]);
}

/** What a process has grown by, beside the weights as stored and the cache. */
function formatGrowth({ residentBytes, peakBytes, neededBytes }: MemoryUse): string {
  const share = (bytes: number): string => formatNumber(bytes / neededBytes);
  return `grew by ${share(residentBytes)} × weights and cache, at most ${share(peakBytes)} ×`;
}

/** What is held once a vocabulary is loaded. */
export function formatMemory({ heldBytes, residentBytes }: FirstTime): string {
  const inMegabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);
  return `holds ${inMegabytes(heldBytes)} MB, process grows by ${inMegabytes(residentBytes)} MB`;
}
