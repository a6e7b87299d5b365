/** GPT-NeoX (Black et al. 2022) and with it Pythia: attention and feed-forward side by side, a quarter of each head turns. */
import type { ModelConfig } from "../../model/config.ts";
import type { Architecture } from "./architecture.ts";
import { NO_WINDOW, ggufRope, ggufSizes } from "./gguf-settings.ts";
import { rope } from "./rope-json.ts";
import { activation, commonSizes, constant, dropout, flag, number, only, refuse } from "./settings.ts";
import { QKV, both, ggufNames, head, weight } from "./tensor-names.ts";

const MODEL: Partial<ModelConfig> = {
  norm: "layerNorm",
  gated: false,
  position: "rotary",
  rotaryPairing: "halves",
  bias: true,
};

/** The entry of GPT-NeoX. */
export function gptNeoX(): Architecture {
  const layer = "gpt_neox.layers.{i}";
  return {
    huggingFace: {
      className: "GPTNeoXForCausalLM",
      settings: [
        constant(MODEL),
        ...commonSizes(),
        number("normEps", "layer_norm_eps", 1e-5),
        activation("hidden_act", "gelu"),
        flag("tieEmbeddings", "tie_word_embeddings", false),
        flag("parallelBlocks", "use_parallel_residual", true),
        rope({ theta: "rotary_emb_base", partial: { name: "rotary_pct", fallback: 0.25 } }),
        dropout("hidden_dropout"),
        only({ attention_bias: true }),
      ],
      names: {
        renamed: [
          ["lm_head.", "embed_out."], // what transformers 5 calls it inside
          ["", "gpt_neox."],
        ],
        ignored: [
          `${layer}.attention.bias`,
          `${layer}.attention.masked_bias`,
          `${layer}.attention.rotary_emb.inv_freq`,
        ],
        rules: [
          weight("gpt_neox.embed_in", "tokenEmbedding"),
          ...both(`${layer}.input_layernorm`, "blocks.{i}.norm1"),
          ...both(`${layer}.attention.query_key_value`, QKV, { order: "heads" }),
          ...both(`${layer}.attention.dense`, "blocks.{i}.attention.outProj"),
          ...both(`${layer}.post_attention_layernorm`, "blocks.{i}.norm2"),
          ...both(`${layer}.mlp.dense_h_to_4h`, "blocks.{i}.feedForward.upProj"),
          ...both(`${layer}.mlp.dense_4h_to_h`, "blocks.{i}.feedForward.downProj"),
          ...both("gpt_neox.final_layer_norm", "finalNorm"),
          head("embed_out.weight"),
        ],
      },
    },
    gguf: {
      architecture: "gptneox",
      isFaithful: ({ tieEmbeddings }) => !tieEmbeddings, // llama.cpp wants a head in the file
      settings: [
        // Files do not tell the two GELUs apart; Pythia was trained with the exact one.
        constant({ ...MODEL, activation: "gelu" }),
        ...ggufSizes("layer"),
        flag("parallelBlocks", "use_parallel_residual", true),
        ggufRope({ partial: true }),
        refuse(NO_WINDOW),
      ],
      names: ggufNames({ fusedQkv: true }),
    },
  };
}
