/**
 * What tensors are called, and how they lie, in Hugging Face checkpoints and in heed. One table for each family; reading
 * and writing both follow it. The functions work on any values that go with parameters: weights, gradients, moments.
 */
import { ConfigError, FormatError, describeValue } from "../errors.ts";
import { formatShape, sameShape, sizeOf } from "../tensor/shape.ts";
import type { NamedArray } from "./safetensors.ts";

/** A family of models with names of its own in Hugging Face checkpoints. */
export type Family = "gpt2" | "llama";

/** One tensor of a checkpoint. `{i}` is the number of a block. */
interface Rule {
  /** Its name there, without the family's prefix. */
  readonly theirs: string;
  /** The heed parameters that it holds, stacked along their first axis. */
  readonly ours: readonly string[];
  /** Whether the stacked matrix lies there transposed, as [in, out]. */
  readonly transposed?: boolean;
}

interface FamilyNames {
  /** May stand before every name but the head's. */
  readonly prefix: string;
  /** Whether heed writes the prefix. */
  readonly writesPrefix: boolean;
  readonly rules: readonly Rule[];
  /** Buffers of old checkpoints that carry no weights. */
  readonly ignored: readonly string[];
}

const HEAD = "lm_head.weight";

/** Weight and bias of a layer under two names. */
function both(theirs: string, ours: readonly string[], transposed: boolean = false): Rule[] {
  return [
    { theirs: `${theirs}.weight`, ours: ours.map((name) => `${name}.weight`), transposed },
    { theirs: `${theirs}.bias`, ours: ours.map((name) => `${name}.bias`) },
  ];
}

/** A weight without a bias. */
function weight(theirs: string, ours: string): Rule {
  return { theirs: `${theirs}.weight`, ours: [`${ours}.weight`] };
}

const QKV = ["blocks.{i}.attention.qProj", "blocks.{i}.attention.kProj", "blocks.{i}.attention.vProj"] as const;

const FAMILIES: Readonly<Record<Family, FamilyNames>> = {
  /** OpenAI's layers are 1 × 1 convolutions: their weights are [in, out], with query, key and value side by side. */
  gpt2: {
    prefix: "transformer.",
    writesPrefix: false, // as in OpenAI's own files; Hugging Face loads both
    ignored: ["h.{i}.attn.bias", "h.{i}.attn.masked_bias"],
    rules: [
      weight("wte", "tokenEmbedding"),
      weight("wpe", "positionEmbedding"),
      ...both("h.{i}.ln_1", ["blocks.{i}.norm1"]),
      ...both("h.{i}.attn.c_attn", QKV, true),
      ...both("h.{i}.attn.c_proj", ["blocks.{i}.attention.outProj"], true),
      ...both("h.{i}.ln_2", ["blocks.{i}.norm2"]),
      ...both("h.{i}.mlp.c_fc", ["blocks.{i}.feedForward.upProj"], true),
      ...both("h.{i}.mlp.c_proj", ["blocks.{i}.feedForward.downProj"], true),
      ...both("ln_f", ["finalNorm"]),
      { theirs: HEAD, ours: ["lmHead.weight"] },
    ],
  },
  /** Rows of q_proj and k_proj are in "halves" order: element i turns with i + headDim / 2. */
  llama: {
    prefix: "model.",
    writesPrefix: true,
    ignored: ["layers.{i}.self_attn.rotary_emb.inv_freq"],
    rules: [
      weight("embed_tokens", "tokenEmbedding"),
      weight("layers.{i}.input_layernorm", "blocks.{i}.norm1"),
      weight("layers.{i}.self_attn.q_proj", QKV[0]),
      weight("layers.{i}.self_attn.k_proj", QKV[1]),
      weight("layers.{i}.self_attn.v_proj", QKV[2]),
      weight("layers.{i}.self_attn.o_proj", "blocks.{i}.attention.outProj"),
      weight("layers.{i}.post_attention_layernorm", "blocks.{i}.norm2"),
      weight("layers.{i}.mlp.gate_proj", "blocks.{i}.feedForward.gateProj"),
      weight("layers.{i}.mlp.up_proj", "blocks.{i}.feedForward.upProj"),
      weight("layers.{i}.mlp.down_proj", "blocks.{i}.feedForward.downProj"),
      weight("norm", "finalNorm"),
      { theirs: HEAD, ours: ["lmHead.weight"] },
    ],
  },
};

