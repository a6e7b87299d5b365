/**
 * Llama (Touvron et al. 2023) with SmolLM, SmolLM2 and TinyLlama, which are Llamas; Mistral (Jiang et al. 2023), one with a
 * sliding window; SmolLM3, one in which every fourth layer knows no positions.
 */
import type { Architecture, Setting } from "./architecture.ts";
import { NO_WINDOW, ROPE_FREQS, ggufRope, ggufSizes } from "./gguf-settings.ts";
import { rotaryLayers, slidingWindow } from "./layers.ts";
import { rope } from "./rope-json.ts";
import { LLAMA_BLOCK, activation, constant, layerFlags, llamaSettings, only, refuse } from "./settings.ts";
import { ggufNames, llamaNames } from "./tensor-names.ts";

/** The settings of a Llama in a GGUF file. */
function ggufLlama(): Setting[] {
  return [constant({ ...LLAMA_BLOCK, activation: "silu" }), ...ggufSizes("rms"), ggufRope(), refuse(NO_WINDOW)];
}

/** The entry of Llama. */
export function llama(): Architecture {
  return {
    huggingFace: {
      className: "LlamaForCausalLM",
      settings: [
        ...llamaSettings(),
        activation("hidden_act", "silu"),
        rope(),
        only({ attention_bias: false, mlp_bias: false }),
      ],
      names: llamaNames(),
    },
    gguf: {
      architecture: "llama",
      ropeTensors: [ROPE_FREQS],
      settings: ggufLlama(),
      names: ggufNames({ pairs: true }),
    },
  };
}

/** The entry of Mistral. In GGUF files it is a Llama, which has no windows there. */
export function mistral(): Architecture {
  return {
    huggingFace: {
      className: "MistralForCausalLM",
      settings: [
        ...llamaSettings(),
        activation("hidden_act", "silu"),
        rope(),
        slidingWindow({ fallback: 4096, listed: false }),
        refuse({ layer_types: undefined, attention_bias: false, mlp_bias: false }),
      ],
      names: llamaNames(),
    },
  };
}

/** The entry of SmolLM3. */
export function smolLM3(): Architecture {
  return {
    huggingFace: {
      className: "SmolLM3ForCausalLM",
      settings: [
        ...llamaSettings({ tied: true }),
        activation("hidden_act", "silu"),
        rope({ fallback: 2_000_000 }),
        rotaryLayers(),
        slidingWindow({
          enabledBy: "use_sliding_window",
          fallback: null,
          slides: (layer, _, { rotaryLayers: rotary }) => rotary?.[layer] === false,
        }),
        only({ attention_bias: false, mlp_bias: false }),
      ],
      names: llamaNames(),
    },
    gguf: {
      architecture: "smollm3",
      settings: [
        ...ggufLlama(),
        constant(({ nLayers = 0 }) => ({ rotaryLayers: layerFlags(nLayers, (layer) => (layer + 1) % 4 !== 0) })),
      ],
      names: ggufNames({ pairs: true }),
    },
  };
}
