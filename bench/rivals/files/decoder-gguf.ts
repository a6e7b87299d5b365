/** A Llama-shaped decoder for llama.cpp. */
import type { ResolvedConfig } from "heed";
import { ggufParts } from "./gguf.ts";
import type { GGUFTensor, GGUFValue } from "./gguf.ts";

const TOKEN_TYPES = { normal: 1, unknown: 2, control: 3, byte: 6 } as const;
const BYTES = 256;

/** llama.cpp wants a vocabulary with a few special tokens and all bytes. Nobody here writes text, so the others have mere names. */
function vocabulary(vocabSize: number): Record<string, GGUFValue> {
  const special = ["<unk>", "<s>", "</s>"];
  const bytes = Array.from({ length: BYTES }, (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, "0")}>`);
  const named = special.length + BYTES;
  const strings = Array.from({ length: vocabSize }, (_, i) => special[i] ?? bytes[i - special.length] ?? `token${i}`);
  const { normal, unknown, control, byte } = TOKEN_TYPES;
  const types = strings.map((_, i) => (i === 0 ? unknown : i < special.length ? control : i < named ? byte : normal));
  return {
    "tokenizer.ggml.model": "llama",
    "tokenizer.ggml.tokens": { strings },
    "tokenizer.ggml.scores": { float32s: strings.map((_, i) => (i < named ? 0 : -i)) },
    "tokenizer.ggml.token_type": { int32s: types },
    "tokenizer.ggml.bos_token_id": { uint32: 1 },
    "tokenizer.ggml.eos_token_id": { uint32: 2 },
    "tokenizer.ggml.unknown_token_id": { uint32: 0 },
  };
}

/**
 * llama.cpp turns neighbouring elements of a head, heed's model turns element i with element i + headDim / 2. The rows of the
 * query and key projections, rearranged, make up for it; scores are sums over a head and do not see the order.
 */
export function halvesToPairs(weight: Float32Array, headDim: number, dModel: number): Float32Array {
  const out = new Float32Array(weight.length);
  const half = headDim / 2;
  for (let row = 0; row < weight.length / dModel; row++) {
    const at = row % headDim;
    const from = row - at + (at % 2) * half + (at >> 1);
    out.set(weight.subarray(from * dModel, (from + 1) * dModel), row * dModel);
  }
  return out;
}

/** The names of a block's matrices and rows, heed's and llama.cpp's. */
const BLOCK_NAMES: Readonly<Record<string, string>> = {
  norm1: "attn_norm",
  "attention.qProj": "attn_q",
  "attention.kProj": "attn_k",
  "attention.vProj": "attn_v",
  "attention.outProj": "attn_output",
  norm2: "ffn_norm",
  "feedForward.gateProj": "ffn_gate",
  "feedForward.upProj": "ffn_up",
  "feedForward.downProj": "ffn_down",
};

/** The file, in pieces. `encode` may give a tensor another type. */
export function decoderGGUF(
  config: ResolvedConfig,
  weights: ReadonlyMap<string, Float32Array>,
  encode: (tensor: GGUFTensor) => GGUFTensor = (tensor) => tensor,
): Uint8Array[] {
  const { vocabSize, contextLength, dModel, nLayers, nHeads, nKvHeads, headDim, dFf, normEps, ropeTheta } = config;
  const metadata: Record<string, GGUFValue> = {
    "general.architecture": "llama",
    "general.name": "heed-bench",
    "llama.context_length": { uint32: contextLength },
    "llama.embedding_length": { uint32: dModel },
    "llama.block_count": { uint32: nLayers },
    "llama.feed_forward_length": { uint32: dFf },
    "llama.attention.head_count": { uint32: nHeads },
    "llama.attention.head_count_kv": { uint32: nKvHeads },
    "llama.attention.layer_norm_rms_epsilon": { float32: normEps },
    "llama.rope.dimension_count": { uint32: headDim },
    "llama.rope.freq_base": { float32: ropeTheta },
    "llama.vocab_size": { uint32: vocabSize },
    ...vocabulary(vocabSize),
  };
  const tensor = (from: string, to: string): GGUFTensor => {
    const data = weights.get(`${from}.weight`);
    if (data === undefined) throw new Error(`the model has no ${from}.weight`);
    const width = from.endsWith("downProj") ? dFf : from.endsWith("outProj") ? nHeads * headDim : dModel;
    const isTurned = from.endsWith("qProj") || from.endsWith("kProj");
    return encode({
      name: `${to}.weight`,
      shape: /norm/i.test(from) ? [dModel] : [data.length / width, width],
      data: isTurned ? halvesToPairs(data, headDim, dModel) : data,
    });
  };
  const blocks = Array.from({ length: nLayers }, (_, layer) =>
    Object.entries(BLOCK_NAMES).map(([from, to]) => tensor(`blocks.${layer}.${from}`, `blk.${layer}.${to}`)),
  );
  return ggufParts(metadata, [
    tensor("tokenEmbedding", "token_embd"),
    ...blocks.flat(),
    tensor("finalNorm", "output_norm"),
    tensor("lmHead", "output"),
  ]);
}
