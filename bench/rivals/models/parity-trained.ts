/** A model that heed has trained, saved as a GGUF file: llama.cpp reads the prompt and writes the text that heed does. */
import { BPETokenizer, Transformer, generate, loadModel, saveModel, train } from "heed";
import { makeCorpus } from "../../../examples/corpus.ts";
import { LlamaSequence } from "../adapters/llama-sequence.ts";
import { agrees, compareGreedy, computeInLlama, describeAgreement } from "./compare-model.ts";
import type { CheckContext } from "./parity-families.ts";
import { headLine, resultLine } from "./table.ts";

/** The word that asks for this check. */
export const TRAINED = "trained";

const END = "<|endoftext|>";
const PROMPT = "The dog";
const WRITTEN = 60;
const CONTEXT = 96;

/** Trains and compares; whether the texts are the same. */
export async function checkTrained({ llama, folder, isWanted }: CheckContext, steps: number): Promise<boolean> {
  if (!isWanted(TRAINED)) return true;
  console.log(headLine("trained here", "tokens; the text"));
  const text = makeCorpus().train;
  const tokenizer = BPETokenizer.train(text.slice(0, 300_000), { vocabSize: 512, specialTokens: [END] });
  const model = new Transformer(
    {
      ...{ vocabSize: 512, contextLength: CONTEXT, dModel: 96, nLayers: 3, nHeads: 4, dFf: 256, norm: "rmsNorm" },
      ...{ activation: "silu", gated: true, position: "rotary", bias: false, tieEmbeddings: true },
    },
    { seed: 1 },
  );
  const tokens = tokenizer.encode(text.slice(0, 300_000));
  const options = { maxSteps: steps, batchSize: 8, learningRate: 3e-3, warmupSteps: 20, seed: 1 };
  let loss = NaN;
  for await (const step of train(model, tokens, options)) loss = step.loss;
  console.log(`        ${steps} steps, loss ${loss.toFixed(2)}`);
  let isEqual = true;
  for (const dtype of ["f32", "f16", "q8_0"] as const) {
    const path = `${folder}trained-${dtype}.gguf`;
    await saveModel({ model, tokenizer }, path, { dtype });
    isEqual = (await compareTexts(`${TRAINED}: ${dtype}`, path, { llama, folder, isWanted })) && isEqual;
  }
  return isEqual;
}

async function compareTexts(name: string, path: string, { llama }: CheckContext): Promise<boolean> {
  const lm = await loadModel(path);
  const prompt = lm.tokenizer?.encode(PROMPT) ?? [];
  const sequence = await LlamaSequence.open(llama, path, { threads: 1, contextSize: CONTEXT });
  const theirPrompt = [...sequence.model.tokenize(PROMPT)];
  const computed = await computeInLlama(llama, path, prompt, WRITTEN);
  const theirs = sequence.model.detokenize([...prompt, ...computed.tokens]);
  await sequence.close();
  const { text, tokens } = await generate(lm, prompt, { maxNewTokens: WRITTEN, eosIds: [] });
  const agreement = compareGreedy(lm, prompt, computed.tokens);
  lm.model.dispose();
  const hasSamePrompt = theirPrompt.join() === prompt.join();
  const hasSameText = tokens.join() === computed.tokens.join() && theirs === PROMPT + text;
  const isEqual = hasSamePrompt && agrees(agreement) && (hasSameText || agreement.ties > 0);
  console.log(
    resultLine(isEqual, name, `${describeAgreement(agreement)}; ${JSON.stringify((PROMPT + text).slice(0, 60))} …`),
  );
  if (!hasSamePrompt) console.log(`        the prompt is ${prompt.join()} in heed, ${theirPrompt.join()} in llama.cpp`);
  if (!hasSameText)
    console.log(`        llama.cpp: ${JSON.stringify(theirs)}\n        heed:      ${JSON.stringify(PROMPT + text)}`);
  return isEqual;
}
