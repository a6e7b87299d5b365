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

/** Makes a tokenizer of a SentencePiece vocabulary. `source` names the file for messages. */
export function sentencePieceTokenizer(
  { vocab, scores, addedTokens, unkToken, addSpacePrefix, roles }: SentencePieceParts,
  source: string,
): BPETokenizer {
  const prefix = addSpacePrefix ? [{ type: "Prepend", prepend: "▁" }] : [];
  const strip = addSpacePrefix ? [{ type: "Strip", content: " ", start: 1, stop: 0 }] : [];
  return new BPETokenizer({
    vocab,
    ranks: ranksByScore(scores, source),
    unkToken,
    fuseUnk: true,
    byteFallback: true,
    addedTokens,
    normalizer: { type: "Sequence", normalizers: [...prefix, { type: "Replace", ...SPACE }] },
    postProcessor: withEdgeTokens(null, roles, (token) => vocab.get(token)),
    roles,
    decoder: {
      type: "Sequence",
      decoders: [{ type: "Replace", ...MARK }, { type: "ByteFallback" }, { type: "Fuse" }, ...strip],
    },
  });
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
