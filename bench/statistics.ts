/** What a handful of timings says: the middle, the spread and the best. */

/** A summary of samples, in their own unit. */
export interface Summary {
  median: number;
  /** First quartile: a quarter of the samples lies below. */
  q1: number;
  /** Third quartile: a quarter of the samples lies above. */
  q3: number;
  min: number;
  max: number;
}

/**
 * The value below which a share of the samples lies, interpolated between neighbours (Hyndman and Fan, "Sample quantiles
 * in statistical packages", 1996, definition 7: what R, NumPy and spreadsheets compute).
 *
 * @param sorted ascending, at least one
 * @param share from 0 to 1
 */
export function quantile(sorted: readonly number[], share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.ceil(place);
  return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}

/** Median, quartiles and extremes. Scheduling noise only ever adds time, so `min` is the least disturbed sample, and the median resists outliers. */
export function summarize(samples: readonly number[]): Summary {
  if (samples.length === 0) throw new Error("summarize: needs at least one sample");
  const sorted = [...samples].sort((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    q1: quantile(sorted, 0.25),
    q3: quantile(sorted, 0.75),
    min: sorted[0],
    max: sorted[sorted.length - 1],
  };
}
