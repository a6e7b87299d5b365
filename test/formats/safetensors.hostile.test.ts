/** Hostile and damaged safetensors files, alone and as a part of a model: each loads or is refused with a FormatError. */
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { FormatError } from "../../src/errors.ts";
import { readSafetensors } from "../../src/formats/safetensors.ts";
import { writeSafetensors } from "../../src/formats/safetensors-writer.ts";
import {
  DEEP_JSON,
  HOSTILE_JSON,
  HOSTILE_SIZES,
  Judge,
  SEED,
  bytesOf,
  changedJSON,
  cuts,
  little,
  patched,
  tinyFolder,
} from "./hostile-cases.ts";
import type { Files } from "./hostile-cases.ts";

const judge = new Judge();
const NAME = "model.safetensors";
let folder: Files;
let weights: Uint8Array;
let headerBytes: number;
let header: Record<string, Record<string, unknown>>;

beforeAll(async () => {
  folder = await tinyFolder("llama");
  folder.delete("tokenizer.json"); // its tests are elsewhere, and it takes most of the time
  weights = folder.get(NAME) as Uint8Array;
  headerBytes = Number(new DataView(weights.buffer, weights.byteOffset).getBigUint64(0, true));
  header = JSON.parse(new TextDecoder().decode(weights.subarray(8, 8 + headerBytes))) as typeof header;
});

const withWeights = (bytes: Uint8Array): Files => new Map([...folder, [NAME, bytes]]);

/** The weights behind another header. */
function withHeader(text: string, length?: bigint): Uint8Array {
  const json = bytesOf(text);
  const data = weights.subarray(8 + headerBytes);
  const bytes = new Uint8Array(8 + json.length + data.length);
  bytes.set(little(length ?? BigInt(json.length), 8));
  bytes.set(json, 8);
  bytes.set(data, 8 + json.length);
  return bytes;
}

/** Reads a file by itself, with all its tensors, and as a part of the model. */
async function both(bytes: Uint8Array): Promise<string> {
  const read = await judge.read(
    () => {
      const file = readSafetensors(bytes, { name: NAME });
      for (const name of file.names) expect(file.tensor(name).data.length).toBeLessThan(1e6);
    },
    [NAME],
    bytes.length,
  );
  const load = await judge.load(withWeights(bytes));
  if (read !== "") expect(load, read).not.toBe("");
  return load;
}

