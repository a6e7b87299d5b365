/** Settings that differ from layer to layer: which ones slide, and which ones turn queries and keys. */
import type { ModelConfig, ResolvedConfig } from "../../model/config.ts";
import type { Fields } from "../fields.ts";
import type { Setting } from "./architecture.ts";
import { layerFlags, readList, unsupported } from "./settings.ts";

/** How a config.json tells of sliding windows. */
interface SlidingForm {
  /** A flag without which no layer slides. Default: none is needed. */
  readonly enabledBy?: string;
  /** The window if the field is absent; null: no layer slides then. */
  readonly fallback: number | null;
  /** Whether there is a list of layer types. Default true. */
  readonly listed?: boolean;
  /** Which layers slide if the list is absent. Default: all. */
  readonly slides?: (layer: number, fields: Fields, known: Partial<ModelConfig>) => boolean;
}

const SLIDING = "sliding_attention";
const FULL = "full_attention";

/** sliding_window, layer_types and what says whether they count. A sliding_window of null differs from an absent one. */
export function slidingWindow({ enabledBy, fallback, listed = true, slides = () => true }: SlidingForm): Setting {
  return {
    read(fields, known) {
      if (enabledBy !== undefined && !fields.boolean(enabledBy, false)) return {};
      const absent = fields.has("sliding_window") ? null : fallback;
      const window = fields.value("sliding_window") === undefined ? absent : fields.integer("sliding_window");
      if (window === null) return {};
      const types = listed ? readLayerTypes(fields) : undefined;
      const { nLayers = 0 } = known;
      if (types !== undefined && types.length !== nLayers)
        throw fields.wrong("layer_types", `a list of ${nLayers}, one for each layer`, types);
      const slidingLayers = layerFlags(nLayers, (layer) => types?.[layer] ?? slides(layer, fields, known));
      if (slidingLayers?.some(Boolean) === false) return {};
      return { slidingWindow: window, slidingLayers };
    },
    write(config) {
      const { slidingWindow: window } = config;
      const flags = slidingFlags(config);
      return {
        sliding_window: window,
        ...(enabledBy !== undefined && { [enabledBy]: window !== null }),
        ...(enabledBy !== undefined && window !== null && { max_window_layers: flags.indexOf(true) }),
        ...(listed && { layer_types: flags.map((flag) => (flag ? SLIDING : FULL)) }),
      };
    },
  };
}

/** Whether each layer slides. */
function slidingFlags({ nLayers, slidingWindow: window, slidingLayers }: ResolvedConfig): boolean[] {
  return Array.from({ length: nLayers }, (_, layer) => window !== null && (slidingLayers?.[layer] ?? true));
}

function readLayerTypes(fields: Fields): boolean[] | undefined {
  return readList(fields, "layer_types")?.map((type) => {
    if (type !== SLIDING && type !== FULL) throw unsupported(fields, "layer_types", type, `${FULL}, ${SLIDING}`);
    return type === SLIDING;
  });
}

/** no_rope_layers: 1 for a layer that turns queries and keys, 0 for one that does not, in spite of the name. */
export function rotaryLayers(): Setting {
  return {
    read(fields, { nLayers = 0 }) {
      const list = readList(fields, "no_rope_layers");
      const interval = fields.integer("no_rope_layer_interval", 4);
      if (list === undefined) return { rotaryLayers: layerFlags(nLayers, (layer) => (layer + 1) % interval !== 0) };
      if (list.length !== nLayers || list.some((item) => item !== 0 && item !== 1))
        throw fields.wrong("no_rope_layers", `a list of ${nLayers} of 0 and 1, one for each layer`, list);
      return { rotaryLayers: layerFlags(nLayers, (layer) => list[layer] === 1) };
    },
    write: ({ nLayers, rotaryLayers: flags }) => ({
      no_rope_layers: Array.from({ length: nLayers }, (_, layer) => Number(flags?.[layer] ?? true)),
    }),
  };
}
