/** `heed generate`: a model continues a text, or answers. */
import { exp } from "../backend/math.ts";
import { backend } from "../backend/current.ts";
import { AbortError, ConfigError } from "../errors.ts";
import { chat } from "../generation/chat.ts";
import { generate } from "../generation/generate.ts";
import type { Generation, GenerationPiece, GenerationResult } from "../generation/generate.ts";
import type { BeamOptions, GenerateOptions, SampleOptions } from "../generation/options.ts";
import type { LanguageModel } from "../language-model.ts";
import { loadModel } from "../load.ts";
import type { ChatMessage } from "../tokenizer/chat-template.ts";
import type { Command } from "./help.ts";
import { DOWNLOADING, LOADING, MODEL_HELP, loadOptions } from "./model-options.ts";
import { UsageError, flagOf } from "./options.ts";
import type { GroupValues, Option, OptionGroups } from "./options.ts";
import { type Streams, formatCount, paint, printable } from "./terminal.ts";

/** The most alternatives of a token that --top shows. */
const MAX_TOP = 512;

/** Characters of a prompt from standard input, which may never end. */
const MAX_PROMPT = 2 ** 24;

/** Options of `generate` by name. One of the library's that has no row does not compile. */
type Rows<Names extends PropertyKey> = { readonly [Name in Names]: Option };
type Common = Exclude<
  keyof SampleOptions & keyof BeamOptions,
  // Every text is stopped through Ctrl-C, and what was written counts; `logprobs` is asked for by --top.
  "signal" | "onAbort" | "logprobs"
>;

const COMMON = {
  strategy: {
    kind: ["greedy", "sample", "beam"],
    help: "How tokens are chosen. Default greedy, or the one that the other options belong to.",
  },
  maxNewTokens: { kind: "integer", help: "The most tokens to write. Default 128." },
  minNewTokens: { kind: "integer", help: "The text does not end before this many. Default 0." },
  stop: {
    kind: "texts",
    help: "End where this text would appear; may be repeated. \\n is a new line, \\t a tabulator.",
  },
  eosIds: { kind: "text", value: "ID,...", help: "Tokens that end the text. Default: the model's; none with ''." },
  repetitionPenalty: { kind: "number", help: "Above 1 makes tokens that occurred before less likely. Default 1." },
  noRepeatNgram: { kind: "integer", help: "No run of N tokens occurs twice. Default 0: no limit." },
  logitBias: {
    kind: "texts",
    value: "ID=N",
    help: "Adds N to the score of a token, -Infinity forbids it; may be repeated.",
  },
} as const satisfies Rows<Common>;

const SAMPLING = {
  temperature: { kind: "number", help: "Below 1 safer, above 1 more adventurous. Default 1." },
  topK: { kind: "integer", help: "Draw only from the N likeliest tokens. Default: all." },
  topP: { kind: "number", help: "Draw only from the likeliest that together reach this probability. Default 1." },
  seed: { kind: "integer", help: "The same seed, the same text. Default: a fresh one, which --verbose prints." },
} as const satisfies Rows<Exclude<keyof SampleOptions, keyof BeamOptions>>;

const BEAM = {
  numBeams: { kind: "integer", help: "Texts kept side by side. Default 4." },
  numReturnSequences: { kind: "integer", help: "How many of them to print, parted by lines of ---. Default 1." },
  lengthPenalty: { kind: "number", help: "Above 0 favours long texts. Default 1." },
  lengthNormalization: {
    kind: ["generated", "full"],
    help: "Whether the prompt counts for the length. Default generated.",
  },
  earlyStopping: {
    kind: ["true", "false", "never"],
    help: "true: end with as many finished texts as beams. Default false.",
  },
} as const satisfies Rows<Exclude<keyof BeamOptions, keyof SampleOptions>>;

const GROUPS = {
  "What is written": {
    chat: { kind: "flag", help: "PROMPT is a message, put through the model's chat template." },
    system: { kind: "text", help: "With --chat: a system message before it." },
    ...COMMON,
  },
  "Sampling: each token is drawn by chance": SAMPLING,
  "Beam search: the best of several texts": BEAM,
  "The model": {
    ...LOADING,
    threads: { kind: "integer", help: "Threads to compute with. Default: what the processor allows." },
    ...DOWNLOADING,
  },
  "What is printed": {
    echo: { kind: "flag", help: "The prompt too, before the text." },
    top: {
      kind: "integer",
      help: "Instead of the text, the N likeliest tokens at every place, with their probabilities.",
    },
    json: { kind: "flag", help: "The whole result as JSON: text, tokens, log-probabilities, timing." },
    verbose: { kind: "flag", help: "Progress and statistics on stderr, though it is no terminal." },
  },
} as const satisfies OptionGroups;

