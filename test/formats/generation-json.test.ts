/** The ids with a role in generation. */
import { describe, expect, it } from "vitest";
import { Fields } from "../../src/formats/fields.ts";
import {
  mergeGenerationDefaults,
  readGenerationDefaults,
  tokenizerDefaults,
  writeGenerationDefaults,
} from "../../src/formats/generation-json.ts";
import type { Tokenizer } from "../../src/tokenizer/tokenizer.ts";

function read(values: Record<string, unknown>): ReturnType<typeof readGenerationDefaults> {
  return readGenerationDefaults(new Fields("generation_config.json", values), 100);
}

describe("readGenerationDefaults", () => {
  it.each<[Record<string, unknown>, object]>([
    [{}, {}],
    [
      { bos_token_id: 1, eos_token_id: 2, pad_token_id: 0 },
      { bosId: 1, eosIds: [2], padId: 0 },
    ],
    [{ eos_token_id: [2, 3] }, { eosIds: [2, 3] }],
    [{ bos_token_id: null, eos_token_id: null, pad_token_id: null }, {}],
    [{ pad_token_id: -1, bos_token_id: 100 }, {}],
    [{ eos_token_id: [2, 50_256] }, { eosIds: [2] }],
    [{ eos_token_id: 50_256 }, {}],
    [{ eos_token_id: [] }, { eosIds: [] }],
  ])("%j gives %j", (values, expected) => {
    expect(read(values)).toEqual(expected);
  });

  it.each<[Record<string, unknown>, string]>([
    [{ bos_token_id: "1" }, 'generation_config.json: bos_token_id must be an integer, got "1"'],
    [{ eos_token_id: [1, "2"] }, 'eos_token_id must be an integer or a list of integers, got [1,"2"]'],
    [{ eos_token_id: {} }, "eos_token_id must be an integer, got an object"],
  ])("%j is refused", (values, message) => {
    expect(() => read(values)).toThrow(message);
  });
});

it("what is written is read back", () => {
  for (const ids of [{}, { bosId: 1, eosIds: [2], padId: 3 }, { eosIds: [2, 3] }, { eosIds: [] }])
    expect(read(writeGenerationDefaults(ids))).toEqual(ids);
});

it("earlier sources go before later ones, id by id", () => {
  expect(mergeGenerationDefaults({ bosId: 1 }, { bosId: 2, eosIds: [3] }, { eosIds: [4], padId: 5 })).toEqual({
    bosId: 1,
    eosIds: [3],
    padId: 5,
  });
  expect(tokenizerDefaults({ bosId: 1, eosId: 2 } as Tokenizer)).toEqual({ bosId: 1, eosIds: [2] });
  expect(tokenizerDefaults({} as Tokenizer)).toEqual({});
  expect(tokenizerDefaults(undefined)).toEqual({});
});
