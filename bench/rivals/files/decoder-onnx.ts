/**
 * A Llama-shaped decoder for onnxruntime, built from its own operators as its model builder does: one product for queries, keys
 * and values, RMSNorm as SimplifiedLayerNormalization, and the sum with the residual stream inside its Skip variant. The head sees
 * the last row only.
 *
 * Attention comes in two forms, and each work gets the one that onnxruntime does faster: GroupQueryAttention is the best for
 * one token, but its product of many queries and keys takes three times as long on WebAssembly as the plain operators
 * MatMul and Softmax.
 */
import type { ResolvedConfig } from "heed";
import { MICROSOFT, OnnxGraph } from "./onnx.ts";
import type { ExternalData } from "./onnx.ts";
import type { ProtobufMessage } from "./protobuf.ts";

/** A weight [rows, cols] as [cols, rows], or several of them side by side: MatMul wants its constant so. */
export function transposed(weights: readonly Float32Array[], cols: number): Float32Array {
  const rows = weights.map((weight) => weight.length / cols);
  const width = rows.reduce((sum, count) => sum + count, 0);
  const out = new Float32Array(width * cols);
  let start = 0;
  weights.forEach((weight, i) => {
    for (let row = 0; row < rows[i]; row++)
      for (let col = 0; col < cols; col++) out[col * width + start + row] = weight[row * cols + col];
    start += rows[i];
  });
  return out;
}

/** Cosines or sines of all positions [contextLength, headDim / 2]. */
function angles({ contextLength, headDim, ropeTheta }: ResolvedConfig, of: (angle: number) => number): Float32Array {
  const half = headDim / 2;
  const out = new Float32Array(contextLength * half);
  for (let position = 0; position < contextLength; position++)
    for (let i = 0; i < half; i++) out[position * half + i] = of(position * ropeTheta ** ((-2 * i) / headDim));
  return out;
}

/** The form of attention. */
export type OnnxAttention = "plain" | "fused";

/** What decides a model, and where its weights come from and go to. */
export interface OnnxDecoderPlan {
  config: ResolvedConfig;
  weights: ReadonlyMap<string, Float32Array>;
  external: ExternalData;
  attention: OnnxAttention;
}

/** Builds the graph part by part. */
class DecoderBuilder {
  readonly graph = new OnnxGraph();
  readonly #config: ResolvedConfig;
  readonly #plan: OnnxDecoderPlan;

  constructor(plan: OnnxDecoderPlan) {
    this.#plan = plan;
    this.#config = plan.config;
  }

  weight(name: string): Float32Array {
    const data = this.#plan.weights.get(`${name}.weight`);
    if (data === undefined) throw new Error(`the model has no ${name}.weight`);
    return data;
  }

  /** x · weightᵀ for one weight, or several side by side. */
  linear(x: string, names: readonly string[], width: number): string {
    const data = names.map((name) => this.weight(name));
    const total = data.reduce((sum, { length }) => sum + length, 0) / width;
    const constant = this.graph.externalConstant(`${names[0]}.transposed`, [width, total], this.#plan.external, () =>
      transposed(data, width),
    );
    return this.graph.node("MatMul", [x, constant], [`${names[0]}.out`]);
  }

  /** The norm of x + skip, and the sum itself for whoever adds to it next. */
  skipNorm(x: string, skip: string, name: string): { normed: string; sum: string } {
    const { dModel, normEps } = this.#config;
    const constant = this.graph.constant(`${name}.weight`, [dModel], this.weight(name));
    const [normed, sum] = [`${name}.out`, `${name}.sum`];
    const attributes = { epsilon: { float: normEps } };
    this.graph.node(
      "SkipSimplifiedLayerNormalization",
      [x, skip, constant],
      [normed, "", "", sum],
      attributes,
      MICROSOFT,
    );
    return { normed, sum };
  }

  firstNorm(x: string, name: string): string {
    const { dModel, normEps } = this.#config;
    const constant = this.graph.constant(`${name}.weight`, [dModel], this.weight(name));
    return this.graph.node("SimplifiedLayerNormalization", [x, constant], [`${name}.out`], {
      axis: -1,
      epsilon: { float: normEps },
    });
  }

  /** The table of tokens' vectors, one row for each of `tokens`. */
  embed(tokens: string): string {
    const { vocabSize, dModel } = this.#config;
    const name = "tokenEmbedding";
    this.graph.externalConstant(name, [vocabSize, dModel], this.#plan.external, () => this.weight(name));
    return this.graph.node("Gather", [name, tokens], ["embedded"]);
  }

  attention(x: string, layer: number): string {
    const { dModel, nHeads, nKvHeads, headDim } = this.#config;
    const name = (part: string): string => `blocks.${layer}.attention.${part}`;
    const projected = this.linear(x, ["qProj", "kProj", "vProj"].map(name), dModel);
    const cache = ["batch", nKvHeads, "past", headDim] as const;
    const grown = ["batch", nKvHeads, "total", headDim] as const;
    const pasts = ["key", "value"].map((part) => this.graph.input(`past.${layer}.${part}`, "float32", cache));
    const presents = ["key", "value"].map((part) => `present.${layer}.${part}`);
    for (const present of presents) this.graph.output(present, "float32", grown);
    const attend = this.#plan.attention === "plain" ? this.#plainAttention : this.#fusedAttention;
    const mixed = attend.call(this, projected, name, pasts, presents);
    return this.linear(mixed, [name("outProj")], nHeads * headDim);
  }

  #fusedAttention(x: string, name: (part: string) => string, pasts: string[], presents: string[]): string {
    const { nHeads, nKvHeads } = this.#config;
    const inputs = [x, "", "", ...pasts, "lastPlaces", "totalLength", "cosines", "sines"];
    const attributes = { num_heads: nHeads, kv_num_heads: nKvHeads, do_rotary: 1, rotary_interleaved: 0 };
    return this.graph.node("GroupQueryAttention", inputs, [name("mixed"), ...presents], attributes, MICROSOFT);
  }

