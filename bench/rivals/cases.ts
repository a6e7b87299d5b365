/** What is compared: the cases, and the sides that take part in each. */
import { randomTokens } from "../seeded.ts";
import type { DecoderName } from "./adapter.ts";
import { side } from "./case.ts";
import type { Case, Runtime, Side } from "./case.ts";
import { DECODERS, decoderFiles } from "./files/decoder.ts";
import { recipeFile } from "./files/recipe.ts";
import { CACHE } from "./places.ts";
import { storedCases } from "./stored/cases.ts";
import { tokenizerCases } from "./tokenizers/cases.ts";

/** heed as it chooses for itself. The first side of every case: the others are compared with it. */
function heedSides(): Side[] {
  // On a Node that already has relaxed SIMD, the second one would be the same again.
  const runtimes: Runtime[] = Number(process.versions.node.split(".")[0]) >= 24 ? ["node"] : ["node", "node24"];
  return runtimes.flatMap((runtime) => [1, 2].map((threads) => side("heed", runtime, threads)));
}

function ortSides(): Side[] {
  return [
    ...(["node", "node24"] as const).flatMap((runtime) =>
      [1, 2].map((threads) => side("onnxruntime-web", runtime, threads)),
    ),
    ...[1, 2].map((threads) => side("onnxruntime-node", "node", threads)),
  ];
}

/** It takes relaxed SIMD where it is, and has one thread in Node. */
function jaxSides(): Side[] {
  return (["node", "node24"] as const).map((runtime) => side("jax-js", runtime, 1));
}

/** js-pytorch needs seconds for more. */
const LARGEST_FOR_JS_PYTORCH = 256;

function matmulCase(size: number): Case {
  return {
    subject: "matmul",
    name: `matmul ${size}³`,
    group: "matmul",
    unit: "GFLOP/s",
    amount: 2 * size ** 3,
    tolerance: 1e-5,
    headline: size === 768,
    sides: [
      ...heedSides(),
      side("heed", "node", 1, "loops"),
      ...ortSides(),
      side("tfjs", "node", 1, "wasm"),
      side("tfjs", "node", 1, "cpu"),
      ...jaxSides(),
      ...(size <= LARGEST_FOR_JS_PYTORCH ? [side("js-pytorch", "node", 1)] : []),
    ],
    work: () => ({ kind: "matmul", size }),
  };
}

/** Tokens of the prompts, and tokens to write. */
const PREFILL_TOKENS = 256;
const PROMPT_TOKENS = 16;
const NEW_TOKENS = 24;

function decoderSides(): Side[] {
  return [...heedSides(), ...ortSides(), ...[1, 2].map((threads) => side("node-llama-cpp", "node", threads))];
}

function decoderCases(model: DecoderName): Case[] {
  const shared = {
    subject: "decoder",
    group: `decoder ${model}`,
    unit: "tokens/s",
    tolerance: 1e-4,
    headline: true,
    sides: decoderSides(),
  } as const;
  const prompt = (length: number): number[] => randomTokens(length, DECODERS[model].vocabSize, 2);
  return [
    {
      ...shared,
      name: `decoder ${model} prefill ${PREFILL_TOKENS} tokens`,
      amount: PREFILL_TOKENS,
      work: () => ({ kind: "prefill", model, files: decoderFiles(model, CACHE), tokens: prompt(PREFILL_TOKENS) }),
    },
    {
      ...shared,
      name: `decoder ${model} decode ${NEW_TOKENS} tokens after ${PROMPT_TOKENS}`,
      amount: NEW_TOKENS,
      work: () => ({
        kind: "decode",
        model,
        files: decoderFiles(model, CACHE),
        prompt: prompt(PROMPT_TOKENS),
        newTokens: NEW_TOKENS,
      }),
    },
  ];
}

function trainingCase(): Case {
  return {
    subject: "training",
    name: "training step of nanoGPT's CPU recipe",
    group: "training",
    unit: "steps/s",
    amount: 1,
    tolerance: 1e-4,
    headline: true,
    sides: [
      ...heedSides(),
      ...[1, 2].map((threads) => side("pytorch", "python", threads)),
      ...jaxSides(),
      side("tfjs", "node", 1, "wasm"),
      { ...side("tfjs", "node", 1, "cpu"), slow: true },
      { ...side("js-pytorch", "node", 1), slow: true },
    ],
    work: () => ({ kind: "training", recipe: recipeFile(CACHE), checkedSteps: 3 }),
  };
}

/** Every case. */
export function allCases(): Case[] {
  const matmuls = [256, 512, 768, 1024].map(matmulCase);
  const decoders = [...decoderCases("15M"), ...decoderCases("110M")];
  return [...matmuls, ...decoders, trainingCase(), ...storedCases(), ...tokenizerCases()];
}
