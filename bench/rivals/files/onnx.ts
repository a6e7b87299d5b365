/**
 * ONNX models, as far as a decoder needs them: nodes, constants, inputs and outputs of 32-bit numbers. Field numbers are those of
 * onnx.proto3 (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3).
 */
import { ProtobufMessage } from "./protobuf.ts";

/** Attributes of a node: a whole number, `{ float }`, or a list of whole numbers. */
export type Attributes = Readonly<Record<string, number | { float: number } | readonly number[]>>;

/** A size of a shape: a number, or the name of one that is only known when the model runs. */
export type Dimension = number | string;

/** The element types that are used here. */
export type ElementType = "float32" | "int32" | "int64";

const ELEMENT_TYPES: Readonly<Record<ElementType, number>> = { float32: 1, int32: 6, int64: 7 };
const ATTRIBUTE = { float: 1, int: 2, ints: 7 } as const;
const DATA_LOCATION_EXTERNAL = 1;
/** External constants begin at multiples of a page, so that they can be mapped. */
const ALIGNMENT = 4096;
const IR_VERSION = 9;
const OPSET = 18;
/** The domain of onnxruntime's own operators. */
export const MICROSOFT = "com.microsoft";

/** Large constants in a file beside the models, which several models may share. */
export class ExternalData {
  /** The bytes of the file, in pieces. */
  readonly parts: Uint8Array[] = [];
  readonly #location: string;
  readonly #entries = new Map<string, { offset: number; length: number }>();
  #size = 0;

  /** @param location the name of the file, as the models mention it */
  constructor(location: string) {
    this.#location = location;
  }

  /** Adds a constant, unless it is there under that name, and says where it is. */
  place(name: string, makeData: () => Float32Array): { location: string; offset: number; length: number } {
    let entry = this.#entries.get(name);
    if (entry === undefined) {
      const data = makeData();
      entry = { offset: this.#size, length: data.byteLength };
      const gap = (ALIGNMENT - (data.byteLength % ALIGNMENT)) % ALIGNMENT;
      this.parts.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), new Uint8Array(gap));
      this.#size += data.byteLength + gap;
      this.#entries.set(name, entry);
    }
    return { location: this.#location, ...entry };
  }
}

/** A graph under construction. Values are known by name. */
export class OnnxGraph {
  readonly #nodes: ProtobufMessage[] = [];
  readonly #constants: ProtobufMessage[] = [];
  readonly #inputs: ProtobufMessage[] = [];
  readonly #outputs: ProtobufMessage[] = [];

  /** Declares what the caller gives. */
  input(name: string, type: ElementType, shape: readonly Dimension[]): string {
    this.#inputs.push(valueInfo(name, type, shape));
    return name;
  }

  /** Declares what the caller gets. */
  output(name: string, type: ElementType, shape: readonly Dimension[]): void {
    this.#outputs.push(valueInfo(name, type, shape));
  }

  /** A value that is part of the model. */
  constant(name: string, shape: readonly number[], data: Float32Array | Int32Array | BigInt64Array): string {
    const type = data instanceof Float32Array ? "float32" : data instanceof Int32Array ? "int32" : "int64";
    const tensor = new ProtobufMessage();
    for (const size of shape) tensor.int(1, size);
    tensor.int(2, ELEMENT_TYPES[type]).string(8, name);
    tensor.bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    this.#constants.push(tensor);
    return name;
  }

  /** A value that is part of the model and lies in a file beside it. */
  externalConstant(
    name: string,
    shape: readonly number[],
    external: ExternalData,
    makeData: () => Float32Array,
  ): string {
    const tensor = new ProtobufMessage();
    for (const size of shape) tensor.int(1, size);
    tensor.int(2, ELEMENT_TYPES.float32).string(8, name);
    for (const [key, value] of Object.entries(external.place(name, makeData)))
      tensor.message(13, new ProtobufMessage().string(1, key).string(2, String(value)));
    this.#constants.push(tensor.int(14, DATA_LOCATION_EXTERNAL));
    return name;
  }

  /** An operation; gives its first output back. An empty input name leaves an optional input out. */
  node(
    operator: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: Attributes = {},
    domain = "",
  ): string {
    const node = new ProtobufMessage();
    for (const name of inputs) node.string(1, name);
    for (const name of outputs) node.string(2, name);
    node.string(3, outputs[0]).string(4, operator);
    for (const [name, value] of Object.entries(attributes)) node.message(5, attribute(name, value));
    if (domain !== "") node.string(7, domain);
    this.#nodes.push(node);
    return outputs[0];
  }

  /** The whole model. */
  model(): ProtobufMessage {
    const graph = new ProtobufMessage();
    for (const node of this.#nodes) graph.message(1, node);
    graph.string(2, "graph");
    for (const constant of this.#constants) graph.message(5, constant);
    for (const input of this.#inputs) graph.message(11, input);
    for (const output of this.#outputs) graph.message(12, output);
    return new ProtobufMessage()
      .int(1, IR_VERSION)
      .string(2, "heed-bench")
      .message(7, graph)
      .message(8, new ProtobufMessage().string(1, "").int(2, OPSET))
      .message(8, new ProtobufMessage().string(1, MICROSOFT).int(2, 1));
  }
}

function attribute(name: string, value: number | { float: number } | readonly number[]): ProtobufMessage {
  const message = new ProtobufMessage().string(1, name);
  if (typeof value === "number") return message.int(3, value).int(20, ATTRIBUTE.int);
  if ("float" in value) return message.float(2, value.float).int(20, ATTRIBUTE.float);
  for (const each of value) message.int(8, each);
  return message.int(20, ATTRIBUTE.ints);
}

function valueInfo(name: string, type: ElementType, shape: readonly Dimension[]): ProtobufMessage {
  const dimensions = new ProtobufMessage();
  for (const size of shape) {
    const dimension = new ProtobufMessage();
    dimensions.message(1, typeof size === "number" ? dimension.int(1, size) : dimension.string(2, size));
  }
  const tensor = new ProtobufMessage().int(1, ELEMENT_TYPES[type]).message(2, dimensions);
  return new ProtobufMessage().string(1, name).message(2, new ProtobufMessage().message(1, tensor));
}

/** out = a · b, both given by the caller. */
export function matmulModel(size: number): ProtobufMessage {
  const graph = new OnnxGraph();
  graph.input("a", "float32", [size, size]);
  graph.input("b", "float32", [size, size]);
  graph.node("MatMul", ["a", "b"], ["out"]);
  graph.output("out", "float32", [size, size]);
  return graph.model();
}
