/**
 * Conversations as tokens. The text of a chat template mixes the template's control tokens with what people wrote; encoded
 * as a whole, a user who types "<|im_end|>" would end their own turn and could speak for the system. Here only the control
 * tokens of the template count.
 */
import { ConfigError, HeedError, TokenizerError } from "../errors.ts";
import { type ChatMessage, type ChatTemplateOptions, applyChatTemplate } from "./chat-template.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Options of `encodeChat`. */
export interface EncodeChatOptions extends ChatTemplateOptions {
  /** Whether special tokens that stand in messages, tools and documents count as such. Default false: they are plain text. */
  allowSpecialInMessages?: boolean;
}

/** First of the private-use characters, which stand for nothing by themselves. */
const PRIVATE_USE = 0xe000;
const PRIVATE_USE_END = 0xf8ff;

/**
 * The tokens of a conversation, through the tokenizer's chat template.
 *
 * How control tokens in messages stay text: the template runs a second time with their first characters masked. Only if
 * the two texts agree but for the mask, it is known which control tokens of the text come from messages; a template that
 * looks into its messages for one of them is refused rather than guessed at.
 *
 * ```ts
 * const tokens = encodeChat(tokenizer, [{ role: "user", content: "Hello" }], { addGenerationPrompt: true });
 * ```
 *
 * @throws ConfigError and TokenizerError as `applyChatTemplate`; TokenizerError too for a message with a control token that
 *   the template does not pass on as it is
 */
export function encodeChat(
  tokenizer: Tokenizer,
  messages: readonly ChatMessage[],
  o: EncodeChatOptions = {},
): number[] {
  const { allowSpecialInMessages = false, ...options } = o;
  if (typeof allowSpecialInMessages !== "boolean")
    throw new ConfigError("encodeChat: allowSpecialInMessages must be true or false");
  const text = applyChatTemplate(tokenizer, messages, options);
  if (allowSpecialInMessages) return tokenizer.encode(text, { allowedSpecial: "all" });
  const { tools, documents } = options;
  const data = { messages, tools, documents };
  const mask = new Mask(tokenizer, text + JSON.stringify(data));
  const masked = mask.apply(data) as typeof data;
  if (!mask.used) return tokenizer.encode(text, { allowedSpecial: "all" });
  const maskedText = applyChatTemplate(tokenizer, masked.messages, {
    ...options,
    tools: masked.tools,
    documents: masked.documents,
  });
  if (mask.remove(maskedText) !== text) throw mask.refusal();
  return encodeMasked(tokenizer, maskedText, mask);
}

/** Characters that stand for the first ones of special tokens. */
class Mask {
  readonly #tokenizer: Tokenizer;
  /** Everything in which the characters must not occur by themselves. */
  readonly #taken: string;
  readonly #maskOf = new Map<string, string>();
  readonly #original = new Map<string, string>();
  #next = PRIVATE_USE;
  #found = "";

  constructor(tokenizer: Tokenizer, taken: string) {
    this.#tokenizer = tokenizer;
    this.#taken = taken;
  }

  get used(): boolean {
    return this.#maskOf.size > 0;
  }

  refusal(): TokenizerError {
    return new TokenizerError(
      `encodeChat: a message holds the special token ${JSON.stringify(this.#found)}, and with this template and tokenizer it cannot be kept as plain text; take it out, or pass allowSpecialInMessages: true to let it steer the model`,
      { token: this.#found },
    );
  }

  /** A copy of plain data with the special tokens of all its texts masked. */
  apply(value: unknown): unknown {
    if (typeof value === "string") return this.#text(value);
    if (Array.isArray(value)) return value.map((item) => this.apply(item));
    if (typeof value !== "object" || value === null) return value;
    const entries = value instanceof Map ? [...value] : Object.entries(value);
    const masked = entries.map(([key, item]) => [this.apply(key), this.apply(item)] as const);
    return value instanceof Map ? new Map(masked) : Object.fromEntries(masked);
  }

  /** The text without masks. */
  remove(text: string): string {
    let result = text;
    for (const [mask, original] of this.#original) result = result.replaceAll(mask, () => original);
    return result;
  }

  has(text: string): boolean {
    return [...this.#original.keys()].some((mask) => text.includes(mask));
  }

  #text(text: string): string {
    for (;;) {
      const { tokens, offsets } = this.#tokenizer.encodeWithOffsets(text, { allowedSpecial: "all" });
      const at = tokens.findIndex((token) => isSpecial(this.#tokenizer, token));
      if (at === -1) return text;
      this.#found = this.#tokenizer.idToToken(tokens[at]) as string;
      const start = text.indexOf(this.#found, offsets[at][0]); // the offsets may take in white space before it
      if (start === -1) throw this.refusal();
      text = text.slice(0, start) + this.#maskFor(text[start]) + text.slice(start + 1);
    }
  }

  #maskFor(character: string): string {
    const known = this.#maskOf.get(character);
    if (known !== undefined) return known;
    while (this.#taken.includes(String.fromCharCode(this.#next))) this.#next++;
    if (this.#next > PRIVATE_USE_END || /\p{Surrogate}/u.test(character)) throw this.refusal();
    const mask = String.fromCharCode(this.#next++);
    this.#maskOf.set(character, mask);
    this.#original.set(mask, character);
    return mask;
  }
}

function isSpecial(tokenizer: Tokenizer, token: number): boolean {
  return tokenizer.decode([token], { skipSpecial: true }) === "" && tokenizer.decode([token]) !== "";
}

/**
 * The tokens of a text whose masked parts are plain text. Between two special tokens text is encoded by itself, so a stretch
 * with a mask can be encoded apart, unmasked; that it can is checked on the masked form.
 */
function encodeMasked(tokenizer: Tokenizer, text: string, mask: Mask): number[] {
  const { tokens, offsets } = tokenizer.encodeWithOffsets(text, { allowedSpecial: "all" });
  const result: number[] = [];
  let plain: number[] = [];
  let start = 0;
  const flush = (end: number): void => {
    const stretch = text.slice(start, end);
    if (mask.has(stretch)) {
      if (String(tokenizer.encode(stretch)) !== String(plain)) throw mask.refusal();
      plain = tokenizer.encode(mask.remove(stretch));
    }
    for (const token of plain) result.push(token);
    plain = [];
  };
  for (const [i, token] of tokens.entries()) {
    if (!isSpecial(tokenizer, token)) {
      plain.push(token);
      continue;
    }
    flush(offsets[i][0]);
    result.push(token);
    start = offsets[i][1];
  }
  flush(text.length);
  return result;
}

/**
 * The special token that ends an assistant's turn in a tokenizer's chat template, found by looking at what the template puts
 * behind an answer; undefined if that is no special token.
 */
export function endOfTurn(tokenizer: Tokenizer, o: ChatTemplateOptions = {}): number | undefined {
  const answer = "An answer.";
  try {
    const text = applyChatTemplate(
      tokenizer,
      [
        { role: "user", content: "A question." },
        { role: "assistant", content: answer },
      ],
      o,
    );
    const rest = text.slice(text.lastIndexOf(answer) + answer.length);
    const { tokens, offsets } = tokenizer.encodeWithOffsets(rest, { allowedSpecial: "all" });
    const at = tokens.findIndex((token) => isSpecial(tokenizer, token));
    return at !== -1 && rest.slice(0, offsets[at][0]).trim() === "" ? tokens[at] : undefined;
  } catch (error) {
    if (error instanceof HeedError) return undefined; // a template that wants other messages does not tell
    throw error;
  }
}
