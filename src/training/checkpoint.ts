/**
 * A training put away and taken up again, bit for bit. One safetensors file holds the parameters, AdamW's running means
 * and, in its metadata, the step, the states of the random generators and the settings.
 */
import { ConfigError, FileError, FormatError, describeValue } from "../errors.ts";
import { writeFolder } from "../formats/folder.ts";
import { readSafetensors } from "../formats/safetensors.ts";
import type { NamedArray, SafetensorsFile } from "../formats/safetensors.ts";
import { writeSafetensors } from "../formats/safetensors-writer.ts";
import { openSource, readWhole } from "../formats/source.ts";
import type { RandomState } from "../random.ts";
import { isTrainingSettings } from "./settings.ts";
import type { TrainingSettings } from "./settings.ts";
import type { TrainingState } from "./train.ts";

/** The file of a checkpoint, in a folder that may also hold the model. */
const FILE = "training.safetensors";

/** Says that a safetensors file is a checkpoint of heed. */
const FORMAT = "heed-checkpoint-1";

/**
 * Saves what a training needs to go on.
 *
 * ```ts
 * const training = train(model, tokens, options);
 * for await (const { step } of training) if (step % 100 === 0) await saveCheckpoint(training.state(), "./checkpoint");
 * ```
 *
 * @param target path of a folder, which is made if it does not exist, or a map that receives the file
 * @throws FileError if the folder cannot be written; an older checkpoint in it is then unchanged
 */
export async function saveCheckpoint(state: TrainingState, target: string | Map<string, Uint8Array>): Promise<void> {
  if (!(state?.parameters instanceof Map) || !(state.optimizer?.m instanceof Map))
    throw new ConfigError("saveCheckpoint: the first argument must be the state of a training; pass training.state()");
  const bytes = encodeCheckpoint(state);
  if (target instanceof Map) target.set(FILE, bytes);
  else if (typeof target === "string")
    await writeFolder("saveCheckpoint", target, { files: new Map([[FILE, bytes]]), removed: [] });
  else
    throw new ConfigError(
      `saveCheckpoint: the target must be the path of a folder or a Map, got ${target === null ? "null" : typeof target}`,
    );
}

/**
 * Loads what `saveCheckpoint` saved; `train(model, tokens, { ...options, resume })` goes on from it, with the same
 * options.
 *
 * @throws FileError if there is no checkpoint, FormatError if it is damaged
 */
export async function loadCheckpoint(source: string | ReadonlyMap<string, Uint8Array>): Promise<TrainingState> {
  const files = await openSource("loadCheckpoint", source);
  try {
    const file = await files.open(FILE);
    if (file === undefined)
      throw new FileError(`loadCheckpoint: there is no ${FILE} in ${files.place}; saveCheckpoint makes it`, {
        place: files.place,
      });
    return decodeCheckpoint(await readWhole(file), FILE);
  } finally {
    await files.close();
  }
}

/** A training state as the bytes of one file. */
export function encodeCheckpoint(state: TrainingState): Uint8Array {
  const { settings, parameters, optimizer, batchRandom, dropoutRandom } = state;
  const tensors = new Map<string, NamedArray>();
  for (const [group, arrays] of Object.entries({ parameters, m: optimizer.m, v: optimizer.v })) {
    for (const [name, data] of arrays) tensors.set(`${group}/${name}`, { shape: [data.length], data });
  }
  const progress = { step: optimizer.step, batchRandom, dropoutRandom };
  return writeSafetensors(tensors, {
    format: FORMAT,
    progress: JSON.stringify(progress),
    settings: JSON.stringify(settings),
  });
}

/**
 * Reads what `encodeCheckpoint` wrote.
 *
 * @param name the file's name, for messages
 * @throws FormatError for a damaged file or one that is no checkpoint
 */
export function decodeCheckpoint(bytes: Uint8Array, name = "checkpoint"): TrainingState {
  const file = readSafetensors(bytes, { name });
  if (file.metadata.format !== FORMAT) {
    throw new FormatError(
      `${name}: not a checkpoint of heed (format "${file.metadata.format ?? "none"}", expected "${FORMAT}"); a model folder is opened with loadModel`,
      { format: file.metadata.format },
    );
  }
  const { step, batchRandom, dropoutRandom } = readProgress(file, name);
  return {
    settings: readSettings(file, name),
    parameters: readGroup(file, "parameters"),
    optimizer: { step, m: readGroup(file, "m"), v: readGroup(file, "v") },
    batchRandom,
    dropoutRandom,
  };
}

function readGroup(file: SafetensorsFile, group: string): Map<string, Float32Array> {
  const prefix = `${group}/`;
  const names = file.names.filter((name) => name.startsWith(prefix));
  return new Map(names.map((name) => [name.slice(prefix.length), file.tensor(name).data.slice()]));
}

function readMetadata({ metadata }: SafetensorsFile, key: string, name: string): unknown {
  try {
    return JSON.parse(metadata[key] ?? "");
  } catch {
    throw new FormatError(`${name}: metadata "${key}" is not JSON`);
  }
}

function readSettings(file: SafetensorsFile, name: string): TrainingSettings {
  const settings = readMetadata(file, "settings", name);
  if (isTrainingSettings(settings)) return settings;
  throw new FormatError(
    `${name}: metadata "settings" needs the settings that a training of this version has, got ${describeValue(settings)}`,
  );
}

function readProgress(
  file: SafetensorsFile,
  name: string,
): { step: number; batchRandom: RandomState; dropoutRandom: RandomState } {
  const progress = readMetadata(file, "progress", name) ?? {};
  const { step, batchRandom, dropoutRandom } = progress as Record<string, unknown>;
  if (!Number.isSafeInteger(step) || (step as number) < 0)
    throw new FormatError(`${name}: metadata "progress" needs a step, got ${describeValue(step)}`);
  return {
    step: step as number,
    batchRandom: readRandom(batchRandom, name),
    dropoutRandom: readRandom(dropoutRandom, name),
  };
}

function readRandom(state: unknown, name: string): RandomState {
  if (Array.isArray(state) && state.length === 4 && state.every((word) => Number.isInteger(word)))
    return state as unknown as RandomState;
  throw new FormatError(
    `${name}: metadata "progress" needs random states of four whole numbers, got ${describeValue(state)}`,
  );
}
