/**
 * What smaller weights cost: a small Llama-like model is trained on tinyshakespeare, saved, and loaded with its matrices held in
 * each form. Perplexity is that of the last tenth of the text, which the model has not seen. Bars: q8_0 within 0.5 % of f32,
 * q4_0 within 5 %.
 *
 * HEED_PERPLEXITY_STEPS asks for another number of training steps, HEED_PERPLEXITY_WINDOWS for fewer windows of the text.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CharTokenizer, Transformer, evaluate, loadModel, saveModel, splitTokens, train } from "heed";
import type { ModelConfig, ModelInput, WeightType } from "heed";
import type { BenchCase, Subject } from "./harness.ts";
import { nanoGPTTraining } from "./nanogpt.ts";
import { shakespearePath, whyNoShakespeare } from "./shakespeare.ts";

const STEPS = Number(process.env.HEED_PERPLEXITY_STEPS ?? 1000);
const WINDOWS = Number(process.env.HEED_PERPLEXITY_WINDOWS ?? Infinity);
const BATCH = nanoGPTTraining.batchSize ?? 1;
const CONTEXT = 64;

/** nanoGPT's size for a CPU in Llama's form, which GGUF files have; every row fills whole blocks of 32. */
const configFor = (vocabSize: number): ModelConfig => ({
  ...{ vocabSize, contextLength: CONTEXT, dModel: 128, nLayers: 4, nHeads: 4, dFf: 352 },
  ...{ norm: "rmsNorm", activation: "silu", gated: true, position: "rotary", bias: false, tieEmbeddings: false },
});

/** The most that perplexity may rise, as a share. */
const BARS: Readonly<Partial<Record<WeightType, number>>> = { f16: 0.001, q8_0: 0.005, q4_0: 0.05 };

const FORMS: readonly WeightType[] = ["f16", "bf16", "q8_0", "q4_0"];

async function perplexityOf(source: ModelInput, dtype: WeightType, tokens: ArrayLike<number>): Promise<number> {
  const lm = await loadModel(source, { dtype });
  const loss = await evaluate(lm.model, tokens, WINDOWS === Infinity ? {} : { maxWindows: WINDOWS });
  lm.model.dispose();
  return Math.exp(loss);
}

/** In percent of the perplexity with 32-bit weights; above 0 is worse. */
async function compare(trained: Transformer, tokens: ArrayLike<number>): Promise<Record<string, number>> {
  const files = new Map<string, Uint8Array>();
  await saveModel({ model: trained }, files);
  const perplexity = await perplexityOf(files, "f32", tokens);
  const figures: Record<string, number> = { "f32 perplexity": perplexity };
  const folder = mkdtempSync(join(tmpdir(), "heed-perplexity-"));
  try {
    for (const form of FORMS) {
      const share = (await perplexityOf(files, form, tokens)) / perplexity - 1;
      figures[`${form} %`] = 100 * share;
      if (share > (BARS[form] ?? Infinity))
        throw new Error(`perplexity with ${form} is ${(100 * share).toFixed(2)} % above that with f32`);
      // Quantised as it is saved, the model must be the one that is quantised as it is loaded.
      const path = join(folder, `${form}.gguf`);
      await saveModel({ model: trained }, path, { dtype: form });
      const again = (await perplexityOf(path, form, tokens)) / perplexity - 1;
      if (Math.abs(again - share) > 1e-6) throw new Error(`${form} from a GGUF file: ${again} instead of ${share}`);
    }
    return figures;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function perplexityCase(): BenchCase {
  let found: Record<string, number> = {};
  return {
    name: `perplexity: ${STEPS} steps on tinyshakespeare, then weights in smaller forms`,
    unit: "tokens/s",
    work: STEPS * BATCH * CONTEXT,
    once: true,
    onRequest: true,
    unavailable: whyNoShakespeare,
    setup: () => {
      const text = readFileSync(shakespearePath, "utf8");
      const tokenizer = CharTokenizer.train(text);
      const texts = splitTokens(tokenizer.encode(text), 0.1);
      const trained = new Transformer(configFor(tokenizer.vocabSize), { seed: 1 });
      return async () => {
        for await (const _ of train(trained, texts.train, { ...nanoGPTTraining, maxSteps: STEPS }));
        found = await compare(trained, texts.validation);
        return found["f32 perplexity"];
      };
    },
    figures: () => found,
  };
}

/** Perplexity. */
export const perplexity: Subject = { name: "perplexity", cases: [perplexityCase()] };