describe("hostile safetensors files", () => {
  it("the model is good before it is damaged", async () => {
    expect(await both(weights)).toBe("");
    expect(await both(withHeader(JSON.stringify(header)))).toBe("");
  });

  it("cut anywhere", async () => {
    for (const at of cuts(weights.length)) expect(await both(weights.slice(0, at))).toMatch(/^FormatError/);
    for (const at of cuts(headerBytes)) expect(await both(weights.slice(0, 8 + at))).toMatch(/^FormatError/);
    expect(await both(new Uint8Array([...weights, 1]))).toMatch(/1 bytes behind the last tensor/);
  });

  it("another length of the header", async () => {
    for (const length of HOSTILE_SIZES)
      expect(await both(patched(weights, 0, little(length, 8)))).toMatch(/^FormatError/);
  });

  it("every field of a tensor replaced by everything that it should not be", async () => {
    const [first, , third] = Object.keys(header).filter((name) => name !== "__metadata__");
    for (const tensor of [first, third]) {
      for (const [field, values] of [
        ["dtype", ['"F64"', '"F16"', '"I64"', '"BOOL"', '"F8_E4M3"', '"toString"', ...HOSTILE_JSON]],
        ["shape", ["[]", "[0]", "[0,8]", "[-1,-8]", "[1e308,1e308,0]", "[4294967296,4294967296]", ...HOSTILE_JSON]],
        [
          "data_offsets",
          ["[0,0]", "[4,0]", "[-4,4]", "[0,1e300]", "[9007199254740992,9007199254740993]", ...HOSTILE_JSON],
        ],
      ] as const) {
        for (const value of [...values, ...DEEP_JSON]) {
          const changed = { ...header, [tensor]: { ...header[tensor], [field]: "here" } };
          const bytes = withHeader(JSON.stringify(changed).replace('"here"', () => value));
          expect(await both(bytes), `${field}: ${value.slice(0, 80)}`).toMatch(
            /^FormatError: (?:describeModel|loadModel|model\.safetensors)/,
          );
        }
      }
    }
  });

  it("one place of the header changed at random", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(1000), { minLength: 1, maxLength: 4 }), fc.nat(200), async (path, what) => {
        await both(withHeader(changedJSON(header, path, what)));
      }),
      { numRuns: 300, seed: SEED },
    );
  });

  it("bytes of the header changed at random", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(headerBytes + 7), fc.uint8Array({ minLength: 1, maxLength: 3 }), async (at, bytes) => {
        await both(patched(weights, at, bytes));
      }),
      { numRuns: 250, seed: SEED },
    );
  });

  it("tensors that lie in one another, leave holes, or are listed in another order", async () => {
    const names = Object.keys(header).filter((name) => name !== "__metadata__");
    for (const [i, name] of names.entries()) {
      const [begin, end] = header[name].data_offsets as [number, number];
      for (const [from, to] of [
        [begin - 4, end - 4],
        [begin + 4, end + 4],
        [0, end - begin],
        [begin, end + 4],
      ]) {
        const moved = { ...header, [name]: { ...header[name], data_offsets: [from, to] } };
        if (from !== begin || to !== end) expect(await both(withHeader(JSON.stringify(moved)))).toMatch(/^FormatError/);
      }
      const other = names[(i + 1) % names.length];
      const swapped = { ...header, [name]: header[other], [other]: header[name] };
      await both(withHeader(JSON.stringify(swapped)));
    }
    expect(await both(withHeader(JSON.stringify(Object.fromEntries(Object.entries(header).reverse()))))).toBe("");
    const doubled = JSON.stringify(header).replace(
      /^\{/,
      `{${JSON.stringify(names[0])}:${JSON.stringify(header[names[0]])},`,
    );
    expect(await both(withHeader(doubled))).toMatch(/names ".*" twice/);
  });

  it("text that is not UTF-8, bytes at random", async () => {
    const at = weights.indexOf(0x77); // the w of a "weight"
    for (const byte of [0x80, 0xc0, 0xed, 0xff])
      expect(await both(patched(weights, at, [byte, byte]))).toMatch(/UTF-8/);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), fc.boolean(), async (bytes, framed) => {
        await both(framed ? new Uint8Array([...little(BigInt(bytes.length), 8), ...bytes]) : bytes);
      }),
      { numRuns: 100, seed: SEED },
    );
  });
});

describe("readSafetensors of a Buffer", () => {
  it("reads F32 numbers that do not lie at a multiple of 4, wherever the bytes come from", () => {
    const file = writeSafetensors(new Map([["a", { shape: [3], data: Float32Array.of(1, 2, 3) }]]));
    for (let offset = 0; offset < 8; offset++) {
      for (const kind of [Uint8Array, Buffer]) {
        const memory = kind === Buffer ? Buffer.alloc(file.length + offset) : new Uint8Array(file.length + offset);
        const bytes = memory.subarray(offset);
        bytes.set(file);
        expect([...readSafetensors(bytes).tensor("a").data], `${kind.name} at ${offset}`).toEqual([1, 2, 3]);
      }
    }
  });

  it("says FormatError and never RangeError for what is no file", () => {
    for (const bytes of [Buffer.alloc(0), Buffer.from("{}"), Buffer.alloc(8), Buffer.alloc(100, 0x7b)])
      expect(() => readSafetensors(bytes)).toThrow(FormatError);
  });
});

describe("all of them together", () => {
  it("are many, and each is judged fast", () => judge.finish(1200));
});
