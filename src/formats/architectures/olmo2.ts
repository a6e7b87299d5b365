/** OLMo 2 (Walsh et al. 2024): norms behind the branches, and of all queries and all keys together. */
import type { ModelConfig } from "../../model/config.ts";
import type { Architecture } from "./architecture.ts";
import { NO_WINDOW, ggufRope, ggufSizes } from "./gguf-settings.ts";
import { rope } from "./rope-json.ts";
import { LLAMA_BLOCK, activation, constant, llamaSettings, only, refuse } from "./settings.ts";
import { ggufNames, llamaNames } from "./tensor-names.ts";

/** The entry of OLMo 2. */
export function olmo2(): Architecture {
  const own: Partial<ModelConfig> = { normPlacement: "post", qkNorm: "all" };
  return {
    huggingFace: {
      className: "Olmo2ForCausalLM",
      settings: [
        ...llamaSettings({ eps: 1e-5 }),
        constant(own),
        activation("hidden_act", "silu"),
        rope(),
        only({ attention_bias: false }),
      ],
      names: llamaNames({
        norms: { post_attention_layernorm: "postNorm1", post_feedforward_layernorm: "postNorm2" },
      }),
    },
    gguf: {
      architecture: "olmo2",
      isFaithful: ({ tieEmbeddings }) => !tieEmbeddings, // llama.cpp wants a head in the file
      settings: [
        constant({ ...LLAMA_BLOCK, activation: "silu", ...own }),
        ...ggufSizes("rms"),
        ggufRope(),
        refuse(NO_WINDOW),
      ],
      names: ggufNames(),
    },
  };
}
