/** The functions of `math.ts` over arrays. */
import * as math from "../math.ts";

/** out = e^x. */
export function exp(out: Float32Array, x: Float32Array, begin: number, end: number): void {
  for (let i = begin; i < end; i++) out[i] = math.exp(x[i]);
}

/** out = ln x. */
export function log(out: Float32Array, x: Float32Array, begin: number, end: number): void {
  for (let i = begin; i < end; i++) out[i] = math.log(x[i]);
}

/** out = sin x. */
export function sin(out: Float32Array, x: Float32Array, begin: number, end: number): void {
  for (let i = begin; i < end; i++) out[i] = math.sin(x[i]);
}

/** out = cos x. */
export function cos(out: Float32Array, x: Float32Array, begin: number, end: number): void {
  for (let i = begin; i < end; i++) out[i] = math.cos(x[i]);
}
