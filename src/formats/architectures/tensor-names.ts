/** Lists of tensor names that several architectures share: those of Llama's checkpoints, and those of GGUF files. */
import { HEAD } from "./tensor-rules.ts";
import type { TensorNames, TensorRule } from "./tensor-rules.ts";

/** The projections that attention begins with, as parameters of block {i}. */
export const QKV: readonly string[] = [
  "blocks.{i}.attention.qProj",
  "blocks.{i}.attention.kProj",
  "blocks.{i}.attention.vProj",
];

/** The two that a gated feed-forward layer begins with. */
export const GATE_UP: readonly string[] = ["blocks.{i}.feedForward.gateProj", "blocks.{i}.feedForward.upProj"];

/** A weight without a bias. */
export function weight(theirs: string, ours: string | readonly string[], how: Partial<TensorRule> = {}): TensorRule {
  return { theirs: `${theirs}.weight`, ours: [ours].flat().map((name) => `${name}.weight`), ...how };
}

/** Weight and bias of a layer. Matrices alone are transposed. */
export function both(theirs: string, ours: string | readonly string[], how: Partial<TensorRule> = {}): TensorRule[] {
  const bias = { theirs: `${theirs}.bias`, ours: [ours].flat().map((name) => `${name}.bias`) };
  return [weight(theirs, ours, how), { ...bias, ...how, transposed: false }];
}

/** A head of its own. */
export function head(theirs: string): TensorRule {
  return { theirs, ours: [HEAD] };
}

/** A checkpoint in Llama's way. Rows of q_proj and k_proj are in "halves" order: element i turns with i + headDim / 2. */
export function llamaNames({
  norms = { input_layernorm: "norm1", post_attention_layernorm: "norm2" },
  fused = false,
}: {
  /** The norms of a block: their names there and here. */
  norms?: Readonly<Record<string, string>>;
  /** Whether projections that begin a branch are one matrix (Phi-3). */
  fused?: boolean;
} = {}): TensorNames {
  const layer = "model.layers.{i}";
  const [q, k, v] = QKV;
  const [gate, up] = GATE_UP;
  return {
    renamed: [["", "model."]],
    ignored: [`${layer}.self_attn.rotary_emb.inv_freq`],
    rules: [
      weight("model.embed_tokens", "tokenEmbedding"),
      ...Object.entries(norms).flatMap(([theirs, ours]) => both(`${layer}.${theirs}`, `blocks.{i}.${ours}`)),
      ...(fused
        ? [weight(`${layer}.self_attn.qkv_proj`, QKV), weight(`${layer}.mlp.gate_up_proj`, GATE_UP)]
        : [
            ...both(`${layer}.self_attn.q_proj`, q),
            ...both(`${layer}.self_attn.k_proj`, k),
            ...both(`${layer}.self_attn.v_proj`, v),
            weight(`${layer}.mlp.gate_proj`, gate),
            weight(`${layer}.mlp.up_proj`, up),
          ]),
      weight(`${layer}.self_attn.q_norm`, "blocks.{i}.attention.qNorm"),
      weight(`${layer}.self_attn.k_norm`, "blocks.{i}.attention.kNorm"),
      weight(`${layer}.self_attn.o_proj`, "blocks.{i}.attention.outProj"),
      weight(`${layer}.mlp.down_proj`, "blocks.{i}.feedForward.downProj"),
      ...both("model.norm", "finalNorm"),
      head("lm_head.weight"),
    ],
  };
}

/** A GGUF file. */
export function ggufNames({
  pairs = false,
  fusedQkv = false,
  fusedGate = false,
  normsAdded,
}: {
  /** Whether rows of queries and keys that turn together are neighbours. */
  pairs?: boolean;
  /** Whether query, key and value projections are one matrix. */
  fusedQkv?: boolean;
  /** Whether gate and up projections are one matrix, which is called ffn_up. */
  fusedGate?: boolean;
  /** What norm weights have added there. */
  normsAdded?: number;
} = {}): TensorNames {
  const norm = (theirs: string, ours: string): TensorRule[] => both(theirs, ours, { added: normsAdded });
  const turned = pairs ? { order: "pairs" as const } : {};
  const [q, k, v] = QKV;
  const [gate, up] = GATE_UP;
  return {
    ignored: [
      "rope_freqs.weight",
      "rope_factors_long.weight",
      "rope_factors_short.weight",
      "blk.{i}.attn_rot_embd.weight",
    ],
    rules: [
      weight("token_embd", "tokenEmbedding"),
      weight("position_embd", "positionEmbedding"),
      ...norm("blk.{i}.attn_norm", "blocks.{i}.norm1"),
      ...norm("blk.{i}.post_attention_norm", "blocks.{i}.postNorm1"),
      ...norm("blk.{i}.ffn_norm", "blocks.{i}.norm2"),
      ...norm("blk.{i}.post_ffw_norm", "blocks.{i}.postNorm2"),
      ...norm("blk.{i}.attn_q_norm", "blocks.{i}.attention.qNorm"),
      ...norm("blk.{i}.attn_k_norm", "blocks.{i}.attention.kNorm"),
      ...(fusedQkv
        ? both("blk.{i}.attn_qkv", QKV)
        : [...both("blk.{i}.attn_q", q, turned), ...both("blk.{i}.attn_k", k, turned), ...both("blk.{i}.attn_v", v)]),
      ...both("blk.{i}.attn_output", "blocks.{i}.attention.outProj"),
      ...(fusedGate
        ? both("blk.{i}.ffn_up", GATE_UP)
        : [...both("blk.{i}.ffn_gate", gate), ...both("blk.{i}.ffn_up", up)]),
      ...both("blk.{i}.ffn_down", "blocks.{i}.feedForward.downProj"),
      ...norm("output_norm", "finalNorm"),
      head("output.weight"),
    ],
  };
}
