/**
 * The `tokenizer.bin` of llama2.c (github.com/karpathy/llama2.c): the greatest length of a spelling, then for every token
 * its score, the length of its spelling, and the spelling, all little-endian. Ids are fixed: 0 is unknown, 1 begins a text,
 * 2 ends it, and the 256 bytes follow.
 */
import { FormatError } from "../errors.ts";
import type { BPETokenizer } from "./bpe.ts";
import { byteTokenName } from "./decode.ts";
import { sentencePieceTokenizer } from "./sentence-piece.ts";
import { specialToken } from "./special.ts";

const SPECIAL = ["<unk>", "<s>", "</s>"] as const;
const FIRST_BYTE = SPECIAL.length;
const FIRST_PIECE = FIRST_BYTE + 256;

/**
 * Makes a tokenizer from the content of a `tokenizer.bin`. The size of the vocabulary is not in the file; it is read to its end.
 *
 * ```ts
 * const tokenizer = tokenizerFromLlama2c(await readFile("tok512.bin"));
 * tokenizer.encode("Once upon a time", { addSpecialTokens: true }); // [1, 403, 407, 261, 378]
 * ```
 *
 * @param file its name, for messages
 * @throws FormatError if the file is truncated or no such file, or has a spelling twice
 */
export function tokenizerFromLlama2c(bytes: Uint8Array, file: string = "tokenizer.bin"): BPETokenizer {
  const { spellings, scores } = readTokens(bytes, file);
  const vocab = new Map<string, number>();
  for (const [id, spelling] of spellings.entries()) {
    const earlier = vocab.get(spelling);
    if (earlier !== undefined) {
      throw new FormatError(`${file}: tokens ${earlier} and ${id} are both spelt ${JSON.stringify(spelling)}`, { id });
    }
    vocab.set(spelling, id);
  }
  const parts = {
    vocab,
    scores,
    addedTokens: SPECIAL.map(specialToken),
    unkToken: SPECIAL[0],
    addSpacePrefix: true,
    roles: { bosToken: SPECIAL[1], eosToken: SPECIAL[2], addBos: true },
  };
  return sentencePieceTokenizer(parts, file);
}

function readTokens(bytes: Uint8Array, file: string): { spellings: string[]; scores: number[] } {
  if (!(bytes instanceof Uint8Array)) throw new FormatError(`${file}: must be given as a Uint8Array`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const spellings: string[] = [];
  const scores: number[] = [];
  const broken = (what: string, position: number): FormatError =>
    new FormatError(`${file}: token ${spellings.length}, byte ${position}: ${what}`, { position });
  if (bytes.length < 4) throw broken(`truncated: the file has ${bytes.length} bytes`, 0);
  for (let at = 4; at < bytes.length;) {
    const start = at + 8;
    if (start > bytes.length) throw broken("truncated: a score and a length take 8 bytes", at);
    const length = view.getUint32(at + 4, true);
    at = start + length;
    if (at > bytes.length) throw broken(`truncated: needs ${length} bytes, ${bytes.length - start} are left`, start);
    scores.push(view.getFloat32(start - 8, true));
    let spelling: string;
    try {
      spelling = decoder.decode(bytes.slice(start, at));
    } catch {
      throw broken("the spelling is not valid UTF-8", start);
    }
    spellings.push(plainSpelling(spelling, spellings.length));
  }
  if (spellings.length >= FIRST_PIECE) return { spellings, scores };
  throw broken(`truncated: at least ${FIRST_PIECE} tokens must be there`, bytes.length);
}

/** Spellings as SentencePiece has them: exports put line feeds around "<s>", write bytes as characters, and "▁" as a space. */
function plainSpelling(spelling: string, id: number): string {
  if (id < FIRST_BYTE) return SPECIAL[id];
  return id < FIRST_PIECE ? byteTokenName(id - FIRST_BYTE) : spelling.replaceAll(" ", "▁");
}
