/**
 * Vocabularies of SentencePiece's BPE kind (Kudo and Richardson 2018), as GGUF and llama2.c files hold them: spellings with a
 * score each, and no merges. Two neighbours may join if the vocabulary has a token for both together; of all that may,
 * those with the highest score join first, and of equals the leftmost. Spaces are written "▁", and characters without a
 * token as bytes, "<0x00>" to "<0xFF>".
 */
import { FormatError } from "../errors.ts";
import { BPETokenizer } from "./bpe.ts";
import type { AddedToken } from "./special.ts";
import { withEdgeTokens } from "./tokenizer-config.ts";
import type { TokenizerRoles } from "./tokenizer.ts";

/** What a SentencePiece vocabulary says. */
export interface SentencePieceParts {
  /** Spelling → id. */
  readonly vocab: ReadonlyMap<string, number>;
  /** By id. */
  readonly scores: ArrayLike<number>;
  readonly addedTokens: readonly AddedToken[];
  /** The token for characters that have neither a token nor all their bytes; without it, those are an error. */
  readonly unkToken: string | undefined;
  /** Whether a space is put before the text, and before what follows an added token. */
  readonly addSpacePrefix: boolean;
  /** Which tokens begin and end a text. */
  readonly roles: TokenizerRoles;
}

const SPACE = { pattern: { String: " " }, content: "▁" };
const MARK = { pattern: { String: "▁" }, content: " " };

/** The stages around such a vocabulary, as parts of a `tokenizer.json`. */
export function sentencePieceStages(addSpacePrefix: boolean): { normalizer: object; decoder: object } {
  const prefix = addSpacePrefix ? [{ type: "Prepend", prepend: "▁" }] : [];
  const strip = addSpacePrefix ? [{ type: "Strip", content: " ", start: 1, stop: 0 }] : [];
  return {
    normalizer: { type: "Sequence", normalizers: [...prefix, { type: "Replace", ...SPACE }] },
    decoder: {
      type: "Sequence",
      decoders: [{ type: "Replace", ...MARK }, { type: "ByteFallback" }, { type: "Fuse" }, ...strip],
    },
  };
}

/** Makes a tokenizer of a SentencePiece vocabulary. `source` names the file for messages. */
export function sentencePieceTokenizer(
  { vocab, scores, addedTokens, unkToken, addSpacePrefix, roles }: SentencePieceParts,
  source: string,
): BPETokenizer {
  return new BPETokenizer({
    ...sentencePieceStages(addSpacePrefix),
    vocab,
    ranks: ranksByScore(scores, source),
    unkToken,
    fuseUnk: true,
    byteFallback: true,
    addedTokens,
    postProcessor: withEdgeTokens(null, roles, (token) => vocab.get(token)),
    roles,
  });
}

/**
 * Scores by which the same neighbours join in the same order as by a list of merges. There are some if all merges that make
 * a token stand together in the list, and every split of a token into two tokens is one of them, as in lists that were made
 * from scores.
 *
 * @param tokens spelling → id, without holes
 * @param exempt ids of tokens that may split otherwise, because they are found before anything joins
 * @returns a score for each id, 0 for what no merge makes; undefined if no scores say the same
 */
export function scoresOfMerges(
  tokens: ReadonlyMap<string, number>,
  merges: readonly (readonly [left: string, right: string])[],
  exempt: ReadonlySet<number>,
): Float32Array | undefined {
  const splits = new Map<string, number>(); // how many merges make a token
  let last: string | undefined;
  const scores = new Float32Array(tokens.size);
  for (const [left, right] of merges) {
    const made = left + right;
    const count = splits.get(made) ?? 0;
    if (count > 0 && made !== last) return undefined;
    splits.set(made, count + 1);
    scores[tokens.get(made) as number] = -splits.size;
    last = made;
  }
  for (const [token, id] of tokens) {
    let count = 0;
    for (let at = 1; at < token.length; at++)
      if (tokens.has(token.slice(0, at)) && tokens.has(token.slice(at))) count++;
    if (count !== (splits.get(token) ?? 0) && !exempt.has(id)) return undefined;
  }
  return scores;
}

/** The rank of each id: 0 for the highest score, the same for equal ones. */
function ranksByScore(scores: ArrayLike<number>, source: string): Int32Array {
  const sorted = Float64Array.from(scores).sort();
  const rankOf = new Map<number, number>();
  for (let i = sorted.length - 1; i >= 0; i--) if (!rankOf.has(sorted[i])) rankOf.set(sorted[i], rankOf.size);
  return Int32Array.from(scores, (score, id) => {
    if (Number.isNaN(score)) throw new FormatError(`${source}: the score of token ${id} is not a number`, { id });
    return rankOf.get(score) as number;
  });
}
