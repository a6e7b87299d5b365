/**
 * A model as llama2.c keeps it (github.com/karpathy/llama2.c, export.py, version 0): seven 32-bit integers, then the weights
 * as 32-bit floats in a fixed order, all layers of a kind together, and tables of rotary angles that nobody needs. Rows of
 * queries and keys lie in "pairs" order, as in GGUF files. The tokenizer lies beside it.
 */
import { FormatError } from "../errors.ts";
import { resolveConfig } from "../model/config.ts";
import type { ResolvedConfig } from "../model/config.ts";
import { tokenizerFromLlama2c } from "../tokenizer/tokenizer-llama2c.ts";
import { LLAMA_BLOCK } from "./architectures/settings.ts";
import type { Checkpoint, CheckpointTensor } from "./checkpoint.ts";
import { ggufTensorNames } from "./gguf-config.ts";
import { openAll, readBeginning, readSmall } from "./small-file.ts";
import type { ModelFile, ModelSource } from "./source.ts";

const HEADER_BYTES = 28;
const BOS = 1;
const EOS = 2;

/**
 * Opens a llama2.c file.
 *
 * @throws FormatError if it is another kind of file, a newer version, or not as long as its header says
 */
export async function openLlama2c(source: ModelSource, file: ModelFile): Promise<Checkpoint> {
  const config = readHeader(await readBeginning(file, HEADER_BYTES), file);
  const tensors = new Map<string, CheckpointTensor>();
  let end = HEADER_BYTES;
  for (const [name, shape] of layout(config)) {
    const begin = end;
    end += 4 * shape.reduce((product, axis) => product * axis, 1);
    // Sizes may promise thousands of layers that are not there.
    if (name !== "" && end <= file.size) tensors.set(name, { name, shape, dtype: "F32", file, begin, end });
  }
  if (end !== file.size)
    throw new FormatError(
      `${file.name}: a llama2.c model of these sizes has ${end} bytes, the file has ${file.size}; it is damaged or another kind of file`,
      { file: file.name, expected: end },
    );
  const beside = await openAll(source, [`tok${config.vocabSize}.bin`, "tokenizer.bin"]);
  const [tokenizer] = beside.values();
  return {
    format: "llama2c",
    type: "llama2.c",
    config,
    file: file.name,
    describedBy: `the header of ${file.name}`,
    tensors,
    names: ggufTensorNames("llama"),
    files: [file, ...(tokenizer === undefined ? [] : [tokenizer])],
    // llama2.c ends a text where the next would begin.
    generationDefaults: async () => ({ bosId: BOS, eosIds: [EOS, BOS] }),
    tokenizer: async () => tokenizer && tokenizerFromLlama2c(await readSmall(tokenizer), tokenizer.name),
    describeTokenizer: async () =>
      tokenizer && {
        kind: "llama2.c",
        vocabSize: tokenizerFromLlama2c(await readSmall(tokenizer), tokenizer.name).vocabSize,
        chatTemplate: false,
      },
  };
}

function readHeader(bytes: Uint8Array, file: ModelFile): ResolvedConfig {
  const wrong = (what: string): FormatError => new FormatError(`${file.name}: ${what}`, { file: file.name });
  const start = String.fromCharCode(...bytes.subarray(0, 4));
  if (start.startsWith("PK") || start.startsWith("\x80\x02"))
    throw wrong("this is a file of PyTorch; save the model as safetensors and load that");
  if (start === "24ka") throw wrong("this is a newer llama2.c file; only version 0 is read (export.py --version 0)");
  if (bytes.length < HEADER_BYTES) throw wrong(`truncated: a llama2.c file begins with ${HEADER_BYTES} bytes of sizes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [dModel, dFf, nLayers, nHeads, nKvHeads, vocabSize, contextLength] = Array.from({ length: 7 }, (_, i) =>
    view.getInt32(4 * i, true),
  );
  try {
    return resolveConfig({
      ...{ dModel, dFf, nLayers, nHeads, nKvHeads, contextLength, vocabSize: Math.abs(vocabSize) },
      ...LLAMA_BLOCK,
      ...{ activation: "silu", normEps: 1e-5, ropeTheta: 10_000, tieEmbeddings: vocabSize > 0 },
    });
  } catch (cause) {
    throw wrong(
      `not a llama2.c file, or a damaged one: its first numbers are no sizes of a model (${cause instanceof Error ? cause.message : String(cause)})`,
    );
  }
}

/** Names, as GGUF files have them, and shapes in the order of the file; "" for what is passed over. */
function* layout(config: ResolvedConfig): Generator<[name: string, shape: number[]]> {
  const { dModel, dFf, nLayers, nHeads, nKvHeads, vocabSize, contextLength, headDim } = config;
  const layers = function* (name: string, ...shape: number[]): Generator<[string, number[]]> {
    for (let layer = 0; layer < nLayers; layer++) yield [`blk.${layer}.${name}.weight`, shape];
  };
  yield ["token_embd.weight", [vocabSize, dModel]];
  yield* layers("attn_norm", dModel);
  yield* layers("attn_q", nHeads * headDim, dModel);
  yield* layers("attn_k", nKvHeads * headDim, dModel);
  yield* layers("attn_v", nKvHeads * headDim, dModel);
  yield* layers("attn_output", dModel, nHeads * headDim);
  yield* layers("ffn_norm", dModel);
  yield* layers("ffn_gate", dFf, dModel);
  yield* layers("ffn_down", dModel, dFf);
  yield* layers("ffn_up", dFf, dModel);
  yield ["output_norm.weight", [dModel]];
  yield ["", [contextLength, headDim]]; // cosines and sines
  if (!config.tieEmbeddings) yield ["output.weight", [vocabSize, dModel]];
}
