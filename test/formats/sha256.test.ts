/** SHA-256 against Node's own. */
import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, it } from "vitest";
import { Sha256, runningSum } from "../../src/formats/sha256.ts";

const reference = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

it("gives the sums of FIPS 180-4's examples", () => {
  const sum = (text: string): string => new Sha256().update(new TextEncoder().encode(text)).hex();
  expect(sum("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  expect(sum("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")).toBe(
    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
  );
});

it("is right for every length around a block", () => {
  for (let length = 0; length <= 200; length++) {
    const bytes = new Uint8Array(length).map((_, i) => i * 7 + length);
    expect(new Sha256().update(bytes).hex()).toBe(reference(bytes));
  }
});

it("is right for pieces of any length", async () => {
  const property = fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 150 }), { maxLength: 12 }), async (pieces) => {
    const [ours, theirs] = [new Sha256(), await runningSum()];
    for (const piece of pieces) {
      ours.update(piece);
      theirs.update(piece);
    }
    const wanted = reference(Buffer.concat(pieces));
    expect([ours.hex(), theirs.hex()]).toEqual([wanted, wanted]);
  });
  await fc.assert(property, { numRuns: 200 });
});

it("takes bytes of shared memory", () => {
  const bytes = new Uint8Array(new SharedArrayBuffer(2 ** 20)).fill(3);
  expect(new Sha256().update(bytes).hex()).toBe(reference(bytes));
});
