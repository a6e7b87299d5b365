/** A trained minGPT, step by step: every inner activation of its first block, every block, logits and probabilities. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { Transformer } from "../../src/model/transformer.ts";
import { concat, reshape, slice, transpose } from "../../src/ops/layout.ts";
import { softmax } from "../../src/ops/softmax.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { describeBackends } from "../backends.ts";
import { dataPath, describeWithData } from "../data.ts";
import { expectClose, pick } from "../golden.ts";

interface StoredTensor {
  shape: number[];
  data: string;
}

const TOLERANCE = 1e-5;

/** Every tensor of a nested JSON object, by its dotted path. */
function readStored(value: object, path = "", into: Map<string, Tensor> = new Map()): Map<string, Tensor> {
  for (const [key, child] of Object.entries(value)) {
    if (child === null || typeof child !== "object") continue;
    const name = path === "" ? key : `${path}.${key}`;
    if (typeof (child as StoredTensor).data !== "string") readStored(child as object, name, into);
    else into.set(name, decode(child as StoredTensor));
  }
  return into;
}

function decode({ shape, data }: StoredTensor): Tensor {
  const bytes = Uint8Array.from(Buffer.from(data, "base64"));
  return new Tensor(new Float32Array(bytes.buffer), shape);
}

const read = (file: string): Map<string, Tensor> =>
  readStored(JSON.parse(readFileSync(dataPath("gpt2-sort", file), "utf8")) as object);

/** minGPT's names for heed's parameters; query, key and value lie in one matrix, one after the other. */
function parametersOf(stored: ReadonlyMap<string, Tensor>): Map<string, Float32Array> {
  const found = new Map<string, Float32Array>();
  const put = (name: string, theirs: string): void => void found.set(name, pick(stored, theirs).data);
  put("tokenEmbedding.weight", "transformer.wte.weight");
  put("positionEmbedding.weight", "transformer.wpe.weight");
  for (const kind of ["weight", "bias"]) {
    for (const layer of [0, 1, 2]) {
      const [ours, theirs] = [`blocks.${layer}`, `transformer.h.${layer}`];
      const parts = pick(stored, `${theirs}.attn.c_attn.${kind}`);
      ["qProj", "kProj", "vProj"].forEach((part, i) =>
        found.set(`${ours}.attention.${part}.${kind}`, slice(parts, { start: 48 * i, end: 48 * (i + 1) }).data),
      );
      put(`${ours}.attention.outProj.${kind}`, `${theirs}.attn.c_proj.${kind}`);
      put(`${ours}.norm1.${kind}`, `${theirs}.ln_1.${kind}`);
      put(`${ours}.norm2.${kind}`, `${theirs}.ln_2.${kind}`);
      put(`${ours}.feedForward.upProj.${kind}`, `${theirs}.mlp.c_fc.${kind}`);
      put(`${ours}.feedForward.downProj.${kind}`, `${theirs}.mlp.c_proj.${kind}`);
    }
    put(`finalNorm.${kind}`, `transformer.ln_f.${kind}`);
  }
  put("lmHead.weight", "lm_head.weight");
  return found;
}

/** minGPT's names for what `observe` shows. */
const OBSERVED: Readonly<Record<string, string>> = {
  x: "embedded",
  ln1: "blocks.0.norm1",
  q: "blocks.0.attention.query",
  k: "blocks.0.attention.keys",
  v: "blocks.0.attention.values",
  att: "blocks.0.attention.scores",
  attSm: "blocks.0.attention.weights",
  y: "blocks.0.attention.mixed",
  yProj: "blocks.0.attention",
  attnResid: "blocks.0.between",
  ln2: "blocks.0.norm2",
  fc: "blocks.0.feedForward.up",
  gelu: "blocks.0.feedForward.activated",
  mlp: "blocks.0.feedForward",
  mlpResid: "blocks.0",
  block0: "blocks.0",
  block1: "blocks.1",
  block2: "blocks.2",
  ln_f: "finalNorm",
};

/** [batch, heads, seq, headDim] → [batch, seq, heads · headDim] */
const merged = (heads: Tensor): Tensor => reshape(transpose(heads, 1, 2), [heads.shape[0], heads.shape[2], -1]);

describeWithData("a trained minGPT that sorts", () => {
  const expected = read("gpt-nano-sort-t0-partials.json");
  describeBackends(() => {
    const model = new Transformer(
      {
        vocabSize: 3,
        contextLength: 11,
        dModel: 48,
        nLayers: 3,
        nHeads: 3,
        activation: "geluTanh",
        tieEmbeddings: false,
      },
      { parameters: parametersOf(read("gpt-nano-sort-model.json")) },
    );
    const tokens = pick(expected, "idx").toArray() as number[][];
    const seen = new Map<string, Tensor>();
    const logits = model.forward(tokens, { observe: (name, activation) => void seen.set(name, activation) });
    const actual = new Map<string, Tensor>([
      ...Object.entries(OBSERVED).map(([theirs, ours]): [string, Tensor] => [theirs, pick(seen, ours)]),
      ["idx", pick(expected, "idx")],
      ["tok_emb", model.tokenEmbedding.forward(tokens)],
      ["pos_emb", reshape(model.parameters().get("positionEmbedding.weight") as Tensor, [1, 11, 48])],
      [
        "qkv",
        concat(
          ["query", "keys", "values"].map((part) => merged(pick(seen, `blocks.0.attention.${part}`))),
          { axis: -1 },
        ),
      ],
      ["lm_head", logits],
      ["probs", softmax(logits)],
    ]);

    it.each([...expected.keys()])("computes the same %s", (name) => {
      expectClose(pick(actual, name), pick(expected, name), TOLERANCE, name);
    });

    it("masks later tokens with -Infinity, and nothing else", () => {
      const scores = pick(expected, "att").data;
      const masked = scores.filter((score) => score === -Infinity).length;
      expect(masked).toBe(3 * 3 * ((11 * 10) / 2));
      expect(scores).toHaveLength(3 * 3 * 11 * 11);
    });

    it("sorts", () => {
      for (let seed = 0; seed < 20; seed++) {
        const letters = Array.from({ length: 6 }, (_, i) => Math.floor(seed / 3 ** (i % 3) + i) % 3);
        const sorted: number[] = [];
        while (sorted.length < 6) {
          const row = model.forward([...letters, ...sorted], { lastOnly: true }).data;
          sorted.push(row.indexOf(Math.max(...row)));
        }
        expect(sorted, letters.join("")).toEqual([...letters].sort());
      }
    });
  });
});
