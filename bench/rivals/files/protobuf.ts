/**
 * Writes protocol buffers: a message is a list of fields, each a key (number and wire type) and a value. Large values are kept
 * as they are and never copied, because a model's weights go through here.
 * https://protobuf.dev/programming-guides/encoding/
 */

const VARINT = 0;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

const encoder = new TextEncoder();

/** A message under construction, field by field, in the order of the calls. */
export class ProtobufMessage {
  /** The bytes, in pieces. */
  readonly parts: Uint8Array[] = [];
  #size = 0;

  /** Bytes written so far. */
  get size(): number {
    return this.#size;
  }

  /** A whole number; negative ones take ten bytes, as int32 and int64 have it. */
  int(field: number, value: number | bigint): this {
    this.#key(field, VARINT);
    return this.#push(varint(BigInt.asUintN(64, BigInt(value))));
  }

  /** A 32-bit floating-point number. */
  float(field: number, value: number): this {
    this.#key(field, FIXED32);
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    return this.#push(bytes);
  }

  /** Text, as UTF-8. */
  string(field: number, value: string): this {
    return this.bytes(field, encoder.encode(value));
  }

  /** Bytes, which must not change before they are written out. */
  bytes(field: number, value: Uint8Array): this {
    this.#key(field, LENGTH_DELIMITED);
    return this.#push(varint(BigInt(value.length))).#push(value);
  }

  /** A message within this one. */
  message(field: number, value: ProtobufMessage): this {
    this.#key(field, LENGTH_DELIMITED);
    this.#push(varint(BigInt(value.size)));
    for (const part of value.parts) this.#push(part);
    return this;
  }

  /** All bytes in one piece, a copy. */
  toBytes(): Uint8Array {
    const out = new Uint8Array(this.#size);
    let at = 0;
    for (const part of this.parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }

  #key(field: number, wireType: number): this {
    return this.#push(varint(BigInt(field * 8 + wireType)));
  }

  #push(bytes: Uint8Array): this {
    this.parts.push(bytes);
    this.#size += bytes.length;
    return this;
  }
}

/** Seven bits in each byte, low ones first; the eighth says that more follow. */
function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 7n) {
    if (rest < 128n) return Uint8Array.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 127n) | 128);
  }
}