/**
 * Values under heed's parameter names as a Hugging Face checkpoint holds them. Values may be any subset of a model's
 * parameters, except that query, key and value go together in GPT-2.
 *
 * ```ts
 * toHuggingFace("gpt2", model.parameters()).get("h.0.attn.c_attn.weight")?.shape; // [dModel, 3 · dModel]
 * ```
 *
 * @returns values in the order given; `data` is computed each time it is read, so that no second copy is held
 * @throws ConfigError for a name that the family does not have
 */
export function toHuggingFace(family: Family, values: ReadonlyMap<string, NamedArray>): Map<string, NamedArray> {
  const { rules, prefix, writesPrefix } = FAMILIES[family];
  const byOurs = new Map(rules.flatMap((rule) => rule.ours.map((name) => [name, rule] as const)));
  const out = new Map<string, NamedArray>();
  for (const name of values.keys()) {
    const [pattern, block] = splitBlock(name);
    const rule = byOurs.get(pattern);
    if (rule === undefined)
      throw new ConfigError(`toHuggingFace: the ${family} family has no parameter "${name}"`, { family, name });
    const bare = rule.theirs.replace("{i}", block);
    const theirs = writesPrefix && bare !== HEAD ? prefix + bare : bare;
    if (out.has(theirs)) continue; // another part of the same tensor came first
    const parts = rule.ours.map((part) => {
      const value = values.get(part.replace("{i}", block));
      if (value === undefined)
        throw new ConfigError(`toHuggingFace: "${theirs}" needs "${part.replace("{i}", block)}" beside "${name}"`, {
          family,
          name,
        });
      return value;
    });
    const { shape } = parts[0];
    if (parts.some((part) => !sameShape(part.shape, shape)) || (rule.transposed && shape.length !== 2)) {
      throw new ConfigError(
        `toHuggingFace: shapes do not fit into "${theirs}": ${parts.map((part) => formatShape(part.shape)).join(", ")}`,
        { family, name },
      );
    }
    out.set(theirs, rule.transposed ? transposedStack(parts) : stack(parts));
  }
  return out;
}

/**
 * Tensors of a Hugging Face checkpoint under heed's parameter names: the inverse of `toHuggingFace`.
 *
 * @returns values in the order given; `data` is computed each time it is read, so that no second copy is held
 * @throws FormatError naming the tensors that the family does not have
 */
export function fromHuggingFace(family: Family, values: ReadonlyMap<string, NamedArray>): Map<string, NamedArray> {
  const byTheirs = new Map(FAMILIES[family].rules.map((rule) => [rule.theirs, rule]));
  const bare = new Map(
    [...canonicalNames(family, values)].map(([name, value]) => [withoutPrefix(family, name), value]),
  );
  const unexpected = [...bare.keys()].filter((name) => !byTheirs.has(splitBlock(name)[0]));
  if (unexpected.length > 0)
    throw new FormatError(`a ${family} model has no place for ${nameSome(unexpected)}`, { family, unexpected });
  const out = new Map<string, NamedArray>();
  for (const [name, value] of bare) {
    const [pattern, block] = splitBlock(name);
    const { ours, transposed = false } = byTheirs.get(pattern) as Rule;
    const { shape } = value;
    const splits = transposed
      ? shape.length === 2 && shape[1] % ours.length === 0
      : shape.length > 0 && shape[0] % ours.length === 0;
    if (!splits)
      throw new FormatError(
        `"${name}" ${formatShape(shape)} cannot be split into ${ours.length} of heed's parameters`,
        { family, name, shape },
      );
    ours.forEach((part, i) => out.set(part.replace("{i}", block), unstack(value, transposed, i, ours.length)));
  }
  return out;
}

/**
 * Tensors of a checkpoint under the names that `toHuggingFace` gives: the optional prefix is put right, and buffers
 * that carry no weights are left out.
 *
 * @param file the file's name, for messages
 * @throws FormatError if a tensor is there both with and without the prefix
 */
