/** Writes the headers of GGUF files for tests, right ones and wrong ones. */

/** A metadata value with its type: the number of the type, and for arrays of the items' type. */
export type Typed =
  | { readonly type: number; readonly value: number | bigint | boolean | string }
  | { readonly type: 9; readonly items: number; readonly value: readonly (number | bigint | boolean | string)[] };

/** A tensor as the file has it: axes from the fastest on. */
export interface WrittenTensor {
  readonly name: string;
  readonly axes: readonly (number | bigint)[];
  readonly type: number;
  readonly offset: number | bigint;
}

/** What goes into a header; counts that are left out are right. */
export interface WrittenHeader {
  readonly version?: number;
  readonly metadata?: readonly (readonly [key: string, value: Typed])[];
  readonly tensors?: readonly WrittenTensor[];
  readonly tensorCount?: bigint;
  readonly entryCount?: bigint;
  readonly alignment?: number;
  readonly dataBytes?: number;
}

const SIZES = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];

/** Bytes that grow. */
class Writer {
  readonly bytes: number[] = [];

  number(type: number, value: number | bigint | boolean): void {
    const view = new DataView(new ArrayBuffer(8));
    if (type === 6) view.setFloat32(0, Number(value), true);
    else if (type === 12) view.setFloat64(0, Number(value), true);
    else view.setBigUint64(0, BigInt.asUintN(64, BigInt(value)), true);
    this.bytes.push(...new Uint8Array(view.buffer, 0, SIZES[type]));
  }

  string(value: string): void {
    const bytes = new TextEncoder().encode(value);
    this.number(10, bytes.length);
    for (const byte of bytes) this.bytes.push(byte);
  }

  item(type: number, value: number | bigint | boolean | string): void {
    if (typeof value === "string") this.string(value);
    else this.number(type, value);
  }
}

/** A GGUF file with zeros for data. */
export function ggufFile(header: WrittenHeader): Uint8Array {
  const { version = 3, metadata = [], tensors = [], alignment = 32, dataBytes = 0 } = header;
  const writer = new Writer();
  writer.bytes.push(...new TextEncoder().encode("GGUF"));
  writer.number(4, version);
  writer.number(10, header.tensorCount ?? tensors.length);
  writer.number(10, header.entryCount ?? metadata.length);
  for (const [key, typed] of metadata) {
    writer.string(key);
    writer.number(4, typed.type);
    if ("items" in typed) {
      writer.number(4, typed.items);
      writer.number(10, typed.value.length);
      for (const value of typed.value) writer.item(typed.items, value);
    } else writer.item(typed.type, typed.value);
  }
  for (const { name, axes, type, offset } of tensors) {
    writer.string(name);
    writer.number(4, axes.length);
    for (const axis of axes) writer.number(10, axis);
    writer.number(4, type);
    writer.number(10, offset);
  }
  while (writer.bytes.length % alignment > 0) writer.bytes.push(0);
  return Uint8Array.from([...writer.bytes, ...new Uint8Array(dataBytes)]);
}