type GenerateValues = GroupValues<typeof GROUPS>;

/** `heed generate` */
export const generateCommand: Command = {
  name: "generate",
  summary: "lets a model continue a text, or answer a message.",
  usage: "generate MODEL [PROMPT] [options]",
  positionals: [
    MODEL_HELP,
    [
      "PROMPT",
      "the text to continue; without it, or as -, it is read from standard input, less a new line at its end; on a terminal the model then begins by itself",
    ],
  ],
  examples: [
    ['generate ./my-model "The sea"', "the likeliest continuation"],
    ['generate ./my-model "The sea" --temperature 0.8 --top-p 0.95 --seed 7', "drawn by chance"],
    ['generate ./my-model "The sea" --top 5 --max-new-tokens 10', "what else it might have written"],
    ['generate model.gguf "Name a sea." --chat --system "Be brief."', "an answer"],
    ["generate ./my-model < prompt.txt > text.txt", "from file to file"],
  ],
  groups: GROUPS,
  run: (positionals, values, streams) => runGenerate(positionals, values as GenerateValues, streams),
};

async function runGenerate(positionals: readonly string[], values: GenerateValues, streams: Streams): Promise<number> {
  const [model, given, ...more] = positionals;
  if (model === undefined) throw new UsageError("generate: which model? heed generate MODEL [PROMPT]");
  if (more.length > 0)
    throw new UsageError(`generate: "${more[0]}" is one argument too many; put the prompt in quotes`);
  if (values.chat === true && given === undefined && streams.stdin.isTTY === true)
    throw new UsageError("generate: --chat needs a message; put it behind the model, in quotes");
  if (values.system !== undefined && values.chat !== true) throw new UsageError("generate: --system needs --chat");
  if (values.top !== undefined && (values.top < 1 || values.top > MAX_TOP))
    throw new UsageError(`generate: --top must be from 1 to ${MAX_TOP}, got ${values.top}`);
  const [first, second] = ["top", "json", "echo"].filter((name) => name in values);
  if (second !== undefined) throw new UsageError(`generate: --${first} and --${second} exclude each other`);
  const options = generateOptions(values, streams.signal);
  const prompt = given === undefined || given === "-" ? await readPrompt(given, streams) : given;
  if (values.threads !== undefined) backend.use("auto", { threads: values.threads });
  const started = performance.now();
  const lm = await loadModel(model, loadOptions(values, streams));
  const loaded = (performance.now() - started) / 1000;
  const messages: ChatMessage[] = [{ role: "user", content: prompt }];
  if (values.system !== undefined) messages.unshift({ role: "system", content: values.system });
  const generation = values.chat === true ? chat(lm, messages, options) : generate(lm, prompt, options);
  const result = await print(generation, { lm, prompt, values, streams });
  if (values.verbose === true || streams.stderr.isTTY === true) {
    const statistics = describe(result, loaded, streams.signal?.aborted === true);
    streams.stderr.write(`${paint(streams, streams.stderr, "dim", statistics)}\n`);
  }
  return streams.signal?.aborted === true ? 130 : 0;
}

/** The options of `generate`, of the strategy that they ask for. */
function generateOptions(values: GenerateValues, signal: AbortSignal | undefined): GenerateOptions {
  const given = <Names extends string>(rows: Rows<Names>): Record<string, unknown> =>
    Object.fromEntries(
      Object.keys(rows).flatMap((name) => (name in values ? [[name, values[name as keyof GenerateValues]]] : [])),
    );
  const own = { sample: given(SAMPLING), beam: given(BEAM) };
  const asked = (["sample", "beam"] as const).filter((name) => Object.keys(own[name]).length > 0);
  const { strategy = asked[0] ?? "greedy", stop, eosIds, logitBias, earlyStopping, top } = values;
  for (const name of ["sample", "beam"] as const) {
    const [stray] = strategy === name ? [] : Object.keys(own[name]);
    if (stray !== undefined)
      throw new UsageError(`generate: ${flagOf(stray)} belongs to --strategy ${name}, not ${strategy}`);
  }
  const options = {
    ...given(COMMON),
    ...own.sample,
    ...own.beam,
    strategy,
    ...(earlyStopping !== undefined && {
      earlyStopping: earlyStopping === "never" ? earlyStopping : earlyStopping === "true",
    }),
    ...(stop !== undefined && { stop: stop.map(unescape) }),
    ...(eosIds !== undefined && {
      eosIds: eosIds
        .split(",")
        .filter((id) => id !== "")
        .map(readId("eos-ids")),
    }),
    ...(logitBias !== undefined && { logitBias: Object.fromEntries(logitBias.map(readBias)) }),
    ...(top !== undefined && { logprobs: top }),
    ...(signal !== undefined && { signal }),
    onAbort: "return",
  };
  return options as GenerateOptions;
}

