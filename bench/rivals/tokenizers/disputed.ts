/**
 * Characters that two tokenizers know from different versions of Unicode: what is a letter or a mark in one is unassigned in the other.
 * Neither is wrong, so strings with them are left out of the comparison, and counted.
 */

/** Code points worth asking for: all but the large blocks that have been complete for decades, surrogates and private use. */
const ASKED: readonly (readonly [first: number, last: number])[] = [
  [0, 0x33ff],
  [0x4db0, 0x4dff],
  [0x9fa0, 0xabff],
  [0xd7a0, 0xd7ff],
  [0xf900, 0x1ffff],
  [0x2a6d0, 0x33fff],
  [0xe0000, 0xe01ff],
];

const BATCH = 4096;

/** A text whose ids tell whether the character is a letter or number, and where it goes among marks. */
function question(character: string): string {
  return `${character},h q\u0301${character}\u0323`;
}

/** The characters of which `differing` says that both do not agree on a text. */
export async function findDisputed(
  differing: (texts: readonly string[]) => Promise<readonly boolean[]>,
): Promise<Set<string>> {
  const disputed = new Set<string>();
  for (const [first, last] of ASKED)
    for (let start = first; start <= last; start += BATCH) {
      const count = Math.min(BATCH, last + 1 - start);
      const characters = Array.from({ length: count }, (_, i) => String.fromCodePoint(start + i));
      const answers = await differing(characters.map(question));
      for (const [i, isDisputed] of answers.entries()) if (isDisputed) disputed.add(characters[i]);
    }
  return disputed;
}

/** Whether a text has one of the characters. */
export function hasDisputed(text: string, disputed: ReadonlySet<string>): boolean {
  if (disputed.size === 0) return false;
  for (const character of text) if (disputed.has(character)) return true;
  return false;
}

/** The characters as ranges of code points. */
export function formatRanges(disputed: ReadonlySet<string>): string {
  const points = [...disputed].map((character) => character.codePointAt(0) ?? 0).sort((a, b) => a - b);
  const ranges: [number, number][] = [];
  for (const point of points) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === point - 1) last[1] = point;
    else ranges.push([point, point]);
  }
  const hex = (point: number): string => point.toString(16).toUpperCase().padStart(4, "0");
  return ranges.map(([first, last]) => (first === last ? hex(first) : `${hex(first)}–${hex(last)}`)).join(" ");
}
