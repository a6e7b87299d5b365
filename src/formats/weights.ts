/**
 * The tensors of a checkpoint as the parameters of a model: all there, none too many, all of the right shape; and how each
 * will be held.
 */
import { FormatError } from "../errors.ts";
import type { ResolvedConfig } from "../model/config.ts";
import { canBeStored } from "../model/transformer.ts";
import { formatShape, sameShape, sizeOf } from "../tensor/shape.ts";
import { STORED_FORMS } from "../tensor/stored.ts";
import type { StoredType } from "../tensor/stored.ts";
import { HEAD, canonicalNames, nameInFile, nameSome, placesInFile, toFile } from "./architectures/tensor-rules.ts";
import type { Place, TensorArray } from "./architectures/tensor-rules.ts";
import type { Checkpoint, CheckpointTensor } from "./checkpoint.ts";
import { checkNumberType } from "./numbers.ts";

const EMBEDDING = "tokenEmbedding.weight";
const POSITIONS = "positionEmbedding.weight";

/** How a model holds a matrix: as 32-bit floats, or smaller. */
export type WeightType = "f32" | StoredType;

/** The ways by name. */
export const WEIGHT_TYPES: readonly WeightType[] = ["f32", "f16", "bf16", "q8_0", "q4_0"];

/** A parameter that is to be read. */
export interface PlannedWeight {
  /** As heed calls it. */
  readonly name: string;
  readonly shape: readonly number[];
  /** How it will be held. */
  readonly type: WeightType;
  /** Where it lies in its tensor. */
  readonly place: Place;
  /** Whether it is there already, and what lies here must be the same: the head of a tied model, written a second time. */
  readonly isCopy: boolean;
}

/** A tensor of a file and what it holds. */
export interface PlannedTensor {
  readonly tensor: CheckpointTensor;
  readonly weights: readonly PlannedWeight[];
}

/** How weights are wanted. */
export interface WeightOptions {
  /** Rows of a table of learned positions, at most those that there are. Default: all. */
  contextLength?: number | undefined;
  /** How matrices are held. Default: as they are stored, as far as possible. */
  dtype?: WeightType | undefined;
}

/**
 * What has to be read for a model, in the order in which it lies in the files.
 *
 * By default F16, BF16, Q8_0 and Q4_0 are held as such, GGML's other types as f16, all others as f32. Vectors and learned
 * positions are always f32.
 *
 * @throws FormatError naming the tensors that are missing, unexpected, of an unknown type, or of a shape that does not fit
 *   the config
 */
export function planWeights(checkpoint: Checkpoint, options: WeightOptions = {}): PlannedTensor[] {
  const { config, names, file, tensors } = checkpoint;
  const all = names === undefined ? new Map(tensors) : canonicalNames(names, tensors, file);
  const twin = takeTwin(checkpoint, all);
  checkTensors(checkpoint, all);
  const places = names === undefined ? ownPlaces(all) : placesInFile(file, names, config, all);
  const planned = new Map<CheckpointTensor, PlannedWeight[]>([...tensors.values()].map((tensor) => [tensor, []]));
  const plan = (tensor: CheckpointTensor, weight: PlannedWeight): void => void planned.get(tensor)?.push(weight);
  for (const [name, place] of places) {
    const tensor = all.get(place.theirs) as CheckpointTensor;
    checkNumberType(tensor.dtype, `${tensor.file.name}: tensor "${tensor.name}"`);
    const weight = planWeight(name, place, tensor.dtype, options);
    if (name !== EMBEDDING || twin === undefined) {
      plan(tensor, weight);
      continue;
    }
    // Of the two the one that comes first is read, and the other compared with it.
    const [first, second] = [...tensors.values()].filter((one) => one === tensor || one === twin);
    plan(first, weight);
    plan(second, { ...weight, isCopy: true });
  }
  return [...planned].flatMap(([tensor, weights]) => (weights.length === 0 ? [] : { tensor, weights }));
}

function planWeight(
  name: string,
  place: Place,
  dtype: string,
  { contextLength, dtype: wanted }: WeightOptions,
): PlannedWeight {
  if (name === POSITIONS && contextLength !== undefined) {
    const [rows, ...inner] = place.shape;
    const kept = Math.min(rows, contextLength);
    place = { ...place, shape: [kept, ...inner], runs: [{ part: 0, ours: 0, theirs: 0, count: kept }] };
  }
  const { shape } = place;
  return {
    name,
    shape,
    type: canBeStored(name, shape) ? typeFor(dtype, shape[1], wanted) : "f32",
    place,
    isCopy: false,
  };
}

/** How a matrix will be held that is stored in a GGML type or a plain one. */
function typeFor(dtype: string, cols: number, wanted: WeightType | undefined): WeightType {
  const type = wanted ?? WEIGHT_TYPES.find((name) => name === dtype.toLowerCase()) ?? (/Q/.test(dtype) ? "f16" : "f32");
  return type === "f32" || cols % STORED_FORMS[type].blockSize === 0 ? type : "f16";
}

/** Bytes of all weights as they will be held; what lies in the files twice is held once. */
export function planBytes(plan: readonly PlannedTensor[]): number {
  return plan
    .flatMap(({ weights }) => weights)
    .reduce((sum, weight) => sum + (weight.isCopy ? 0 : heldBytes(weight)), 0);
}

/** Bytes of a parameter as it will be held. */
export function heldBytes({ shape, type }: PlannedWeight): number {
  if (type === "f32") return 4 * sizeOf(shape);
  const { blockSize, blockBytes } = STORED_FORMS[type];
  return (sizeOf(shape) / blockSize) * blockBytes;
}

