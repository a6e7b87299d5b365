/** StableLM (Bellagente et al. 2024): a Llama with LayerNorm, a quarter of whose heads' elements turn. */
import type { ModelConfig } from "../../model/config.ts";
import type { Architecture } from "./architecture.ts";
import { NO_WINDOW, ggufRope, ggufSizes } from "./gguf-settings.ts";
import { rope } from "./rope-json.ts";
import {
  LLAMA_BLOCK,
  activation,
  commonSizes,
  constant,
  dropout,
  flag,
  integer,
  number,
  only,
  refuse,
} from "./settings.ts";
import { ggufNames, llamaNames } from "./tensor-names.ts";

/** The entry of StableLM. */
export function stableLM(): Architecture {
  const model: Partial<ModelConfig> = { ...LLAMA_BLOCK, norm: "layerNorm", normBias: true };
  return {
    huggingFace: {
      className: "StableLmForCausalLM",
      settings: [
        constant(model),
        ...commonSizes(),
        integer("nKvHeads", "num_key_value_heads", ({ nHeads }) => nHeads),
        number("normEps", "layer_norm_eps", 1e-5),
        flag("tieEmbeddings", "tie_word_embeddings", false),
        flag("qkvBias", "use_qkv_bias", false),
        activation("hidden_act", "silu"),
        rope({ partial: { name: "partial_rotary_factor", fallback: 0.25 } }),
        dropout("hidden_dropout"),
        only({ use_parallel_residual: false, qk_layernorm: false }),
      ],
      names: llamaNames(),
    },
    gguf: {
      architecture: "stablelm",
      isFaithful: ({ tieEmbeddings }) => !tieEmbeddings, // llama.cpp wants a head in the file
      settings: [
        constant({ ...model, activation: "silu" }),
        ...ggufSizes("layer"),
        {
          // llama.cpp goes by the tensors, too; what files say of use_parallel_residual was wrong for years.
          read: (_, __, tensors) => ({ qkvBias: tensors.has("blk.0.attn_q.bias") }),
          write: () => ({ use_parallel_residual: false }),
        },
        ggufRope({ partial: true }),
        refuse(NO_WINDOW),
      ],
      names: ggufNames(),
    },
  };
}
