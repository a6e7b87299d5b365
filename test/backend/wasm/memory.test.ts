/** Memory as a data structure: nothing overlaps, nothing is lost, everything comes back. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Block } from "../../../src/backend/backend.ts";
import { LinearMemory, RESERVED_BYTES } from "../../../src/backend/wasm/memory.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const PAGE = 65536;
const both = [
  ["shared", true],
  ["unshared", false],
] as const;

/** Something that random users do. */
type Action =
  | { kind: "lend" | "pin"; size: number }
  | { kind: "release" | "giveBack"; which: number }
  | { kind: "mark" | "settle" };

const size = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 50_000 }));
const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ kind: fc.constantFrom("lend" as const, "pin" as const), size }),
  fc.record({ kind: fc.constantFrom("release" as const, "giveBack" as const), which: fc.nat(20) }),
  fc.record({ kind: fc.constantFrom("mark" as const, "settle" as const) }),
);

/** What a user holds: arrays filled with numbers of their own. */
interface Held {
  value: number;
  array: () => Float32Array;
  size: number;
}

/** Performs actions and checks after each that everything held is as it was filled. */
class User {
  readonly memory: LinearMemory;
  readonly pinned: (Held & { block: Block })[] = [];
  lent: Held[] = [];
  readonly marks: { mark: number; held: number }[] = [];
  #next = 1;

  constructor(memory: LinearMemory) {
    this.memory = memory;
    this.marks.push({ mark: memory.mark(), held: 0 });
  }

  perform(step: Action): void {
    if (step.kind === "lend") {
      const array = this.memory.lend(step.size);
      this.lent.push(this.#fill({ array: () => array, size: step.size }));
    } else if (step.kind === "pin") {
      const block = this.memory.pin(step.size);
      if (block !== undefined) this.pinned.push({ ...this.#fill({ array: () => block.data, size: step.size }), block });
    } else if (step.kind === "release") {
      const [gone] = this.pinned.splice(step.which % Math.max(1, this.pinned.length), 1);
      gone?.block.release();
    } else if (step.kind === "giveBack") this.giveBack(step.which % this.marks.length);
    else if (step.kind === "mark") this.marks.push({ mark: this.memory.mark(), held: this.lent.length });
    else this.memory.settle();
    this.check();
  }

  giveBack(which: number): void {
    const { mark, held } = this.marks[which];
    this.memory.giveBack(mark);
    this.marks.length = which + 1;
    this.lent = this.lent.slice(0, held);
  }

  leave(): void {
    this.giveBack(0);
    for (const { block } of this.pinned.splice(0)) block.release();
  }

  check(): void {
    for (const { value, array, size } of [...this.lent, ...this.pinned]) {
      const data = array();
      expect(data.length).toBe(size);
      if (size > 0) expect([data[0], data[size >> 1], data[size - 1]]).toEqual([value, value, value]);
      if (this.memory.holds(data)) expect(data.byteOffset % 64).toBe(0);
    }
  }

  #fill(held: Omit<Held, "value">): Held {
    const value = this.#next++;
    held.array().fill(value);
    return { ...held, value };
  }
}

describe.each(both)("%s memory", (_, shared) => {
  it("keeps what random users hold apart, and gets all of it back", () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), fc.constantFrom(8, 40, 200), (actions, pages) => {
        const memory = new LinearMemory(shared, pages);
        const user = new User(memory);
        for (const step of actions) user.perform(step);
        user.leave();
        // All of the memory is one piece again: a block of the whole fits.
        const whole = memory.pin((pages * PAGE - RESERVED_BYTES) / 4);
        expect(whole?.data.byteOffset).toBe(RESERVED_BYTES);
        whole?.release();
        expect(memory.mark()).toBe(0);
      }),
      {
        numRuns: 150,
        // The arena without room for its first slab, empty arrays only.
        examples: [
          [
            [
              { kind: "lend", size: 0 },
              { kind: "pin", size: 0 },
              { kind: "lend", size: 17 },
              { kind: "release", which: 0 },
            ],
            8,
          ],
        ],
      },
    );
  });

  it("lends in place from the second scope on, whatever is pinned, and then has one size", () => {
    const memory = new LinearMemory(shared);
    memory.pin(100_000);
    const sizes: number[] = [];
    for (let step = 0; step < 1000; step++) {
      memory.settle();
      const mark = memory.mark();
      const arrays = [10, 300_000, 0, 7, 500_000].map((each) => memory.lend(each));
      const inner = memory.mark();
      for (let kernel = 0; kernel < 20; kernel++) {
        const before = memory.mark();
        memory.lend(100_000);
        memory.giveBack(before);
      }
      memory.giveBack(inner);
      if (step > 1) for (const array of arrays) expect(memory.holds(array)).toBe(true);
      memory.giveBack(mark);
      sizes.push(memory.bytes);
    }
    expect(new Set(sizes.slice(2)).size).toBe(1);
    const needed = 4 * (100_000 + 10 + 300_000 + 7 + 500_000 + 100_000);
    expect(sizes[999]).toBeLessThan(3 * needed); // what 20 kernels used in turn counts once
  });

  it("uses the memory of a model that was disposed of for the next one", () => {
    const memory = new LinearMemory(shared);
    const pinModel = (): Block[] => [1000, 50_000, 3, 200_000].map((each) => memory.pin(each) as Block);
    let first = pinModel();
    const second = pinModel();
    second.forEach(({ data }, i) => data.fill(i));
    const { bytes } = memory;
    for (let round = 0; round < 50; round++) {
      for (const block of first) block.release();
      first = pinModel();
    }
    expect(memory.bytes).toBe(bytes);
    second.forEach(({ data }, i) => expect(data.every((value) => value === i)).toBe(true));
  });

  it("has nothing to pin or to lend when it is full, and lends ordinary arrays", () => {
    const memory = new LinearMemory(shared, 4);
    const block = memory.pin((2 * PAGE) / 4) as Block;
    expect(memory.pin((2 * PAGE) / 4)).toBeUndefined();
    expect(memory.lendBytes(2 * PAGE)).toBe(0);
    const mark = memory.mark();
    const array = memory.lend((2 * PAGE) / 4);
    expect(array.length).toBe((2 * PAGE) / 4);
    expect(memory.holds(array)).toBe(false);
    memory.giveBack(mark);
    block.release();
    expect(memory.pin((3 * PAGE) / 4)?.data.length).toBe((3 * PAGE) / 4);
  });

  it("gives an empty arena up for what stays", () => {
    const memory = new LinearMemory(shared, 32);
    const mark = memory.mark();
    expect(memory.holds(memory.lend(PAGE))).toBe(true);
    memory.giveBack(mark);
    expect(memory.pin((31 * PAGE) / 4)?.data.length).toBe((31 * PAGE) / 4);
    expect(memory.holds(memory.lend(8))).toBe(true);
  });

  it("refuses what no memory has, without a fuss", () => {
    const memory = new LinearMemory(shared);
    expect(memory.pin(2 ** 31 - 1)).toBeUndefined();
    expect(memory.lendBytes(2 ** 40)).toBe(0);
    memory.settle();
    expect(memory.bytes).toBeLessThan(100 * PAGE);
  });

  it("releases a block once, however often it is asked to", () => {
    const memory = new LinearMemory(shared);
    const block = memory.pin(100) as Block;
    block.release();
    const other = memory.pin(100) as Block;
    block.release();
    const third = memory.pin(100) as Block;
    expect(third.data.byteOffset).not.toBe(other.data.byteOffset);
    expect(() => block.data).toThrow(/after release/);
  });

  it("takes back a block that nobody holds any more, but none whose array somebody holds", async () => {
    const memory = new LinearMemory(shared);
    memory.pin(3_000_000)?.release(); // so that unshared memory need not grow below
    const held = (memory.pin(1000) as Block).data.fill(5);
    const kept = memory.pin(1000) as Block;
    kept.data.fill(6);
    for (let i = 0; i < 20; i++) memory.pin(100_000);
    const { bytes } = memory;
    for (let round = 0; round < 5; round++) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    for (let i = 0; i < 20; i++) (memory.pin(100_000) as Block).data.fill(7);
    expect(memory.bytes).toBe(bytes);
    expect([held[999], kept.data[999]]).toEqual([5, 6]);
  });
});

