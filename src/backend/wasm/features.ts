/** What the engine's WebAssembly can do, asked of the smallest modules that need it. Nothing is compiled: strict pages allow it. */

/** A module with one function of no arguments that returns a vector; the body comes without its length. */
function returnsVector(...code: number[]): boolean {
  if (typeof WebAssembly !== "object") return false;
  const body = [0x00, ...code, 0x0b]; // no locals · code · end
  return WebAssembly.validate(
    Uint8Array.of(
      ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00], // "\0asm", version 1
      ...[0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7b], // types: () → v128
      ...[0x03, 0x02, 0x01, 0x00], // functions: one, of this type
      ...[0x0a, body.length + 2, 0x01, body.length, ...body], // their code
    ),
  );
}

/** i32.const 0 · i8x16.splat */
const ZERO = [0x41, 0x00, 0xfd, 0x0f];

/** Whether there are vector instructions. */
export function hasSimd(): boolean {
  return returnsVector(...ZERO);
}

/** Whether there are vector instructions whose last bits depend on the processor, such as f32x4.relaxed_madd. */
export function hasRelaxedSimd(): boolean {
  return returnsVector(...ZERO, ...ZERO, ...ZERO, 0xfd, 0x85, 0x02);
}