/** heed's own format: every parameter is a tensor. */
function ownPlaces(tensors: ReadonlyMap<string, CheckpointTensor>): Map<string, Place> {
  return new Map(
    [...tensors].map(([name, { shape }]) => {
      const rule = { theirs: name, ours: [name] };
      return [name, { theirs: name, rule, shape, runs: [{ part: 0, ours: 0, theirs: 0, count: shape[0] }] }];
    }),
  );
}

/** Some files of tied models hold the shared matrix again as the head: takes it out. */
function takeTwin(
  { config, names, file, describedBy }: Checkpoint,
  tensors: Map<string, CheckpointTensor>,
): CheckpointTensor | undefined {
  if (!config.tieEmbeddings || names === undefined) return undefined;
  const [headName, embeddingName] = [HEAD, EMBEDDING].map((name) => nameInFile(names, name) ?? "");
  const head = tensors.get(headName);
  const embedding = tensors.get(embeddingName);
  if (head === undefined || embedding === undefined) return undefined;
  if (!sameShape(head.shape, embedding.shape)) throw untied(file, headName, describedBy);
  tensors.delete(headName);
  return head;
}

/** The error for a head that would be lost without a word. */
export function untied(file: string, head: string, describedBy: string): FormatError {
  return new FormatError(
    `${file}: "${head}" differs from the token embedding, but ${describedBy} says that they are tied; set tie_word_embeddings to false to use it`,
    { file },
  );
}

/** The name and shape of every parameter of a model, as `model.parameters()` has them, without building one. */
export function parameterShapes(config: ResolvedConfig): Map<string, TensorArray> {
  const { vocabSize, contextLength, dModel, nLayers, nHeads, nKvHeads, headDim, dFf } = config;
  const { norm, gated, bias, qkvBias, qkNorm, normPlacement } = config;
  const shapes = new Map<string, TensorArray>();
  const add = (name: string, ...shape: number[]): void => void shapes.set(name, { shape, data: NO_NUMBERS });
  const layer = (name: string, hasBias: boolean, ...shape: number[]): void => {
    add(`${name}.weight`, ...shape);
    if (hasBias) add(`${name}.bias`, shape[0]);
  };
  const normBias = config.normBias && norm === "layerNorm";
  const norms = (name: string, wanted: boolean): void => {
    if (wanted) layer(name, normBias, dModel);
  };
  add("tokenEmbedding.weight", vocabSize, dModel);
  if (config.position === "learned") add(POSITIONS, contextLength, dModel);
  for (let i = 0; i < nLayers; i++) {
    const block = `blocks.${i}`;
    norms(`${block}.norm1`, normPlacement !== "post");
    layer(`${block}.attention.qProj`, qkvBias, nHeads * headDim, dModel);
    layer(`${block}.attention.kProj`, qkvBias, nKvHeads * headDim, dModel);
    layer(`${block}.attention.vProj`, qkvBias, nKvHeads * headDim, dModel);
    layer(`${block}.attention.outProj`, bias, dModel, nHeads * headDim);
    if (qkNorm !== "none") {
      add(`${block}.attention.qNorm.weight`, qkNorm === "all" ? nHeads * headDim : headDim);
      add(`${block}.attention.kNorm.weight`, qkNorm === "all" ? nKvHeads * headDim : headDim);
    }
    norms(`${block}.postNorm1`, normPlacement !== "pre");
    norms(`${block}.norm2`, normPlacement !== "post");
    if (gated) layer(`${block}.feedForward.gateProj`, bias, dFf, dModel);
    layer(`${block}.feedForward.upProj`, bias, dFf, dModel);
    layer(`${block}.feedForward.downProj`, bias, dModel, dFf);
    norms(`${block}.postNorm2`, normPlacement !== "pre");
  }
  norms("finalNorm", true);
  if (!config.tieEmbeddings) add("lmHead.weight", vocabSize, dModel);
  return shapes;
}

const NO_NUMBERS: Float32Array = /* @__PURE__ */ new Float32Array(0);

/** Checks the tensors of a file against those that the config asks for, all by the names of the rules. */
function checkTensors(checkpoint: Checkpoint, found: ReadonlyMap<string, CheckpointTensor>): void {
  const { config, names, file, describedBy } = checkpoint;
  // Before any work by the config's counts: a block has more than one tensor, so a file of few tensors has few blocks.
  if (found.size < config.nLayers) {
    throw new FormatError(`${file}: the config has ${config.nLayers} layers, which ${found.size} tensors cannot fill`, {
      nLayers: config.nLayers,
      tensors: found.size,
    });
  }
  const shapes = parameterShapes(config);
  const expected = names === undefined ? shapes : toFile("loadModel", names, config, shapes);
  const missing = [...expected.keys()].filter((name) => !found.has(name));
  if (missing.length > 0) {
    const isHead = missing[0] === (names && nameInFile(names, HEAD));
    const hint = isHead
      ? `; if the head shares the token embedding, ${describedBy} must say tie_word_embeddings: true`
      : "";
    throw new FormatError(
      `${file}: ${missing.length} of ${expected.size} tensors are missing: ${nameSome(missing)}${hint}`,
      { file, missing },
    );
  }
  const unexpected = [...found.keys()].filter((name) => !expected.has(name));
  if (unexpected.length > 0) {
    throw new FormatError(
      `${file}: ${unexpected.length} tensors have no place in the model that ${describedBy} describes: ${nameSome(unexpected)}`,
      { file, unexpected },
    );
  }
  for (const [name, { shape }] of expected) {
    const tensor = found.get(name) as CheckpointTensor;
    if (!sameShape(shape, tensor.shape)) {
      throw new FormatError(
        `${tensor.file.name}: "${name}" must have shape ${formatShape(shape)} by ${describedBy}, got ${formatShape(tensor.shape)}`,
        { file: tensor.file.name, name, shape, got: tensor.shape },
      );
    }
  }
}
