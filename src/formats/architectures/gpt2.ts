/** GPT-2 (Radford et al. 2019). OpenAI's layers are 1 × 1 convolutions: their matrices are [in, out]. */
import type { ModelConfig } from "../../model/config.ts";
import type { Architecture } from "./architecture.ts";
import { ggufSizes } from "./gguf-settings.ts";
import { activation, constant, flag, integer, number, refuse } from "./settings.ts";
import { QKV, both, ggufNames, head, weight } from "./tensor-names.ts";

const MODEL: Partial<ModelConfig> = { norm: "layerNorm", gated: false, position: "learned", bias: true };

/** The entry of GPT-2. */
export function gpt2(): Architecture {
  const transposed = { transposed: true };
  return {
    huggingFace: {
      className: "GPT2LMHeadModel",
      settings: [
        constant(MODEL),
        integer("vocabSize", "vocab_size"),
        {
          read: (fields) => ({
            contextLength: fields.integer("n_positions", fields.value("n_ctx") as number | undefined),
          }),
          write: (config) => ({ n_positions: config.contextLength }),
        },
        integer("dModel", "n_embd"),
        integer("nLayers", "n_layer"),
        integer("nHeads", "n_head"),
        {
          read: (fields, { dModel = 0 }) => ({ dFf: fields.integer("n_inner", 4 * dModel) }),
          write: ({ dFf, dModel }) => ({ n_inner: dFf === 4 * dModel ? null : dFf }),
        },
        number("normEps", "layer_norm_epsilon", 1e-5),
        activation("activation_function", "geluTanh", "gelu_new"),
        flag("tieEmbeddings", "tie_word_embeddings", true),
        {
          // heed drops activations where GPT-2's resid_pdrop and embd_pdrop do. Files that name neither were not trained with it.
          read: (fields) => ({ dropout: fields.number("resid_pdrop", fields.number("embd_pdrop", 0)) }),
          write: ({ dropout }) => ({ embd_pdrop: dropout, resid_pdrop: dropout, attn_pdrop: 0 }),
        },
        refuse({ scale_attn_weights: true, scale_attn_by_inverse_layer_idx: false, add_cross_attention: false }),
      ],
      names: {
        renamed: [["transformer.", ""]], // OpenAI's own files have no prefix; Hugging Face loads both
        ignored: ["h.{i}.attn.bias", "h.{i}.attn.masked_bias"],
        rules: [
          weight("wte", "tokenEmbedding"),
          weight("wpe", "positionEmbedding"),
          ...both("h.{i}.ln_1", "blocks.{i}.norm1"),
          ...both("h.{i}.attn.c_attn", QKV, transposed),
          ...both("h.{i}.attn.c_proj", "blocks.{i}.attention.outProj", transposed),
          ...both("h.{i}.ln_2", "blocks.{i}.norm2"),
          ...both("h.{i}.mlp.c_fc", "blocks.{i}.feedForward.upProj", transposed),
          ...both("h.{i}.mlp.c_proj", "blocks.{i}.feedForward.downProj", transposed),
          ...both("ln_f", "finalNorm"),
          head("lm_head.weight"),
        ],
      },
    },
    gguf: {
      architecture: "gpt2",
      settings: [constant({ ...MODEL, activation: "geluTanh" }), ...ggufSizes("layer")],
      names: ggufNames({ fusedQkv: true }),
    },
  };
}
