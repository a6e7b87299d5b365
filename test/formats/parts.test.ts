/** Parts make a file. */
import { describe, expect, it } from "vitest";
import { AbortError, ConfigError } from "../../src/errors.ts";
import { bytesOf, joinParts, joinPartsInTurns, partOf, partsOf } from "../../src/formats/parts.ts";

const parts = [partOf(Uint8Array.of(1, 2)), partOf(new Uint8Array(0)), partOf(Uint8Array.of(3))];

describe("joinParts", () => {
  it("puts parts one behind the other", async () => {
    expect([...joinParts("test", parts)]).toEqual([1, 2, 3]);
    expect([...(await joinPartsInTurns("test", parts, undefined))]).toEqual([1, 2, 3]);
    expect([...joinParts("test", Uint8Array.of(4))]).toEqual([4]);
    expect(partsOf(parts)).toBe(parts);
  });

  it("says when there is no memory, before any part is made", () => {
    const huge = { size: 2 ** 52, bytes: () => expect.fail("asked for its bytes") };
    expect(() => joinParts("test", [huge])).toThrow(ConfigError);
    expect(() => joinParts("test", [huge])).toThrow("test: no memory for a file of 4503599627370496 bytes");
  });

  it("stops between two parts", async () => {
    const controller = new AbortController();
    const aborting = { size: 1, bytes: () => (controller.abort(), new Uint8Array(1)) };
    const never = { size: 1, bytes: () => expect.fail("asked for its bytes") };
    await expect(joinPartsInTurns("test", [aborting, never], controller.signal)).rejects.toThrow(AbortError);
  });
});

describe("bytesOf", () => {
  it("shares the numbers of a view", () => {
    const numbers = Uint16Array.of(1, 2, 3).subarray(1);
    const bytes = bytesOf(numbers);
    numbers[0] = 0x0201;
    expect([...bytes]).toEqual([1, 2, 3, 0]);
  });
});