describe("growth of unshared memory", () => {
  it("moves pinned arrays, with their numbers, and happens never while something is lent", () => {
    const memory = new LinearMemory(false);
    const block = memory.pin(1000) as Block;
    const before = block.data.fill(3);
    memory.pin(1_000_000);
    expect(before.length).toBe(0);
    expect(block.data.length).toBe(1000);
    expect(block.data.every((value) => value === 3)).toBe(true);
    expect(block.data).toBe(block.data);
    memory.giveBack(memory.mark());
    const mark = memory.mark();
    const lent = memory.lend(10);
    expect(memory.holds(lent)).toBe(true);
    expect(memory.pin(50_000_000)).toBeUndefined();
    expect(memory.holds(memory.lend(50_000_000))).toBe(false);
    expect(lent.length).toBe(10);
    memory.giveBack(mark);
    expect(block.data.length).toBe(1000);
  });

  it("never happens in lend or giveBack while something is pinned, but in settle", () => {
    const memory = new LinearMemory(false);
    const { data } = memory.pin(10) as Block;
    for (let round = 0; round < 3; round++) {
      const mark = memory.mark();
      expect(memory.holds(memory.lend(1_000_000))).toBe(false);
      expect(memory.lendBytes(8_000_000)).toBe(0);
      memory.giveBack(mark);
    }
    expect(data.length).toBe(10);
    memory.settle();
    expect(data.length).toBe(0);
    expect(memory.holds(memory.lend(1_000_000))).toBe(true);
  });
});

describe("growth of shared memory", () => {
  it("leaves all arrays as they are", () => {
    const memory = new LinearMemory(true);
    const { data } = memory.pin(1000) as Block;
    const mark = memory.mark();
    const lent = memory.lend(10).fill(1);
    const large = memory.lend(3_000_000).fill(2);
    memory.pin(3_000_000);
    expect([data.length, lent.length, lent[9], large[2_999_999]]).toEqual([1000, 10, 1, 2]);
    expect([data, lent, large].every((array) => memory.holds(array))).toBe(true);
    memory.giveBack(mark);
    expect(data.length).toBe(1000);
  });
});

describe("several memories", () => {
  it("keep knowing their own arrays when another one grows", () => {
    const [mine, other] = [new LinearMemory(true), new LinearMemory(true)];
    const before = mine.lend(4);
    other.lend(2 ** 22); // engines give all shared memories new buffers when one of them grows
    const after = mine.lend(4);
    const pinned = mine.pin(4)?.data as Float32Array;
    expect([before, after, pinned].map((array) => mine.holds(array))).toEqual([true, true, true]);
    expect(other.holds(after)).toBe(false);
  });
});
