/** Qwen 2 and 2.5 (Yang et al. 2024), with biases on queries, keys and values; Qwen 3 (Yang et al. 2025), which has norms there. */
import type { ModelConfig } from "../../model/config.ts";
import type { Architecture, Setting } from "./architecture.ts";
import { NO_WINDOW, ggufRope, ggufSizes } from "./gguf-settings.ts";
import { slidingWindow } from "./layers.ts";
import { rope } from "./rope-json.ts";
import { LLAMA_BLOCK, activation, constant, llamaSettings, only, refuse } from "./settings.ts";
import { ggufNames, llamaNames } from "./tensor-names.ts";

/** Without a list, the layers from max_window_layers on slide. */
function window(): Setting {
  return slidingWindow({
    enabledBy: "use_sliding_window",
    fallback: 4096,
    slides: (layer, fields) => layer >= fields.integer("max_window_layers", 28),
  });
}

function ggufQwen(own: Partial<ModelConfig>): Setting[] {
  return [constant({ ...LLAMA_BLOCK, activation: "silu", ...own }), ...ggufSizes("rms"), ggufRope(), refuse(NO_WINDOW)];
}

/** The entry of Qwen 2 and 2.5. */
export function qwen2(): Architecture {
  const own: Partial<ModelConfig> = { qkvBias: true };
  return {
    huggingFace: {
      className: "Qwen2ForCausalLM",
      settings: [...llamaSettings(), constant(own), activation("hidden_act", "silu"), rope(), window()],
      names: llamaNames(),
    },
    gguf: { architecture: "qwen2", settings: ggufQwen(own), names: ggufNames() },
  };
}

/** The entry of Qwen 3. */
export function qwen3(): Architecture {
  const own: Partial<ModelConfig> = { qkNorm: "head" };
  return {
    huggingFace: {
      className: "Qwen3ForCausalLM",
      settings: [
        ...llamaSettings({ headDim: 128 }),
        constant(own),
        activation("hidden_act", "silu"),
        rope(),
        window(),
        only({ attention_bias: false }),
      ],
      names: llamaNames(),
    },
    gguf: { architecture: "qwen3", settings: ggufQwen(own), names: ggufNames() },
  };
}
