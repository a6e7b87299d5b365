/**
 * Gemma (Mesnard et al. 2024): embeddings times √dModel, norms whose weights count from 1. Gemma 2 (Rivière et al. 2024):
 * norms on both sides, bent scores, every other layer slides. Gemma 3 (Kamath et al. 2025): norms of queries and keys
 * instead of the bending, five of six layers slide with wavelengths of their own.
 */
import type { ModelConfig, ResolvedConfig } from "../../model/config.ts";
import type { Architecture, Setting } from "./architecture.ts";
import { NO_WINDOW, ggufRope, ggufScale, ggufSizes, ggufWindow } from "./gguf-settings.ts";
import { slidingWindow } from "./layers.ts";
import { rope, ropeByLayerType } from "./rope-json.ts";
import { LLAMA_BLOCK, activation, constant, llamaSettings, nullable, only, refuse, scoreDivisor } from "./settings.ts";
import type { SizeFallbacks } from "./settings.ts";
import { ggufNames, llamaNames } from "./tensor-names.ts";

const NORMS_AROUND: Readonly<Record<string, string>> = {
  input_layernorm: "norm1",
  post_attention_layernorm: "postNorm1",
  pre_feedforward_layernorm: "norm2",
  post_feedforward_layernorm: "postNorm2",
};

/** What all Gemmas have. */
function common(own: Partial<ModelConfig>): Setting {
  return constant(({ dModel = 0 }) => ({ ...own, normOffset: 1, embeddingScale: Math.sqrt(dModel) }));
}

/** A model that reads both ways is another one. */
const CAUSAL: Setting = /* @__PURE__ */ refuse({ use_bidirectional_attention: false });

/** llama.cpp takes the embedding of the first two for their head, whatever there is. */
const isTied = ({ tieEmbeddings }: ResolvedConfig): boolean => tieEmbeddings;

function ggufGemma(own: Partial<ModelConfig>, ...more: readonly Setting[]): Setting[] {
  return [constant({ ...LLAMA_BLOCK, activation: "geluTanh" }), ...ggufSizes("rms"), common(own), ggufRope(), ...more];
}

/** The entry of Gemma. */
export function gemma(): Architecture {
  return {
    huggingFace: {
      className: "GemmaForCausalLM",
      settings: [
        ...llamaSettings({ headDim: 256, tied: true }),
        common({}),
        {
          // The first files said hidden_act "gelu" and meant the tanh one; hidden_activation came to say what is meant.
          read(fields, known, tensors) {
            const legacy = fields.value("hidden_act") === "gelu";
            const name = fields.value("hidden_activation") === undefined ? "hidden_act" : "hidden_activation";
            if (legacy && name === "hidden_act") return { activation: "geluTanh" };
            return activation(name, "geluTanh").read(fields, known, tensors);
          },
          write: (config) => ({
            ...activation("hidden_act", "geluTanh").write(config),
            ...activation("hidden_activation", "geluTanh").write(config),
          }),
        },
        rope(),
        only({ attention_bias: false }),
        CAUSAL,
      ],
      names: llamaNames(),
    },
    gguf: {
      architecture: "gemma",
      isFaithful: isTied,
      settings: ggufGemma({}, refuse(NO_WINDOW)),
      names: ggufNames({ normsAdded: 1 }),
    },
  };
}

/** The entry of Gemma 2. */
export function gemma2(): Architecture {
  const own: Partial<ModelConfig> = { normPlacement: "both" };
  return {
    huggingFace: {
      className: "Gemma2ForCausalLM",
      settings: [
        ...llamaSettings({ headDim: 256, tied: true }),
        common(own),
        activation("hidden_activation", "geluTanh"),
        scoreDivisor("query_pre_attn_scalar", 256),
        nullable("attentionSoftcap", "attn_logit_softcapping", 50),
        nullable("logitSoftcap", "final_logit_softcapping", 30),
        slidingWindow({ fallback: 4096, slides: (layer) => layer % 2 === 0 }),
        rope(),
        only({ attention_bias: false }),
        CAUSAL,
      ],
      names: llamaNames({ norms: NORMS_AROUND }),
    },
    gguf: {
      architecture: "gemma2",
      isFaithful: isTied,
      settings: ggufGemma(
        own,
        nullable("attentionSoftcap", "attn_logit_softcapping", 50),
        nullable("logitSoftcap", "final_logit_softcapping", 30),
        ggufWindow(2, 4096),
        ggufScale(46),
      ),
      names: ggufNames({ normsAdded: 1 }),
    },
  };
}

/** A text_config says only what differs from these. */
const GEMMA3_SIZES: SizeFallbacks = { vocabSize: 262_208, contextLength: 131_072, nHeads: 8, nKvHeads: 4 };

/** The entry of Gemma 3. Its greater models have eyes; their config.json holds this one's as text_config. */
export function gemma3(): Architecture {
  const own: Partial<ModelConfig> = { normPlacement: "both", qkNorm: "head" };
  const names = llamaNames({ norms: NORMS_AROUND });
  return {
    huggingFace: {
      className: "Gemma3ForCausalLM",
      inside: { type: "gemma3", part: "text_config" },
      settings: [
        ...llamaSettings({ headDim: 256, tied: true, sizes: GEMMA3_SIZES }),
        common(own),
        activation("hidden_activation", "geluTanh"),
        scoreDivisor("query_pre_attn_scalar", 256),
        nullable("attentionSoftcap", "attn_logit_softcapping", null),
        nullable("logitSoftcap", "final_logit_softcapping", null),
        slidingWindow({
          fallback: 4096,
          slides: (layer, fields) => (layer + 1) % fields.integer("sliding_window_pattern", 6) !== 0,
        }),
        ropeByLayerType(),
        only({ attention_bias: false }),
        CAUSAL,
      ],
      names: {
        ...names,
        renamed: [
          ["language_model.", ""],
          ["model.language_model.", "model."],
          ["", "model."],
        ],
        ignored: ["vision_tower.*", "multi_modal_projector.*", "model.vision_tower.*", "model.multi_modal_projector.*"],
      },
    },
    gguf: {
      architecture: "gemma3",
      settings: ggufGemma(
        own,
        nullable("logitSoftcap", "final_logit_softcapping", null),
        ggufWindow(6, null),
        {
          read: (fields, { slidingWindow: window }) => {
            const theta = fields.number("rope.freq_base_swa", 10_000);
            return window == null ? {} : { slidingRopeTheta: theta };
          },
          write: ({ slidingRopeTheta }) =>
            slidingRopeTheta === null ? {} : { "rope.freq_base_swa": slidingRopeTheta },
        },
        ggufScale(62),
      ),
      names: ggufNames({ normsAdded: 1 }),
    },
  };
}
