/** What a transformer has to beat: predicting a token from how often it occurs, alone or after the token before it. */

/** A baseline's mean negative log-probability per token, in nats. */
export interface BaselineLosses {
  unigram: number;
  bigram: number;
}

/** Share of each count that is given away to unseen pairs (Ney, Essen & Kneser 1994). */
const DISCOUNT = 0.75;

/**
 * Trains a unigram model (add-one smoothing) and a bigram model (absolute discounting, interpolated with the unigram) on
 * `train` and scores tokens 1 … count of `validation`.
 */
export function baselineLosses(
  train: ArrayLike<number>,
  validation: ArrayLike<number>,
  vocabSize: number,
  count: number = validation.length - 1,
): BaselineLosses {
  const single = new Float64Array(vocabSize);
  const followers = Array.from({ length: vocabSize }, () => new Map<number, number>());
  for (let i = 0; i < train.length; i++) {
    single[train[i]]++;
    if (i > 0) followers[train[i - 1]].set(train[i], (followers[train[i - 1]].get(train[i]) ?? 0) + 1);
  }
  const unigram = (token: number): number => (single[token] + 1) / (train.length + vocabSize);
  const bigram = (before: number, token: number): number => {
    const seen = followers[before];
    let total = 0;
    for (const times of seen.values()) total += times;
    if (total === 0) return unigram(token);
    const own = Math.max((seen.get(token) ?? 0) - DISCOUNT, 0) / total;
    return own + ((DISCOUNT * seen.size) / total) * unigram(token);
  };
  let unigramLoss = 0;
  let bigramLoss = 0;
  for (let i = 1; i <= count; i++) {
    unigramLoss -= Math.log(unigram(validation[i]));
    bigramLoss -= Math.log(bigram(validation[i - 1], validation[i]));
  }
  return { unigram: unigramLoss / count, bigram: bigramLoss / count };
}
