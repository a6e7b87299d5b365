/** The decoders of the comparison: Llama-shaped models of heed with seeded weights, and the same as ONNX and GGUF files. */
import { closeSync, existsSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { basename } from "node:path";
import { presets, resolveConfig } from "heed";
import type { ModelConfig, Transformer } from "heed";
import { llamaWithUniformWeights } from "../../seeded.ts";
import type { DecoderFiles, DecoderName } from "../adapter.ts";
import { decoderGGUF } from "./decoder-gguf.ts";
import { decoderOnnx } from "./decoder-onnx.ts";
import { ExternalData } from "./onnx.ts";

/** Raise it when the files change, so that old ones are not taken for new ones. */
const VERSION = 2;
const CONTEXT = 512;
const SEED = 1;

/** Their sizes; heads are not shared, the output head is its own matrix, and inner widths are llama2.c's. */
export const DECODERS: Readonly<Record<DecoderName, ModelConfig>> = {
  "15M": presets.llama({ contextLength: CONTEXT, dModel: 288, nLayers: 6, nHeads: 6, dFf: 768 }),
  "110M": presets.llama({ contextLength: CONTEXT, dModel: 768, nLayers: 12, nHeads: 12, nKvHeads: 12, dFf: 2048 }),
};

/** The model in heed. */
export function makeDecoder(name: DecoderName): Transformer {
  return llamaWithUniformWeights(DECODERS[name], SEED);
}

/** The files of a decoder, made in `folder` if they are not there. */
export function decoderFiles(name: DecoderName, folder: string): DecoderFiles {
  const stem = `decoder-${name}-${VERSION}`;
  const path = (ending: string): string => `${folder}${stem}${ending}`;
  const onnx = { plain: path(".plain.onnx"), fused: path(".fused.onnx"), weights: path(".onnx-weights") };
  const files: DecoderFiles = { onnx, gguf: path(".gguf") };
  if ([...Object.values(onnx), files.gguf].every((each) => existsSync(each))) return files;
  mkdirSync(folder, { recursive: true });
  const config = resolveConfig(DECODERS[name]);
  const weights = new Map([...makeDecoder(name).parameters()].map(([key, { data }]) => [key, data]));
  writeParts(files.gguf, decoderGGUF(config, weights));
  const external = new ExternalData(basename(onnx.weights));
  for (const attention of ["plain", "fused"] as const)
    writeParts(onnx[attention], decoderOnnx({ config, weights, external, attention }).parts);
  writeParts(onnx.weights, external.parts);
  return files;
}

/** Writes a file that takes its name only when it is complete. */
function writeParts(path: string, parts: readonly Uint8Array[]): void {
  const unfinished = `${path}.tmp`;
  const file = openSync(unfinished, "w");
  try {
    for (const part of parts) for (let at = 0; at < part.length;) at += writeSync(file, part, at);
  } finally {
    closeSync(file);
  }
  renameSync(unfinished, path);
}
