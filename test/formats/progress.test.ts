/** How far loading has come. */
import fc from "fast-check";
import { expect, it } from "vitest";
import type { CheckpointTensor } from "../../src/formats/checkpoint.ts";
import { LoadCounter } from "../../src/formats/progress.ts";
import type { LoadProgress } from "../../src/formats/progress.ts";
import { openSource } from "../../src/formats/source.ts";
import type { ModelFile } from "../../src/formats/source.ts";

const tensor = (file: ModelFile, begin: number, end: number): CheckpointTensor => ({
  ...{ name: `${begin}`, shape: [1], dtype: "F32", file, begin, end },
});

it("grows with every report and ends at the total, whatever is read in which order", async () => {
  const ranges = fc.array(fc.tuple(fc.boolean(), fc.nat(99), fc.nat(99)), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(ranges, fc.nat(20), async (reads, first) => {
      const reports: LoadProgress[] = [];
      const counter = new LoadCounter((report) => reports.push(report));
      const source = counter.watch(
        await openSource(
          "test",
          new Map([
            ["a", new Uint8Array(100)],
            ["b", new Uint8Array(100)],
            ["unused", new Uint8Array(100)],
          ]),
        ),
      );
      const [a, b] = [await source.open("a"), await source.open("b")] as [ModelFile, ModelFile];
      await source.open("unused");
      expect(await source.open("c")).toBeUndefined();
      const read = async ([isA, one, other]: [boolean, number, number]): Promise<void> => {
        const [begin, end] = [Math.min(one, other), Math.max(one, other)];
        await (isA ? a : b).read(begin, new Uint8Array(end - begin));
      };
      for (const range of reads.slice(0, first)) await read(range);
      expect(reports).toEqual([]);
      counter.begin([a, b], [tensor(a, 0, 40), tensor(a, 40, 100), tensor(b, 10, 50)]);
      for (const range of reads.slice(first)) await read(range);
      counter.complete();
      reports.forEach((report, i) => {
        const before = reports[i - 1] ?? { loadedBytes: 0, loadedTensors: 0 };
        expect(report.loadedBytes).toBeGreaterThan(before.loadedBytes);
        expect(report.loadedTensors).toBeGreaterThanOrEqual(before.loadedTensors);
        expect(report).toMatchObject({ totalBytes: 200, totalTensors: 3, downloadedBytes: 0 });
      });
      expect(reports.at(-1)).toMatchObject({ loadedBytes: 200, loadedTensors: 3 });
    }),
  );
});

it("reports downloads before it is known what will be read", () => {
  const reports: LoadProgress[] = [];
  const counter = new LoadCounter((report) => reports.push(report));
  counter.download(7, "a");
  expect(reports).toEqual([
    { loadedBytes: 0, totalBytes: 0, loadedTensors: 0, totalTensors: 0, downloadedBytes: 7, file: "a" },
  ]);
});

it("counts a tensor when its last byte is there", async () => {
  const reports: LoadProgress[] = [];
  const counter = new LoadCounter((report) => reports.push(report));
  const source = counter.watch(await openSource("test", new Map([["a", new Uint8Array(100)]])));
  const a = (await source.open("a")) as ModelFile;
  counter.begin([a], [tensor(a, 0, 40), tensor(a, 40, 100)]);
  for (const [begin, end] of [
    [0, 39],
    [39, 40],
    [40, 100],
  ])
    await a.read(begin, new Uint8Array(end - begin));
  expect(reports.map(({ loadedTensors }) => loadedTensors)).toEqual([0, 1, 2]);
});

it("reports downloads before anything is known", () => {
  const reports: LoadProgress[] = [];
  const counter = new LoadCounter((report) => reports.push(report));
  counter.download(5, "a");
  counter.download(7, "b");
  expect(reports.map(({ downloadedBytes, loadedBytes, file }) => [downloadedBytes, loadedBytes, file])).toEqual([
    [5, 0, "a"],
    [12, 0, "b"],
  ]);
});
