import { describe, expect, it } from "vitest";
import { byteSymbols, symbolsToBytes } from "../../src/tokenizer/byte-level.ts";

describe("byte symbols", () => {
  it("are 256 different printable characters, ASCII as itself", () => {
    expect(new Set(byteSymbols).size).toBe(256);
    expect(byteSymbols[0x41]).toBe("A");
    expect(byteSymbols[0x20]).toBe("Ġ");
    expect(byteSymbols[0x0a]).toBe("Ċ");
    expect(byteSymbols[0xad]).toBe("Ń");
    expect(byteSymbols.every((symbol) => /^[^\p{C}\p{White_Space}]$/u.test(symbol))).toBe(true);
  });

  it("turn back into bytes", () => {
    expect(symbolsToBytes(byteSymbols.join(""))).toEqual(Uint8Array.from({ length: 256 }, (_, i) => i));
    expect(symbolsToBytes("a b")).toBeUndefined();
  });
});
