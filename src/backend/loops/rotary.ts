/** Rotary position embedding (Su et al. 2021, "RoFormer", section 3.2): each pair of a head's elements is turned by its position's angle. */

/** out [heads, seq, headDim]: pairs of x rotated; cos, sin [seq, headDim / 2]. */
export function rotary(
  out: Float32Array,
  x: Float32Array,
  cos: Float32Array,
  sin: Float32Array,
  _heads: number,
  seq: number,
  headDim: number,
  pairs: number,
  inverse: number,
  begin: number,
  end: number,
): void {
  const half = headDim / 2;
  // Element i of the first half meets i + half, or 2i meets 2i + 1.
  const step = pairs === 1 ? 2 : 1;
  const partner = pairs === 1 ? 1 : half;
  const sign = inverse === 1 ? -1 : 1;
  for (let head = begin; head < end; head++) {
    for (let position = 0; position < seq; position++) {
      const start = (head * seq + position) * headDim;
      const angle = position * half;
      for (let i = 0; i < half; i++) {
        const first = start + i * step;
        const second = first + partner;
        const c = cos[angle + i];
        const s = sign * sin[angle + i];
        out[first] = x[first] * c - x[second] * s;
        out[second] = x[second] * c + x[first] * s;
      }
    }
  }
}
