/**
 * The comparison as one picture: a panel for each headline case, a bar for each side. No background and middle tones, so that it can
 * be read on light and on dark pages; no script, no font and no file of elsewhere.
 */
import { formatNumber, formatTime } from "../report.ts";
import type { CaseResult, SideResult } from "./measure.ts";
import type { RivalsReport } from "./report.ts";

const WIDTH = 960;
const MARGIN = 16;
const COLUMNS = 2;
const GAP = 32;
const PANEL = (WIDTH - 2 * MARGIN - (COLUMNS - 1) * GAP) / COLUMNS;
const HEAD = 74;
const TITLE = 30;
const ROW = 21;
const BAR = 13;
const LABEL = 192;
const VALUE = 116;
const LONGEST_BAR = PANEL - LABEL - VALUE;
const FOOT_LINE = 18;

/** Each of these has a contrast of at least 3 to white and to black. */
const COLOURS = { text: "#7a818c", heed: "#e8680c", javascript: "#5b8def", native: "#8b93a1" } as const;

const LEGEND = { heed: "heed", javascript: "JavaScript and WebAssembly", native: "native code" } as const;

type Measured = SideResult & Required<Pick<SideResult, "rate" | "ms">>;

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

function text(x: number, y: number, content: string, attributes = ""): string {
  return `<text x="${round(x)}" y="${round(y)}"${attributes === "" ? "" : ` ${attributes}`}>${escape(content)}</text>`;
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** The measured sides, fastest first; of a library in two runtimes, with as many threads, the faster one. */
export function chartSides({ sides }: CaseResult): Measured[] {
  const best = new Map<string, Measured>();
  for (const side of sides) {
    if (side.status !== "measured" || side.rate === undefined || side.ms === undefined) continue;
    const key = `${side.library} ${side.variant ?? ""} ${side.stored ?? ""} ${side.threads}`;
    const known = best.get(key);
    if (known === undefined || side.rate > known.rate) best.set(key, side as Measured);
  }
  return [...best.values()].sort((a, b) => b.rate - a.rate);
}

function label({ library, variant, stored, threads, sameWorkOnly }: SideResult): string {
  const which = variant ?? stored;
  const name = which === undefined ? library : `${library} (${which})`;
  return `${name}, ${threads === 1 ? "1 thread" : `${threads} threads`}${sameWorkOnly === undefined ? "" : " *"}`;
}

function value({ rate, ms, firstTime }: Measured, unit: CaseResult["unit"]): string {
  if (unit === "loads/s")
    return `${formatTime(ms.median, ms.median)}${firstTime ? `, ${(firstTime.heldBytes / 1e6).toFixed(0)} MB` : ""}`;
  return unit === "steps/s" ? `${formatTime(ms.median, ms.median)} a step` : `${formatNumber(rate)} ${unit}`;
}

function panelHeight(each: CaseResult): number {
  return TITLE + ROW * chartSides(each).length + GAP / 2;
}

function drawPanel(each: CaseResult, x: number, y: number): string[] {
  const sides = chartSides(each);
  const fastest = Math.max(...sides.map(({ rate }) => rate));
  const bars = sides.flatMap((side, row) => {
    const top = y + TITLE + row * ROW;
    const width = Math.max(1, (LONGEST_BAR * side.rate) / fastest);
    const weight = side.kind === "heed" ? 'font-weight="700"' : "";
    return [
      text(x + LABEL - 8, top + BAR - 2, label(side), `text-anchor="end" ${weight}`.trim()),
      `<rect x="${round(x + LABEL)}" y="${round(top)}" width="${round(width)}" height="${BAR}" rx="2" fill="${COLOURS[side.kind]}"/>`,
      text(x + LABEL + width + 6, top + BAR - 2, value(side, each.unit), weight),
    ];
  });
  return [text(x, y + TITLE / 2, each.name, 'font-size="14" font-weight="700"'), ...bars];
}

function drawHead(): string[] {
  const kinds = ["heed", "javascript", "native"] as const;
  let x = MARGIN;
  const legend = kinds.flatMap((kind) => {
    const at = x;
    x += 40 + 7 * LEGEND[kind].length;
    return [
      `<rect x="${at}" y="${MARGIN + 26}" width="12" height="12" rx="2" fill="${COLOURS[kind]}"/>`,
      text(at + 18, MARGIN + 36, LEGEND[kind]),
    ];
  });
  const title = "heed beside other libraries, measured in turns in one run: longer is faster";
  return [text(MARGIN, MARGIN + 10, title, 'font-size="16" font-weight="700"'), ...legend];
}

function footLines({ heed, date, machine, runtimes, cases, corpus }: RivalsReport): string[] {
  const nodes = Object.values(runtimes).join(", ");
  const different = cases.some(({ sides }) => sides.some(({ sameWorkOnly }) => sameWorkOnly !== undefined));
  return [
    `heed ${heed}, ${machine.cpu}, ${machine.cores} cores, ${machine.platform}, ${nodes}, ${date.slice(0, 10)}`,
    "Of libraries that ran on two versions of Node, the faster. Results were compared before anything was timed.",
    ...(corpus === undefined
      ? []
      : [
          `Encoding and decoding ${(corpus.bytes / 1e6).toFixed(1)} MB of prose, program text, Markdown and many scripts.`,
        ]),
    ...(different ? ["* The same products, but not the same numbers: the library has no means for this model."] : []),
  ];
}

/** Draws a report as an SVG document. */
export function drawChart(report: RivalsReport): string {
  const panels = report.cases.filter((each) => each.headline && chartSides(each).length > 0);
  const drawn: string[] = [];
  let y = HEAD;
  for (let start = 0; start < panels.length; start += COLUMNS) {
    const row = panels.slice(start, start + COLUMNS);
    row.forEach((each, column) => drawn.push(...drawPanel(each, MARGIN + column * (PANEL + GAP), y)));
    y += Math.max(...row.map(panelHeight));
  }
  const foot = footLines(report).map((content, i) => text(MARGIN, y + FOOT_LINE * (i + 1), content, 'font-size="11"'));
  const height = y + FOOT_LINE * foot.length + MARGIN;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${round(height)}" width="${WIDTH}" height="${round(height)}" role="img" font-family="system-ui, -apple-system, 'Segoe UI', sans-serif" font-size="12" fill="${COLOURS.text}">`,
    "<title>Speed of heed and other libraries</title>",
    ...drawHead(),
    ...drawn,
    ...foot,
    "</svg>",
    "",
  ].join("\n");
}
