/**
 * Beam search: several hypotheses grow side by side, and the best whole text wins (Graves 2012, §2.6; the end conditions
 * are those of Hugging Face's transformers, or of onnxruntime with lengthNormalization "full").
 */
import { exp, integerPower, log } from "../backend/math.ts";
import { throwIfAborted } from "../errors.ts";
import type { LanguageModel } from "../language-model.ts";
import { turns } from "../turn.ts";
import { forwardRows } from "./forward.ts";
import { processScores } from "./logits.ts";
import type { ResolvedOptions } from "./options.ts";
import { nothingAllowed, roomAfter, topLogprobs } from "./sample.ts";
import type { FinishReason, WrittenToken } from "./sample.ts";
import { TextWriter } from "./stop.ts";

type BeamSettings = Extract<ResolvedOptions, { strategy: "beam" }>;

/** A text being written. */
interface Beam {
  written: WrittenToken[];
  /** Sum of the processed log-probabilities, before length normalisation. */
  total: number;
}

/** A finished text. */
export interface Hypothesis {
  written: WrittenToken[];
  /** Log-probability / length ^ lengthPenalty. */
  score: number;
  finishReason: FinishReason;
}

/** A beam and the token it may grow by. */
interface Candidate {
  parent: number;
  token: number;
  total: number;
}

/** The best finished texts, best first, `numBeams` at most. */
class Kept {
  readonly hypotheses: Hypothesis[] = [];
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get full(): boolean {
    return this.hypotheses.length === this.#limit;
  }

  get worst(): number {
    return this.hypotheses[this.hypotheses.length - 1].score;
  }

