/** Decoders in onnxruntime. The cache goes in and out with every call, as the package has it. */
import { basename } from "node:path";
import { argmax } from "../adapter.ts";
import type { DecodeWork, DecoderName, PrefillWork, Prepared } from "../adapter.ts";
import type { OnnxAttention } from "../files/decoder-onnx.ts";
import { DECODERS } from "../files/decoder.ts";
import type { OrtSession, OrtSide, OrtTensor } from "./onnxruntime.ts";

type Tensors = Record<string, OrtTensor>;

/** What is added to the scores of tokens that must not be seen. */
const UNSEEN = -1e9;

/** A session with what it needs to be fed. */
class OnnxDecoder {
  readonly #side: OrtSide;
  readonly #session: OrtSession;
  readonly #model: DecoderName;
  readonly #attention: OnnxAttention;

  private constructor(side: OrtSide, session: OrtSession, model: DecoderName, attention: OnnxAttention) {
    this.#side = side;
    this.#session = session;
    this.#model = model;
    this.#attention = attention;
  }

  static async open(side: OrtSide, work: PrefillWork | DecodeWork, attention: OnnxAttention): Promise<OnnxDecoder> {
    const { onnx } = work.files;
    const externalData = [{ path: basename(onnx.weights), data: onnx.weights }];
    const options = { ...side.sessionOptions, ...(side.needsExternalData && { externalData }) };
    const session = await side.ort.InferenceSession.create(onnx[attention], options);
    return new OnnxDecoder(side, session, work.model, attention);
  }

  emptyCache(): Tensors {
    const { Tensor } = this.#side.ort;
    const { nLayers, nHeads, dModel } = DECODERS[this.#model];
    const empty = (): OrtTensor => new Tensor("float32", new Float32Array(0), [1, nHeads, 0, dModel / nHeads]);
    const layers = Array.from({ length: nLayers }, (_, layer) => layer);
    return Object.fromEntries(
      layers.flatMap((i) => [
        [`past.${i}.key`, empty()],
        [`past.${i}.value`, empty()],
      ]),
    );
  }

  /** Reads tokens behind `past` others. */
  async forward(
    tokens: readonly number[],
    past: number,
    cache: Tensors,
  ): Promise<{ logits: Float32Array; cache: Tensors }> {
    const { Tensor } = this.#side.ort;
    const seq = tokens.length;
    const outputs = await this.#session.run({
      tokens: new Tensor("int64", BigInt64Array.from(tokens, BigInt), [1, seq]),
      ...(this.#attention === "fused" ? this.#lengths(past + seq) : this.#places(past, seq)),
      ...cache,
    });
    const { logits, ...presents } = outputs;
    const grown = Object.entries(presents).map(([name, tensor]) => [name.replace("present", "past"), tensor] as const);
    return { logits: logits.data as Float32Array, cache: Object.fromEntries(grown) };
  }

  release(): Promise<void> {
    return this.#session.release();
  }

  #lengths(total: number): Tensors {
    const { Tensor } = this.#side.ort;
    return {
      lastPlaces: new Tensor("int32", Int32Array.of(total - 1), [1]),
      totalLength: new Tensor("int32", Int32Array.of(total), []),
    };
  }

  #places(past: number, seq: number): Tensors {
    const { Tensor } = this.#side.ort;
    const total = past + seq;
    const mask = new Float32Array(seq * total);
    for (let row = 0; row < seq; row++) mask.fill(UNSEEN, row * total + past + row + 1, (row + 1) * total);
    return {
      positions: new Tensor(
        "int64",
        BigInt64Array.from({ length: seq }, (_, i) => BigInt(past + i)),
        [1, seq],
      ),
      mask: new Tensor("float32", mask, [1, 1, seq, total]),
    };
  }
}

/** Reading a prompt. */
export async function prepareOnnxPrefill(side: OrtSide, work: PrefillWork): Promise<Prepared> {
  const decoder = await OnnxDecoder.open(side, work, "plain");
  const cache = decoder.emptyCache();
  const prefill = async (): Promise<Float32Array> => (await decoder.forward(work.tokens, 0, cache)).logits;
  return { check: { row: [...(await prefill())] }, run: prefill, release: () => decoder.release() };
}

/** Writing tokens. */
export async function prepareOnnxDecode(side: OrtSide, work: DecodeWork): Promise<Prepared> {
  const decoder = await OnnxDecoder.open(side, work, "fused");
  const { prompt, newTokens } = work;
  const read = await decoder.forward(prompt, 0, decoder.emptyCache());
  const decode = async (): Promise<number[]> => {
    let { cache } = read;
    const tokens = [argmax(read.logits)];
    for (let i = 0; i < newTokens; i++) {
      const next = await decoder.forward([tokens[i]], prompt.length + i, cache);
      cache = next.cache;
      tokens.push(argmax(next.logits));
    }
    return tokens;
  };
  return {
    check: { row: [...read.logits], tokens: await decode() },
    run: decode,
    release: () => decoder.release(),
  };
}
