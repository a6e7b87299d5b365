/**
 * How the byte-level vocabularies of GGUF files cut text into words. A file only has a name for it, in "tokenizer.ggml.pre";
 * the patterns behind the names are those of the models' own tokenizers. (llama.cpp has the same, but that it leaves out
 * Qwen's normalizer, and approximates how Tekken and GPT-4o tell capitals.)
 */
import { TokenizerError, describeValue } from "../errors.ts";
import { type JSONObject } from "./json.ts";
import { BYTE_LEVEL_JSON } from "./pre-tokenize.ts";

/** What is behind a name. */
export interface GGUFSplit {
  /** The values of "tokenizer.ggml.pre" that mean it, separated by spaces. */
  readonly names: string;
  /** Every pattern cuts what the one before it has left whole, matches and the stretches between them alike. */
  readonly patterns: readonly string[];
  /** The `normalizer` of a `tokenizer.json`. Default none. */
  readonly normalizer?: object;
  /** Whether a piece that is in the vocabulary is one token whatever its merges. Default false. */
  readonly ignoreMerges?: boolean;
  /** Whether BOS goes before a text if the file does not say. Default false. */
  readonly addBos?: boolean;
}

/** Letters that are small or capital, as DeepSeek lists them. */
const CASED_LETTERS =
  "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-\u1f7dᾀ-ᾴᾶ-ᾼ\u1fbeῂ-ῄῆ-ῌῐ-\u1fd3" +
  "ῖ-\u1fdbῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\u2126ℨ\u212a-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃";

const GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
const CONTRACTION = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const WHITE = "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const DIGIT = "\\p{N}";
const DIGITS3 = "\\p{N}{1,3}";
const DIGITS = "\\p{N}+";
const HUNDREDS = "[0-9][0-9][0-9]";
const HAN_AND_HANGUL = "[一-龥ࠀ-一가-퟿]+";
const NO_PUNCTUATION = " ?[^(\\s|.,!?…。，、।۔،)]+";

/** GPT-4's split (cl100k), but for how many digits stay together: Llama 3, Qwen 2 and their like. */
function words(numbers: string): string {
  return `${CONTRACTION}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${numbers}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${WHITE}`;
}

/** GPT-4o's split (o200k), which also cuts before a capital, with what may end a word. */
function capitals(ending: string, numbers: string): string {
  const [upper, lower] = ["[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]", "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"];
  const word = (letters: string): string => `[^\\r\\n\\p{L}\\p{N}]?${letters}${ending}`;
  const either = `${word(`${upper}*${lower}+`)}|${word(`${upper}+${lower}*`)}`;
  return `${either}|${numbers}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|${WHITE}`;
}

/** All of them. A function, so that nothing is put together before it is asked for. */
function allSplits(): GGUFSplit[] {
  return [
    {
      names: "gpt-2 phi-2 mpt olmo jais trillion exaone4 gigachat mellum modern-bert granite-docling",
      patterns: [GPT2],
    },
    { names: "starcoder refact command-r smollm codeshell exaone minerva-7b mellum2", patterns: [DIGIT, GPT2] },
    {
      names: "llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2",
      patterns: [words(DIGITS3)],
      ignoreMerges: true,
      addBos: true,
    },
    { names: "dbrx smaug-bpe glm4 chatglm-bpe", patterns: [words(DIGITS3)] },
    { names: "qwen2", patterns: [words(DIGIT)], normalizer: { type: "NFC" } },
    { names: "stablelm2 deepseek-r1-qwen megrez hunyuan grok-2 solar-open kormo f2llmv2", patterns: [words(DIGIT)] },
    { names: "gpt-4o gpt-oss llama4 kanana2 minimax-m2", patterns: [capitals(`${CONTRACTION}?`, DIGITS3)] },
    { names: "tekken", patterns: [capitals("", DIGIT)], ignoreMerges: true, addBos: true },
    {
      names: "deepseek-llm",
      patterns: [
        "[\\r\\n]",
        `\\s?[${CASED_LETTERS}]+`,
        "\\s?[!-/:-~！-／：-～‘-‟　-。]+",
        "\\s+$",
        HAN_AND_HANGUL,
        DIGITS,
      ],
    },
    { names: "deepseek-coder", patterns: ["[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", HAN_AND_HANGUL, DIGIT] },
    {
      names: "deepseek-v3 hunyuan-dense joyai-llm",
      patterns: [
        DIGITS3,
        "[一-龥぀-ゟ゠-ヿ]+",
        "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+" +
          `| ?[\\p{P}\\p{S}]+[\\r\\n]*|${WHITE}`,
      ],
    },
    { names: "falcon", patterns: ["[\\p{P}$+<=>^~|`]+", GPT2, HUNDREDS] },
    { names: "bloom gpt3-finnish poro-chat", patterns: [NO_PUNCTUATION] },
    { names: "viking", patterns: [NO_PUNCTUATION, DIGIT] },
    { names: "default", patterns: ["[\\p{P}$+<=>^~|]+", GPT2, DIGITS, HUNDREDS] },
  ];
}

