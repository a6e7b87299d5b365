import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { FirstTime } from "../../bench/rivals/adapter.ts";
import type { Case, Side } from "../../bench/rivals/case.ts";
import { compareChecks } from "../../bench/rivals/compare.ts";
import { measureFirstTimes } from "../../bench/rivals/first-time.ts";
import { FULL } from "../../bench/rivals/measure.ts";
import type { Conversation, SideSource } from "../../bench/rivals/measure.ts";
import { isSame, shrink } from "../../bench/rivals/tokenizers/parity-ids.ts";
import { KINDS, hostileStrings } from "../../bench/rivals/tokenizers/strings.ts";
import { compareTokenFiles, countDifferences, packTokens } from "../../bench/rivals/tokenizers/token-file.ts";

describe("differences of ids", () => {
  it("are counted where they are, not from there on", () => {
    const ids = Array.from({ length: 100 }, (_, i) => (i * i) % 1009);
    expect(countDifferences(ids, ids)).toBe(0);
    expect(countDifferences(ids, ids.with(50, 5000))).toBe(1);
    expect(countDifferences(ids, ids.toSpliced(20, 1, 5000, 5001, 5002).with(80, 5003))).toBe(4);
    expect(countDifferences(ids, ids.toSpliced(30, 2))).toBe(2);
    expect(countDifferences(ids, ids.slice(0, 97))).toBe(3);
    expect(countDifferences(ids, [])).toBe(100);
    expect(countDifferences([], [1, 2])).toBe(2);
  });

  it("are found in files, and judged by their share", () => {
    const folder = mkdtempSync(join(tmpdir(), "heed-bench-"));
    try {
      const [ours, theirs] = ["a", "b"].map((name) => join(folder, name));
      writeFileSync(ours, packTokens([[1, 2, 3], [], [4]]));
      writeFileSync(theirs, packTokens([[1, 2, 3], [], [5]]));
      expect(compareTokenFiles(ours, theirs)).toEqual({ tokens: 4, differing: 1, texts: 1 });
      const [expected, actual] = [{ tokenFile: ours }, { tokenFile: theirs }];
      expect(compareChecks(expected, actual, 0.5)).toEqual({
        difference: 0.25,
        remark: "1 of 4 tokens differ, in 1 texts",
      });
      expect(compareChecks(expected, actual, 0.1).problem).toBe("1 of 4 tokens differ, in 1 texts");
      expect(compareChecks(expected, expected, 0)).toEqual({ difference: 0, remark: "4 tokens, the same" });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("of texts are judged by their share, too", () => {
    const [expected, actual] = [{ textHashes: ["a", "b", "c", "d"] }, { textHashes: ["a", "b", "c", "x"] }];
    expect(compareChecks(expected, actual, 0.5)).toEqual({ difference: 0.25, remark: "1 of 4 texts differ" });
    expect(compareChecks(expected, actual, 0.1).problem).toBe("1 of 4 texts differ");
    expect(compareChecks(expected, expected, 0)).toEqual({ difference: 0 });
  });
});

describe("hostile strings", () => {
  it("are the same from the same seed, and of every kind", () => {
    const make = (seed: number): string[] => hostileStrings(240, seed, ["some text"]).map(({ text }) => text);
    expect(make(1)).toEqual(make(1));
    expect(make(1)).not.toEqual(make(2));
    const kinds = new Set(hostileStrings(240, 1, ["some text"]).map(({ kind }) => kind));
    expect(kinds.size).toBe(Object.keys(KINDS).length);
  });

  it("shrink to what matters", async () => {
    const isInteresting = async (text: string): Promise<boolean> => text.includes("x") && text.includes("\u{1f600}");
    expect(await shrink(`${"a".repeat(37)}x${"b".repeat(20)}\u{1f600}cc`, isInteresting)).toBe("x\u{1f600}");
    expect(isSame([1, 2], Uint32Array.of(1, 2))).toBe(true);
    expect(isSame([1, 2], [1, 3])).toBe(false);
    expect(isSame([1, 2], [1])).toBe(false);
  });
});

describe("first times", () => {
  const side = (library: string): Side => ({
    id: `${library}, 1`,
    library,
    kind: library === "heed" ? "heed" : "javascript",
    packages: [],
    runtime: "node",
    threads: 1,
  });

  it("come from a process for each sample, and give two results", async () => {
    let [started, closed] = [0, 0];
    const times: Record<string, number> = { heed: 10, other: 30 };
    const source: Pick<SideSource, "start"> = {
      start: async ({ library }) => {
        if (times[library] === undefined) throw new Error("not installed");
        started++;
        const readyMs = times[library];
        const firstTime: FirstTime = {
          readyMs,
          encodeMs: 2 * readyMs,
          heldBytes: 5,
          heldAfterBytes: 6,
          residentBytes: 7,
        };
        const ask = async (): Promise<unknown> => ({ firstTime, description: { version: "1", backend: "b" } });
        return { ask: ask as Conversation["ask"], close: () => void closed++ };
      },
    };
    const each: Case = {
      ...{ subject: "tokenizers", name: "tokenizers first encode abc", group: "g", unit: "MB/s", amount: () => 1e6 },
      ...{ tolerance: 0, headline: true, firstTime: true, sides: [side("heed"), side("other"), side("gone")] },
      work: () => ({ kind: "matmul", size: 1 }),
    };
    const [ready, first] = await measureFirstTimes(each, { ...FULL, rounds: 3 }, source, () => undefined);
    expect([started, closed]).toEqual([6, 6]);
    expect(ready).toMatchObject({ name: "tokenizers ready with abc", unit: "loads/s", amount: 1 });
    expect(ready.sides[1]).toMatchObject({
      roundsMs: [30, 30, 30],
      heedFaster: { ratio: 3 },
      firstTime: { heldBytes: 5 },
    });
    expect(first.sides[0]).toMatchObject({ roundsMs: [20, 20, 20], rate: 50 });
    expect(first.sides[2]).toMatchObject({ status: "absent", reason: "not installed" });
  });
});