  #plainAttention(x: string, name: (part: string) => string, pasts: string[], presents: string[]): string {
    const { graph } = this;
    const { nHeads } = this.#config;
    const [q, k, v] = ["q", "k", "v"].map(name);
    graph.node("Split", [x, "projectionSizes"], [q, k, v], { axis: -1 });
    const turn = (heads: string): string =>
      graph.node(
        "RotaryEmbedding",
        [heads, "positions", "cosines", "sines"],
        [`${heads}.turned`],
        { num_heads: nHeads },
        MICROSOFT,
      );
    const split = (heads: string): string => {
      const shaped = graph.node("Reshape", [heads, "headShape"], [`${heads}.shaped`]); // [batch, seq, heads, headDim]
      return graph.node("Transpose", [shaped], [`${heads}.heads`], { perm: [0, 2, 1, 3] });
    };
    const keys = graph.node("Concat", [pasts[0], split(turn(k))], [presents[0]], { axis: 2 });
    const values = graph.node("Concat", [pasts[1], split(v)], [presents[1]], { axis: 2 });
    const scaled = graph.node("Mul", [split(turn(q)), "scale"], [name("scaled")]);
    const columns = graph.node("Transpose", [keys], [name("columns")], { perm: [0, 1, 3, 2] });
    const scores = graph.node("MatMul", [scaled, columns], [name("scores")]); // [batch, heads, seq, total]
    const masked = graph.node("Add", [scores, "mask"], [name("masked")]);
    const weights = graph.node("Softmax", [masked], [name("weights")], { axis: -1 });
    const mixed = graph.node("MatMul", [weights, values], [name("mixed")]);
    const rows = graph.node("Transpose", [mixed], [name("rows")], { perm: [0, 2, 1, 3] });
    return graph.node("Reshape", [rows, "mergedShape"], [name("merged")]);
  }

  /** What all layers share, besides the tables of angles. */
  declareShared(): void {
    const { graph } = this;
    const { contextLength, headDim, nHeads, nKvHeads } = this.#config;
    graph.constant("cosines", [contextLength, headDim / 2], angles(this.#config, Math.cos));
    graph.constant("sines", [contextLength, headDim / 2], angles(this.#config, Math.sin));
    if (this.#plan.attention === "fused") {
      graph.input("lastPlaces", "int32", ["batch"]);
      graph.input("totalLength", "int32", []);
      return;
    }
    graph.input("positions", "int64", ["batch", "seq"]);
    graph.input("mask", "float32", [1, 1, "seq", "total"]);
    const sizes = [nHeads, nKvHeads, nKvHeads].map((heads) => heads * headDim);
    graph.constant("projectionSizes", [3], BigInt64Array.from(sizes, BigInt));
    graph.constant("headShape", [4], BigInt64Array.from([0, 0, -1, headDim], BigInt)); // 0 keeps a size
    graph.constant("mergedShape", [3], BigInt64Array.from([0, 0, nHeads * headDim], BigInt));
    graph.constant("scale", [], Float32Array.of(1 / Math.sqrt(headDim)));
  }

  feedForward(x: string, layer: number): string {
    const { dModel, dFf } = this.#config;
    const name = (part: string): string => `blocks.${layer}.feedForward.${part}`;
    const gate = this.linear(x, [name("gateProj")], dModel);
    const up = this.linear(x, [name("upProj")], dModel);
    const sigmoid = this.graph.node("Sigmoid", [gate], [name("sigmoid")]);
    const activated = this.graph.node("Mul", [gate, sigmoid], [name("activated")]);
    const inner = this.graph.node("Mul", [activated, up], [name("inner")]);
    return this.linear(inner, [name("downProj")], dFf);
  }
}

/** The model: tokens and the cache in, logits [batch, vocabSize] of the last row and the longer cache out. */
export function decoderOnnx(plan: OnnxDecoderPlan): ProtobufMessage {
  const { vocabSize, dModel, nLayers } = plan.config;
  const builder = new DecoderBuilder(plan);
  const { graph } = builder;
  graph.input("tokens", "int64", ["batch", "seq"]);
  builder.declareShared();
  let stream = builder.embed("tokens"); // [batch, seq, dModel]
  let normed = builder.firstNorm(stream, "blocks.0.norm1");
  for (let layer = 0; layer < nLayers; layer++) {
    const attended = builder.attention(normed, layer);
    const between = builder.skipNorm(stream, attended, `blocks.${layer}.norm2`);
    const fed = builder.feedForward(between.normed, layer);
    const next = layer + 1 < nLayers ? `blocks.${layer + 1}.norm1` : "finalNorm";
    ({ normed, sum: stream } = builder.skipNorm(between.sum, fed, next));
  }
  graph.constant("last", [], new BigInt64Array([-1n]));
  const row = graph.node("Gather", [normed, "last"], ["lastRow"], { axis: 1 }); // [batch, dModel]
  graph.node("Identity", [builder.linear(row, ["lmHead"], dModel)], ["logits"]);
  graph.output("logits", "float32", ["batch", vocabSize]);
  return graph.model();
}
