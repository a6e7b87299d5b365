/** heed itself, through its public functions, as a user would call them. */
import { ConfigError, backend, loadModel, matmul, noGrad, scope } from "heed";
import type { Transformer } from "heed";
import packageJSON from "../../../package.json" with { type: "json" };
import { uniformTensor } from "../../seeded.ts";
import { argmax, sampleElements, unsupported } from "../adapter.ts";
import type {
  Adapter,
  DecodeWork,
  MatmulWork,
  PrefillWork,
  Prepared,
  SideOptions,
  StoredWork,
  Work,
} from "../adapter.ts";
import { makeDecoder } from "../files/decoder.ts";
import { MemoryGrowth } from "../stored/memory.ts";
import { prepareHeedTraining } from "./heed-training.ts";

/** Chooses the backend; what it really became is in the report. A backend with fewer threads is measured as it is. */
function chooseBackend({ threads, variant }: SideOptions): void {
  if (variant === "loops") return backend.use("loops");
  try {
    backend.use("auto", { threads });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    backend.use("auto");
  }
}

function prepareMatmul({ size }: MatmulWork): Prepared {
  const a = uniformTensor([size, size], 1);
  const b = uniformTensor([size, size], 2);
  const multiply = <T>(read: (out: Float32Array) => T): T => scope(() => read(noGrad(() => matmul(a, b)).data));
  return { check: { values: multiply(sampleElements) }, run: () => multiply((out) => out[0]) };
}

function preparePrefill({ model: name, tokens }: PrefillWork): Prepared {
  const model = makeDecoder(name);
  const prefill = <T>(read: (row: Float32Array) => T): T =>
    scope(() => read(model.forward(tokens, { kvCache: model.newCache(), lastOnly: true }).data));
  return {
    check: { row: prefill((row) => [...row]) },
    run: () => prefill((row) => row[0]),
    release: () => model.dispose(),
  };
}

function prepareDecode(model: Transformer, { prompt, newTokens }: Pick<DecodeWork, "prompt" | "newTokens">): Prepared {
  const kvCache = model.newCache();
  const forward = <T>(tokens: readonly number[], read: (row: Float32Array) => T): T =>
    scope(() => read(model.forward(tokens, { kvCache, lastOnly: true }).data));
  const row = forward(prompt, (logits) => [...logits]);
  const decode = (): number[] => {
    kvCache.rewind(prompt.length);
    const tokens = [argmax(row)];
    for (let i = 0; i < newTokens; i++) tokens.push(forward([tokens[i]], argmax));
    return tokens;
  };
  return { check: { row, tokens: decode() }, run: decode, release: () => model.dispose() };
}

async function prepareStored({ stored = "f32" }: SideOptions, work: StoredWork): Promise<Prepared> {
  const growth = new MemoryGrowth();
  const { model } = await loadModel(work.files[stored]);
  const { check, ...prepared } = prepareDecode(model, work);
  const weights = [...model.parameters().values()].map(({ stored: form, size }) => form?.bytes.length ?? 4 * size);
  const cache = (work.prompt.length + work.newTokens) * work.cacheBytesPerToken;
  const memory = growth.measure(weights.reduce((sum, bytes) => sum + bytes, cache));
  return { ...prepared, check: { ...check, of: stored }, memory };
}

async function prepare(work: Work, options: SideOptions): Promise<Prepared> {
  switch (work.kind) {
    case "matmul":
      return prepareMatmul(work);
    case "prefill":
      return preparePrefill(work);
    case "decode":
      return prepareDecode(makeDecoder(work.model), work);
    case "stored":
      return prepareStored(options, work);
    case "training":
      return prepareHeedTraining(work);
    default:
      return unsupported("heed", work);
  }
}

/** Opens heed. */
export async function openHeed(options: SideOptions): Promise<Adapter> {
  chooseBackend(options);
  await backend.ready();
  return {
    describe: () => {
      const details = backend.info();
      const { name, simd, relaxed, threads } = details;
      const features = `${simd ? ", SIMD" : ""}${relaxed ? ", relaxed" : ""}`;
      return {
        version: packageJSON.version,
        backend: `${name}${features}, ${threads} thread${threads === 1 ? "" : "s"}`,
        details,
      };
    },
    prepare: (work) => prepare(work, options),
  };
}
