/** The ids with a role in generation, as generation_config.json and config.json name them. */
import type { GenerationDefaults } from "../language-model.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { Fields } from "./fields.ts";

/**
 * The ids that a file names. An id outside the vocabulary counts as absent: old Llama configs write -1 for "none", and
 * cut-down test models keep the ids of the vocabulary they were cut from.
 *
 * @throws FormatError for something that is not an id
 */
export function readGenerationDefaults(fields: Fields, vocabSize: number): GenerationDefaults {
  const isId = (id: number): boolean => id >= 0 && id < vocabSize;
  const single = (name: string): number | undefined => {
    if (fields.value(name) === undefined) return undefined;
    const id = fields.integer(name);
    return isId(id) ? id : undefined;
  };
  const eos = fields.value("eos_token_id");
  const list = eos === undefined ? undefined : Array.isArray(eos) ? eos : [fields.integer("eos_token_id")];
  if (list?.every(Number.isSafeInteger) === false)
    throw fields.wrong("eos_token_id", "an integer or a list of integers", eos);
  const eosIds = (list as number[] | undefined)?.filter(isId);
  // A list with no id of the vocabulary names none; an empty one says that nothing ends a text.
  const named = eosIds?.length === 0 && list?.length !== 0 ? undefined : eosIds;
  return withoutGaps({ bosId: single("bos_token_id"), eosIds: named, padId: single("pad_token_id") });
}

/** The first of several that names each id. */
export function mergeGenerationDefaults(...sources: readonly GenerationDefaults[]): GenerationDefaults {
  const first = <K extends keyof GenerationDefaults>(key: K): GenerationDefaults[K] =>
    sources.find((source) => source[key] !== undefined)?.[key];
  return withoutGaps({ bosId: first("bosId"), eosIds: first("eosIds"), padId: first("padId") });
}

/** The ids that a tokenizer knows by itself. */
export function tokenizerDefaults(tokenizer: Tokenizer | undefined): GenerationDefaults {
  return withoutGaps({
    bosId: tokenizer?.bosId,
    eosIds: tokenizer?.eosId === undefined ? undefined : [tokenizer.eosId],
  });
}

/** Ids under Hugging Face's names; {} if none is known. */
export function writeGenerationDefaults({ bosId, eosIds, padId }: GenerationDefaults): Record<string, unknown> {
  return {
    ...(bosId !== undefined && { bos_token_id: bosId }),
    ...(eosIds !== undefined && { eos_token_id: eosIds.length === 1 ? eosIds[0] : eosIds }),
    ...(padId !== undefined && { pad_token_id: padId }),
  };
}

function withoutGaps({ bosId, eosIds, padId }: GenerationDefaults): GenerationDefaults {
  return {
    ...(bosId !== undefined && { bosId }),
    ...(eosIds !== undefined && { eosIds }),
    ...(padId !== undefined && { padId }),
  };
}
