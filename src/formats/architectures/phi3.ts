/** Phi-3 and Phi-4-mini (Abdin et al. 2024): a Llama whose first projections are one matrix each. */
import type { Architecture } from "./architecture.ts";
import { ggufRope, ggufSizes } from "./gguf-settings.ts";
import { slidingWindow } from "./layers.ts";
import { rope } from "./rope-json.ts";
import { LLAMA_BLOCK, activation, constant, llamaSettings, refuse } from "./settings.ts";
import { ggufNames, llamaNames } from "./tensor-names.ts";

/** The entry of Phi-3. */
export function phi3(): Architecture {
  return {
    huggingFace: {
      className: "Phi3ForCausalLM",
      settings: [
        ...llamaSettings({ eps: 1e-5 }),
        activation("hidden_act", "silu"),
        rope({ partial: { name: "partial_rotary_factor", fallback: 1 } }),
        slidingWindow({ fallback: null, listed: false }),
        refuse({
          attention_bias: false,
          mlp_bias: false,
          lm_head_bias: false,
          full_attn_mod: 1,
          layer_types: undefined,
        }),
      ],
      names: llamaNames({ fused: true }),
    },
    gguf: {
      architecture: "phi3",
      // llama.cpp has switched the windows of this family off.
      isFaithful: ({ slidingWindow: window, contextLength }) => window === null || window >= contextLength,
      ropeTensors: ["rope_factors_long.weight", "rope_factors_short.weight"],
      settings: [
        constant({ ...LLAMA_BLOCK, activation: "silu" }),
        ...ggufSizes("rms"),
        ggufRope({ partial: true }),
        // Readers take it for granted that the heads together are as wide as the model.
        constant(({ dModel = 0, nHeads = 1 }) => ({ headDim: dModel / nHeads })),
        {
          // 0 stands for none.
          read(fields) {
            const window = fields.integer("attention.sliding_window", 0);
            return window === 0 ? {} : { slidingWindow: window };
          },
          write: ({ slidingWindow: window }) => ({ "attention.sliding_window": window ?? 0 }),
        },
      ],
      names: ggufNames({ fusedQkv: true, fusedGate: true }),
    },
  };
}