/**
 * The split of a name.
 *
 * @throws TokenizerError for a name that heed does not know
 */
export function findSplit(name: unknown): GGUFSplit {
  const splits = allSplits();
  const split = splits.find(({ names }) => typeof name === "string" && names.split(" ").includes(name));
  if (split !== undefined) return split;
  const supported = splits.map(({ names }) => names).join(" ");
  const message = `tokenizerFromGGUF: tokenizer.ggml.pre ${describeValue(name)} is not supported; supported: ${supported}`;
  throw new TokenizerError(message, { name });
}

/**
 * The name of the split that cuts as the parts of a `tokenizer.json` say; undefined if there is none.
 *
 * @param ignoreMerges whether a piece that is in the vocabulary is one token, or undefined where that makes no difference
 */
export function splitName(
  preTokenizer: unknown,
  normalizer: unknown,
  ignoreMerges: boolean | undefined,
): string | undefined {
  const patterns = JSON.stringify(patternsOf(preTokenizer));
  const found = allSplits().find(
    (split) =>
      JSON.stringify(split.patterns) === patterns &&
      JSON.stringify(split.normalizer ?? null) === JSON.stringify(normalizer ?? null) &&
      (ignoreMerges === undefined || ignoreMerges === (split.ignoreMerges ?? false)),
  );
  return found?.names.split(" ")[0];
}

/** The patterns of a `pre_tokenizer` that ends with bytes, in the terms of the table; undefined for all others. */
function patternsOf(json: unknown): string[] | undefined {
  const { type, pretokenizers } = (json ?? {}) as JSONObject;
  const stages = (type === "Sequence" ? pretokenizers : [json ?? {}]) as JSONObject[];
  const patterns: string[] = [];
  for (const [i, stage] of stages.entries()) {
    const { pattern, behavior, invert } = stage;
    const regex = (pattern as JSONObject | undefined)?.Regex;
    if (stage.type === "ByteLevel" && i === stages.length - 1 && stage.add_prefix_space === false) {
      if (stage.use_regex !== false) patterns.push(GPT2);
      return patterns;
    }
    if (stage.type === "Digits") patterns.push(stage.individual_digits === true ? DIGIT : DIGITS);
    else if (stage.type === "Split" && behavior === "Isolated" && invert !== true && typeof regex === "string")
      patterns.push(regex);
    else return undefined;
  }
  return undefined;
}

/** The `pre_tokenizer` of a `tokenizer.json` that cuts by patterns, one after the other. */
export function splitJSON(patterns: readonly string[]): object {
  const stages = patterns.map((pattern): JSONObject => {
    if (pattern === DIGIT || pattern === DIGITS) return { type: "Digits", individual_digits: pattern === DIGIT };
    return { type: "Split", pattern: { Regex: pattern }, behavior: "Isolated", invert: false };
  });
  // The step that turns characters into bytes has GPT-2's split in it.
  const last = patterns.at(-1) === GPT2;
  if (last) stages.pop();
  const bytes = { ...BYTE_LEVEL_JSON, use_regex: last };
  return stages.length === 0 ? bytes : { type: "Sequence", pretokenizers: [...stages, bytes] };
}
