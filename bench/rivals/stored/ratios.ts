/** What decoding with stored weights is judged by: heed beside llama.cpp on one file, and heed beside itself on another. */
import { formatNumber } from "../../report.ts";
import type { StoredName } from "../adapter.ts";
import { compareTimes } from "../compare.ts";
import type { Ratio } from "../compare.ts";
import type { SideResult } from "../measure.ts";

/** How many times faster one side is than another. */
export interface NamedRatio extends Ratio {
  /** "this over that". */
  name: string;
}

/** Forms of heed's that are compared with each other: the first should be faster. */
const PAIRS: readonly (readonly [faster: StoredName, slower: StoredName])[] = [
  ["f16", "f32"],
  ["bf16", "f32"],
  ["q8_0", "f32"],
  ["q4_0", "q8_0"],
];

/** All ratios of a case, from rounds that both took part in. */
export function storedRatios(sides: readonly SideResult[]): NamedRatio[] {
  const measured = sides.filter(({ status, roundsMs }) => status === "measured" && roundsMs !== undefined);
  const find = (library: string, stored: StoredName, runtime?: string): SideResult | undefined =>
    measured.find(
      (each) => each.library === library && each.stored === stored && (runtime ?? each.runtime) === each.runtime,
    );
  const ratio = (ours: SideResult | undefined, theirs: SideResult | undefined): NamedRatio[] => {
    if (ours?.roundsMs === undefined || theirs?.roundsMs === undefined) return [];
    return [{ name: `${ours.side} / ${theirs.side}`, ...compareTimes(ours.roundsMs, theirs.roundsMs) }];
  };
  const runtimes = [...new Set(measured.filter(({ library }) => library === "heed").map(({ runtime }) => runtime))];
  return runtimes.flatMap((runtime) => [
    ...(["f32", "f16", "bf16", "q8_0", "q4_0"] as const).flatMap((stored) =>
      ratio(find("heed", stored, runtime), find("node-llama-cpp", stored)),
    ),
    ...PAIRS.flatMap(([faster, slower]) => ratio(find("heed", faster, runtime), find("heed", slower, runtime))),
  ]);
}

/** The ratios as lines. */
export function formatRatios(ratios: readonly NamedRatio[]): string {
  return ratios
    .map(
      ({ name, ratio, q1, q3 }) =>
        `  ${name.padEnd(72)}  ${formatNumber(ratio)} × (${formatNumber(q1)} – ${formatNumber(q3)})`,
    )
    .join("\n");
}
