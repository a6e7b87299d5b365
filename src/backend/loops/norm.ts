/**
 * LayerNorm (Ba, Kiros and Hinton 2016) and RMSNorm (Zhang and Sennrich 2019), with their gradients.
 * Sums are kept in double precision; variances are the biased ones, divided by cols.
 */

/** out = (x - mean) · rstd · weight + bias, row by row. */
export function layerNorm(
  out: Float32Array,
  mean: Float32Array,
  rstd: Float32Array,
  x: Float32Array,
  weight: Float32Array,
  bias: Float32Array,
  _rows: number,
  cols: number,
  eps: number,
  begin: number,
  end: number,
): void {
  for (let row = begin; row < end; row++) {
    const start = row * cols;
    let sum = 0;
    for (let c = 0; c < cols; c++) sum += x[start + c];
    const average = sum / cols;
    // A second pass over centred values: mean(x²) - mean² would cancel where the mean is large.
    let squares = 0;
    for (let c = 0; c < cols; c++) {
      const centred = x[start + c] - average;
      squares += centred * centred;
    }
    const scale = 1 / Math.sqrt(squares / cols + eps);
    for (let c = 0; c < cols; c++) out[start + c] = (x[start + c] - average) * scale * weight[c] + bias[c];
    mean[row] = average;
    rstd[row] = scale;
  }
}

/** With h = (x - mean) · rstd and g = gradOut · weight: gradX = rstd (g - mean(g) - h mean(g h)). */
export function layerNormBackward(
  gradX: Float32Array,
  gradOut: Float32Array,
  x: Float32Array,
  weight: Float32Array,
  mean: Float32Array,
  rstd: Float32Array,
  _rows: number,
  cols: number,
  begin: number,
  end: number,
): void {
  for (let row = begin; row < end; row++) {
    const start = row * cols;
    const average = mean[row];
    const scale = rstd[row];
    let sum = 0;
    let dot = 0;
    for (let c = 0; c < cols; c++) {
      const g = gradOut[start + c] * weight[c];
      sum += g;
      dot += g * (x[start + c] - average);
    }
    const meanG = sum / cols;
    const slope = (dot * scale * scale) / cols;
    for (let c = 0; c < cols; c++) {
      const g = gradOut[start + c] * weight[c];
      gradX[start + c] = scale * (g - meanG - (x[start + c] - average) * slope);
    }
  }
}

// Private scratch, grown to the widest range of columns asked for: sums over rows are collected column by column here, in row order.
let weightSums = new Float64Array(0);
let biasSums = new Float64Array(0);

function clearSums(count: number): void {
  if (weightSums.length < count) {
    weightSums = new Float64Array(count);
    biasSums = new Float64Array(count);
  }
  weightSums.fill(0, 0, count);
  biasSums.fill(0, 0, count);
}

/** gradWeight = Σ over rows of gradOut · h, gradBias = Σ gradOut. */
export function layerNormBackwardParameters(
  gradWeight: Float32Array,
  gradBias: Float32Array,
  gradOut: Float32Array,
  x: Float32Array,
  mean: Float32Array,
  rstd: Float32Array,
  rows: number,
  cols: number,
  begin: number,
  end: number,
): void {
  const count = end - begin;
  clearSums(count);
  const forWeight = weightSums;
  const forBias = biasSums;
  for (let row = 0; row < rows; row++) {
    const start = row * cols + begin;
    const average = mean[row];
    const scale = rstd[row];
    for (let c = 0; c < count; c++) {
      const g = gradOut[start + c];
      forWeight[c] += g * (x[start + c] - average) * scale;
      forBias[c] += g;
    }
  }
  for (let c = 0; c < count; c++) {
    gradWeight[begin + c] = forWeight[c];
    gradBias[begin + c] = forBias[c];
  }
}

/** out = x · rstd · weight with rstd = 1 / √(mean(x²) + eps), row by row. */
export function rmsNorm(
  out: Float32Array,
  rstd: Float32Array,
  x: Float32Array,
  weight: Float32Array,
  _rows: number,
  cols: number,
  eps: number,
  begin: number,
  end: number,
): void {
  for (let row = begin; row < end; row++) {
    const start = row * cols;
    let squares = 0;
    for (let c = 0; c < cols; c++) squares += x[start + c] * x[start + c];
    const scale = 1 / Math.sqrt(squares / cols + eps);
    for (let c = 0; c < cols; c++) out[start + c] = x[start + c] * scale * weight[c];
    rstd[row] = scale;
  }
}

/** With h = x · rstd and g = gradOut · weight: gradX = rstd (g - h mean(g h)). */
export function rmsNormBackward(
  gradX: Float32Array,
  gradOut: Float32Array,
  x: Float32Array,
  weight: Float32Array,
  rstd: Float32Array,
  _rows: number,
  cols: number,
  begin: number,
  end: number,
): void {
  for (let row = begin; row < end; row++) {
    const start = row * cols;
    const scale = rstd[row];
    let dot = 0;
    for (let c = 0; c < cols; c++) dot += gradOut[start + c] * weight[c] * x[start + c];
    const slope = (dot * scale * scale) / cols;
    for (let c = 0; c < cols; c++) gradX[start + c] = scale * (gradOut[start + c] * weight[c] - x[start + c] * slope);
  }
}

/** gradWeight = Σ over rows of gradOut · x · rstd. */
export function rmsNormBackwardParameters(
  gradWeight: Float32Array,
  gradOut: Float32Array,
  x: Float32Array,
  rstd: Float32Array,
  rows: number,
  cols: number,
  begin: number,
  end: number,
): void {
  const count = end - begin;
  clearSums(count);
  const forWeight = weightSums;
  for (let row = 0; row < rows; row++) {
    const start = row * cols + begin;
    const scale = rstd[row];
    for (let c = 0; c < count; c++) forWeight[c] += gradOut[start + c] * x[start + c] * scale;
  }
  for (let c = 0; c < count; c++) gradWeight[begin + c] = forWeight[c];
}