export function canonicalNames<T>(
  family: Family,
  values: ReadonlyMap<string, T>,
  file: string = "checkpoint",
): Map<string, T> {
  const { prefix, writesPrefix, ignored } = FAMILIES[family];
  const out = new Map<string, T>();
  for (const [name, value] of values) {
    const bare = withoutPrefix(family, name);
    if (ignored.includes(splitBlock(bare)[0])) continue;
    const canonical = writesPrefix && bare !== HEAD ? prefix + bare : bare;
    if (out.has(canonical))
      throw new FormatError(`${file}: the tensor "${bare}" is there twice, with and without the prefix "${prefix}"`, {
        family,
        name,
      });
    out.set(canonical, value);
  }
  return out;
}

/** Names for a message: the first three, and how many more. */
export function nameSome(names: readonly string[]): string {
  const shown = names.slice(0, 3).map(describeValue).join(", ");
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}

function withoutPrefix(family: Family, name: string): string {
  const { prefix } = FAMILIES[family];
  return name.startsWith(prefix) ? name.slice(prefix.length) : name;
}

/** "blocks.12.norm1.weight" → ["blocks.{i}.norm1.weight", "12"]; without a number the block is "". */
function splitBlock(name: string): [pattern: string, block: string] {
  const found = /^(blocks|h|layers)\.(\d+)\./.exec(name);
  return found === null ? [name, ""] : [`${found[1]}.{i}.${name.slice(found[0].length)}`, found[2]];
}

/** A value whose numbers are computed when they are read. */
function lazily(shape: readonly number[], compute: () => Float32Array): NamedArray {
  return {
    shape,
    get data() {
      return compute();
    },
  };
}

/** Parts one behind the other along the first axis. */
function stack(parts: readonly NamedArray[]): NamedArray {
  if (parts.length === 1) return lazily(parts[0].shape, () => parts[0].data);
  const shape = [parts.reduce((sum, part) => sum + part.shape[0], 0), ...parts[0].shape.slice(1)];
  return lazily(shape, () => {
    const out = new Float32Array(sizeOf(shape));
    let at = 0;
    for (const { data } of parts) {
      out.set(data, at);
      at += data.length;
    }
    return out;
  });
}

/** Matrices [rows, cols] one behind the other and then transposed: [cols, parts · rows]. */
function transposedStack(parts: readonly NamedArray[]): NamedArray {
  const [rows, cols] = parts[0].shape;
  const width = parts.length * rows;
  return lazily([cols, width], () => {
    const out = new Float32Array(cols * width);
    parts.forEach(({ data }, part) => transposeInto(out.subarray(part * rows), width, data, cols, rows, cols));
    return out;
  });
}

/** The part `part` of the `count` that `stack` or `transposedStack` puts together. */
function unstack(value: NamedArray, transposed: boolean, part: number, count: number): NamedArray {
  const { shape } = value;
  if (!transposed) {
    const partShape = [shape[0] / count, ...shape.slice(1)];
    const size = sizeOf(partShape);
    return lazily(partShape, () => value.data.subarray(part * size, (part + 1) * size));
  }
  const [cols, width] = shape;
  const rows = width / count;
  return lazily([rows, cols], () => {
    const out = new Float32Array(rows * cols);
    transposeInto(out, cols, value.data.subarray(part * rows), width, cols, rows);
    return out;
  });
}

/**
 * out[col, row] = x[row, col] for x of [rows, cols]; `outWidth` and `width` are the distances from row to row in memory.
 * Column by column in bands of 16 rows, so that a band's cache lines are still there when the next column needs them:
 * for [1024, 4096] twice as fast as row by row (12 instead of 24 ms on a Xeon).
 */
function transposeInto(
  out: Float32Array,
  outWidth: number,
  x: Float32Array,
  width: number,
  rows: number,
  cols: number,
): void {
  for (let band = 0; band < rows; band += 16) {
    const bandEnd = Math.min(band + 16, rows);
    for (let col = 0; col < cols; col++) {
      for (let row = band; row < bandEnd; row++) out[col * outWidth + row] = x[row * width + col];
    }
  }
}