function unescape(text: string): string {
  return text.replace(/\\[nt\\]/g, (escape) => ({ "\\n": "\n", "\\t": "\t" })[escape] ?? "\\");
}

function readId(flag: string): (text: string) => number {
  return (text) => {
    if (!/^\s*\d+\s*$/.test(text)) throw new UsageError(`generate: --${flag} needs ids of tokens, got "${text}"`);
    return Number(text);
  };
}

function readBias(text: string): [number, number] {
  const [id, bias, ...more] = text.split("=");
  if (more.length > 0 || !bias?.trim() || Number.isNaN(Number(bias)))
    throw new UsageError(`generate: --logit-bias must be ID=N, such as 42=-5, got "${text}"`);
  return [readId("logit-bias")(id), Number(bias)];
}

/** The prompt from standard input. Without one, on a terminal, the model begins by itself. */
async function readPrompt(given: string | undefined, { stdin, signal }: Streams): Promise<string> {
  if (given === undefined && stdin.isTTY === true) return "";
  const read = async (): Promise<string> => {
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of stdin) {
      text += typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
      if (text.length > MAX_PROMPT)
        throw new UsageError(`generate: standard input has more than ${MAX_PROMPT} characters, which no model reads`);
    }
    return (text + decoder.decode()).replace(/\r?\n$/, ""); // which echo and editors put there
  };
  const stopped = new Promise<never>((_, reject) => {
    signal?.addEventListener("abort", () => reject(new AbortError("generate", signal.reason)), { once: true });
  });
  stopped.catch(() => {}); // it may come when the prompt has long been read
  return Promise.race([read(), stopped]);
}

/** What printing needs to know. */
interface Printing {
  readonly lm: LanguageModel;
  readonly prompt: string;
  readonly values: GenerateValues;
  readonly streams: Streams;
}

/** Prints a generation as it is written. */
async function print(generation: Generation, { lm, prompt, values, streams }: Printing): Promise<GenerationResult> {
  const { stdout } = streams;
  if (values.json === true) {
    const result = await generation;
    stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    return result;
  }
  if (values.echo === true) stdout.write(prompt);
  let written = false;
  for await (const piece of generation) {
    stdout.write(values.top === undefined ? piece.text : picture(lm, piece, streams));
    written = true;
  }
  const result = await generation;
  if (values.top !== undefined) return result;
  const others = result.sequences.slice(1).map(({ text }) => `\n---\n${values.echo === true ? prompt : ""}${text}`);
  stdout.write(others.join(""));
  // A file gets the text as it is; on a terminal the next prompt begins on a line of its own.
  if (stdout.isTTY === true && (written || values.echo === true)) stdout.write("\n");
  return result;
}

/** The likeliest tokens at one place, each with its probability and a bar; an arrow marks the one that was written. */
function picture(
  { tokenizer }: LanguageModel,
  { token, logprob, topLogprobs = [] }: GenerationPiece,
  streams: Streams,
): string {
  if (tokenizer === undefined) throw new ConfigError("generate: --top needs a model with a tokenizer");
  const utf8 = new TextDecoder();
  const rows = topLogprobs.some((each) => each.token === token) ? topLogprobs : [...topLogprobs, { token, logprob }];
  const texts = rows.map((row) => printable(JSON.stringify(utf8.decode(tokenizer.tokenBytes(row.token)))));
  const width = Math.max(16, ...texts.map((text) => text.length));
  const lines = rows.map((row, i) => {
    const prob = exp(row.logprob);
    const line = `${row.token === token ? "▸" : " "} ${texts[i].padStart(width)}  ${(100 * prob).toFixed(1).padStart(5)} %  ${"█".repeat(Math.round(40 * prob))}`;
    return row.token === token ? paint(streams, streams.stdout, "bold", line.trimEnd()) : line.trimEnd();
  });
  return `${lines.join("\n")}\n\n`;
}

/** What a generation cost, as a line. */
function describe({ usage, finishReason, seed }: GenerationResult, loaded: number, stopped: boolean): string {
  const { promptTokens, completionTokens, tokensPerSecond, timeToFirstToken } = usage;
  const ends = {
    stop: "the text has ended",
    length: "--max-new-tokens",
    context: "the context is full",
    aborted: "stopped",
  };
  return [
    `${formatCount(promptTokens)} + ${formatCount(completionTokens)} tokens (${stopped ? ends.aborted : ends[finishReason]})`,
    `loaded in ${loaded.toFixed(2)} s`,
    `first token after ${Math.round(timeToFirstToken)} ms`,
    `${tokensPerSecond.toFixed(1)} tokens/s`,
    ...(seed === undefined ? [] : [`seed ${seed}`]),
  ].join(", ");
}
