/** The tensors of a checkpoint as the parameters of a model: all there, none too many, all of the right shape. */
import { FormatError } from "../errors.ts";
import type { ResolvedConfig } from "../model/config.ts";
import { formatShape, sameShape } from "../tensor/shape.ts";
import { HEAD, canonicalNames, fromFile, nameInFile, nameSome, toFile } from "./architectures/tensor-rules.ts";
import type { TensorNames } from "./architectures/tensor-rules.ts";
import type { DescribedModel } from "./config-json.ts";
import { namesOf } from "./names.ts";
import type { NamedArray, SafetensorsFile } from "./safetensors.ts";

const POSITIONS = "positionEmbedding.weight";

/**
 * A model's parameters from a file, under heed's names. Numbers are converted when they are asked for, one parameter at
 * a time, so that beside the file and the model no third copy is ever held.
 *
 * @param config the model as the file holds it
 * @param contextLength rows that are wanted of a table of learned positions, at most those that there are
 * @throws FormatError naming the tensors that are missing, unexpected, or of a shape that does not fit the config
 */
export function readParameters(
  file: SafetensorsFile,
  { type, config }: DescribedModel,
  contextLength: number = config.contextLength,
): ReadonlyMap<string, Float32Array> {
  const { tieEmbeddings, nLayers } = config;
  const names = namesOf(type);
  // Ties are checked first: the file may hold the shared matrix a second time, under the name of the head.
  const found: ReadonlyMap<string, NamedArray> = file.tensors();
  const all = names === undefined ? new Map(found) : canonicalNames(names, found, file.name);
  if (tieEmbeddings && names !== undefined) dropTiedHead(file.name, names, all);
  // Before any work by the config's counts: a block has more than one tensor, so a file of few tensors has few blocks.
  if (all.size < nLayers) {
    throw new FormatError(`${file.name}: the config has ${nLayers} layers, which ${all.size} tensors cannot fill`, {
      nLayers,
      tensors: all.size,
    });
  }
  const shapes = parameterShapes(config);
  const expected = names === undefined ? shapes : toFile("readParameters", names, config, shapes);
  checkTensors(file.name, expected, all, names && nameInFile(names, HEAD));
  const parameters = names === undefined ? all : fromFile(file.name, names, config, all);
  const positions = parameters.get(POSITIONS);
  if (positions !== undefined)
    parameters.set(POSITIONS, {
      shape: [contextLength, config.dModel],
      data: positions.data.subarray(0, contextLength * config.dModel),
    });
  return new ParametersOnDemand(parameters);
}

/** The name and shape of every parameter of a model, as `model.parameters()` has them, without building one. */
export function parameterShapes(config: ResolvedConfig): Map<string, NamedArray> {
  const { vocabSize, contextLength, dModel, nLayers, nHeads, nKvHeads, headDim, dFf } = config;
  const { norm, gated, bias, qkvBias, qkNorm, normPlacement } = config;
  const shapes = new Map<string, NamedArray>();
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

const NO_NUMBERS: Float32Array = new Float32Array(0);

/** Checks the tensors of a file against those that a config asks for, both by the same kind of names. */
function checkTensors(
  file: string,
  expected: ReadonlyMap<string, NamedArray>,
  found: ReadonlyMap<string, NamedArray>,
  head: string | undefined,
): void {
  const missing = [...expected.keys()].filter((name) => !found.has(name));
  if (missing.length > 0) {
    const hint =
      missing[0] === head
        ? "; if the head shares the token embedding, config.json must say tie_word_embeddings: true"
        : "";
    throw new FormatError(
      `${file}: ${missing.length} of ${expected.size} tensors are missing: ${nameSome(missing)}${hint}`,
      { file, missing },
    );
  }
  const unexpected = [...found.keys()].filter((name) => !expected.has(name));
  if (unexpected.length > 0) {
    throw new FormatError(
      `${file}: ${unexpected.length} tensors have no place in the model that config.json describes: ${nameSome(unexpected)}`,
      { file, unexpected },
    );
  }
  for (const [name, { shape }] of expected) {
    const got = (found.get(name) as NamedArray).shape;
    if (!sameShape(shape, got)) {
      throw new FormatError(
        `${file}: "${name}" must have shape ${formatShape(shape)} by config.json, got ${formatShape(got)}`,
        { file, name, shape, got },
      );
    }
  }
}

/** Some files of tied models hold the shared matrix again as the head. A head of its own would be lost without a word: refuse it. */
function dropTiedHead(file: string, names: TensorNames, tensors: Map<string, NamedArray>): void {
  const [headName, embeddingName] = [HEAD, "tokenEmbedding.weight"].map((name) => nameInFile(names, name) ?? "");
  const head = tensors.get(headName);
  const embedding = tensors.get(embeddingName);
  if (head === undefined || embedding === undefined) return;
  const [headData, embeddingData] = [head.data, embedding.data];
  if (!sameShape(head.shape, embedding.shape) || headData.some((value, i) => !Object.is(value, embeddingData[i]))) {
    throw new FormatError(
      `${file}: "${headName}" differs from the token embedding, but config.json says that they are tied; set tie_word_embeddings to false to use it`,
      { file },
    );
  }
  tensors.delete(headName);
}

/** A map whose values are computed each time they are read. */
class ParametersOnDemand implements ReadonlyMap<string, Float32Array> {
  readonly #values: ReadonlyMap<string, NamedArray>;

  constructor(values: ReadonlyMap<string, NamedArray>) {
    this.#values = values;
  }

  get size(): number {
    return this.#values.size;
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  get(name: string): Float32Array | undefined {
    return this.#values.get(name)?.data;
  }

  keys(): MapIterator<string> {
    return this.#values.keys();
  }

  *values(): MapIterator<Float32Array> {
    for (const { data } of this.#values.values()) yield data;
  }

  *entries(): MapIterator<[string, Float32Array]> {
    for (const [name, { data }] of this.#values) yield [name, data];
  }

  [Symbol.iterator](): MapIterator<[string, Float32Array]> {
    return this.entries();
  }

  forEach(visit: (value: Float32Array, name: string, map: ReadonlyMap<string, Float32Array>) => void): void {
    for (const [name, value] of this.entries()) visit(value, name, this);
  }
}