  add(hypothesis: Hypothesis): void {
    if (this.full && hypothesis.score <= this.worst) return;
    const after = this.hypotheses.findIndex(({ score }) => score < hypothesis.score);
    this.hypotheses.splice(after === -1 ? this.hypotheses.length : after, 0, hypothesis);
    if (this.hypotheses.length > this.#limit) this.hypotheses.pop();
  }
}

/**
 * Searches for the best continuations of a prompt.
 *
 * @returns the numReturnSequences best hypotheses, best first; fewer if fewer exist
 * @throws AbortError through the signal, unless onAbort is "return"; ConfigError if the options forbid every token
 */
export async function beamSearch(
  lm: LanguageModel,
  prompt: readonly number[],
  options: BeamSettings,
): Promise<Hypothesis[]> {
  const { room, full } = roomAfter(lm, prompt, options.maxNewTokens);
  const kvCache = lm.model.newCache();
  const kept = new Kept(options.numBeams);
  const turn = turns();
  let beams: Beam[] = [{ written: [], total: 0 }];
  let end: FinishReason = full;
  let done = false;
  for (let step = 0; step < room && beams.length > 0 && !done; step++) {
    await turn();
    if (options.signal?.aborted) {
      if (options.onAbort === "throw") throwIfAborted(options.signal, "generate");
      end = "aborted";
      break;
    }
    const unread = step === 0 ? [prompt] : beams.map(({ written }) => [written[written.length - 1].token]);
    const rows = forwardRows(lm, unread, kvCache);
    const grown = grow(lm, prompt, beams, rows, kept, options);
    if (grown.beams.length === 0 && kept.hypotheses.length === 0) nothingAllowed(step);
    done = isDone(grown, kept, prompt.length, step + 1, room, options);
    beams = grown.beams;
    if (!done && beams.length > 0) kvCache.reorder(grown.parents);
  }
  if (!done) {
    for (const { written, total } of beams)
      kept.add({ written, score: normalize(total, prompt.length, written.length, options), finishReason: end });
  }
  kvCache.dispose();
  return kept.hypotheses.slice(0, options.numReturnSequences);
}

/** What one step leaves running. */
interface Grown {
  beams: Beam[];
  /** For each beam, which of the beams before it grew from. */
  parents: number[];
  /** The greatest total among all candidates of the step. */
  bestTotal: number;
}

/** One step: every beam by every token; the best candidates either end or run on. */
function grow(
  lm: LanguageModel,
  prompt: readonly number[],
  beams: readonly Beam[],
  rows: ReturnType<typeof forwardRows>,
  kept: Kept,
  options: BeamSettings,
): Grown {
  const scores = rows.map(({ logprobs }, i) => {
    const row = logprobs.slice();
    const { written } = beams[i];
    processScores(row, [...prompt, ...written.map(({ token }) => token)], written.length, options);
    return row;
  });
  // Enough candidates that numBeams of them run on even if every end-of-text token is among the best.
  const candidates = bestCandidates(beams, scores, options.numBeams * Math.max(2, 1 + options.eosIds.length));
  const grown: Grown = { beams: [], parents: [], bestTotal: candidates[0]?.total ?? -Infinity };
  for (const [rank, { parent, token, total }] of candidates.entries()) {
    if (grown.beams.length === options.numBeams) break;
    const { written } = beams[parent];
    if (options.eosIds.includes(token)) {
      // An end that is not among the numBeams best would not have been reached by keeping numBeams.
      if (rank < options.numBeams)
        kept.add({
          written,
          score: normalize(total, prompt.length, written.length, options, true),
          finishReason: "stop",
        });
      continue;
    }
    const { logprobs } = rows[parent];
    const extended = [
      ...written,
      { token, logprob: logprobs[token], topLogprobs: topLogprobs(logprobs, options.logprobs) },
    ];
    if (options.stop.length > 0 && hasStop(lm, prompt, extended, options)) {
      if (rank < options.numBeams)
        kept.add({
          written: extended,
          score: normalize(total, prompt.length, extended.length, options),
          finishReason: "stop",
        });
      continue;
    }
    grown.beams.push({ written: extended, total });
    grown.parents.push(parent);
  }
  return grown;
}

/** The `count` best (beam, token) pairs, best first, equals in the order of beam and token. */
function bestCandidates(beams: readonly Beam[], scores: readonly Float32Array[], count: number): Candidate[] {
  const best: Candidate[] = [];
  scores.forEach((row, parent) => {
    const before = beams[parent].total;
    for (let token = 0; token < row.length; token++) {
      const total = before + row[token];
      if (total === -Infinity || (best.length === count && total <= best[count - 1].total)) continue;
      let at = best.length;
      while (at > 0 && best[at - 1].total < total) at--;
      best.splice(at, 0, { parent, token, total });
      if (best.length > count) best.pop();
    }
  });
  return best;
}

function hasStop(
  lm: LanguageModel,
  prompt: readonly number[],
  written: readonly WrittenToken[],
  { stop }: BeamSettings,
): boolean {
  // A character spans few tokens, so the prompt's last ones are context enough.
  const writer = new TextWriter(lm.tokenizer, prompt.slice(-16), stop);
  return written.some(({ token }) => writer.push(token).stopped);
}

/** A total divided by its length to the power lengthPenalty; `ended`: an end-of-text token was its last. */
function normalize(
  total: number,
  promptLength: number,
  written: number,
  { lengthPenalty, lengthNormalization }: BeamSettings,
  ended = false,
): number {
  const length = lengthNormalization === "full" ? promptLength + written : written + (ended ? 1 : 0);
  return total / power(Math.max(length, 1), lengthPenalty);
}

/** length ^ exponent, the same in every runtime; whole exponents in double precision. */
function power(length: number, exponent: number): number {
  if (exponent < 0) return 1 / power(length, -exponent);
  const whole = Math.floor(exponent);
  return integerPower(length, whole) * exp((exponent - whole) * log(length));
}

/** Whether no running beam can change the result any more, by the rule that earlyStopping asks for. */
function isDone(
  { beams, bestTotal }: Grown,
  kept: Kept,
  promptLength: number,
  step: number,
  room: number,
  options: BeamSettings,
): boolean {
  if (!kept.full) return false;
  if (options.earlyStopping === true || beams.length === 0) return true;
  const full = options.lengthNormalization === "full";
  // "never": the length at which a running beam would score best; false: the length it has now, a guess that ends sooner.
  const length = options.earlyStopping === "never" && options.lengthPenalty > 0 ? room : full ? step - 1 : step;
  const bestRunning = full ? bestTotal : beams[0].total;
  return kept.worst >= normalize(bestRunning, promptLength, length, options);
}
