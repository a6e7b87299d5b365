/** Arithmetic element by element. */

// Each loop is written out: one loop calling an operator function would be compiled once for all four, with a call per element.

/** out = a + b, the shorter operand repeating. */
export function add(
  out: Float32Array,
  a: Float32Array,
  b: Float32Array,
  aSize: number,
  bSize: number,
  begin: number,
  end: number,
): void {
  if (aSize >= end && bSize >= end) {
    for (let i = begin; i < end; i++) out[i] = a[i] + b[i];
    return;
  }
  let ia = begin % aSize;
  let ib = begin % bSize;
  for (let i = begin; i < end; i++) {
    out[i] = a[ia] + b[ib];
    if (++ia === aSize) ia = 0;
    if (++ib === bSize) ib = 0;
  }
}

/** out = a - b, the shorter operand repeating. */
export function sub(
  out: Float32Array,
  a: Float32Array,
  b: Float32Array,
  aSize: number,
  bSize: number,
  begin: number,
  end: number,
): void {
  if (aSize >= end && bSize >= end) {
    for (let i = begin; i < end; i++) out[i] = a[i] - b[i];
    return;
  }
  let ia = begin % aSize;
  let ib = begin % bSize;
  for (let i = begin; i < end; i++) {
    out[i] = a[ia] - b[ib];
    if (++ia === aSize) ia = 0;
    if (++ib === bSize) ib = 0;
  }
}

/** out = a · b, the shorter operand repeating. */
export function mul(
  out: Float32Array,
  a: Float32Array,
  b: Float32Array,
  aSize: number,
  bSize: number,
  begin: number,
  end: number,
): void {
  if (aSize >= end && bSize >= end) {
    for (let i = begin; i < end; i++) out[i] = a[i] * b[i];
    return;
  }
  let ia = begin % aSize;
  let ib = begin % bSize;
  for (let i = begin; i < end; i++) {
    out[i] = a[ia] * b[ib];
    if (++ia === aSize) ia = 0;
    if (++ib === bSize) ib = 0;
  }
}

/** out = a / b, the shorter operand repeating. */
export function div(
  out: Float32Array,
  a: Float32Array,
  b: Float32Array,
  aSize: number,
  bSize: number,
  begin: number,
  end: number,
): void {
  if (aSize >= end && bSize >= end) {
    for (let i = begin; i < end; i++) out[i] = a[i] / b[i];
    return;
  }
  let ia = begin % aSize;
  let ib = begin % bSize;
  for (let i = begin; i < end; i++) {
    out[i] = a[ia] / b[ib];
    if (++ia === aSize) ia = 0;
    if (++ib === bSize) ib = 0;
  }
}

/** out = x · factor. */
export function scale(out: Float32Array, x: Float32Array, factor: number, begin: number, end: number): void {
  for (let i = begin; i < end; i++) out[i] = x[i] * factor;
}
