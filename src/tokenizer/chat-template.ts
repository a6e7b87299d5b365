/**
 * Chat templates: how a conversation becomes the one text that a chat model continues. The template comes with the
 * tokenizer and is a small Jinja program; it is run here as Hugging Face runs it.
 */
import { ConfigError, TokenizerError, describeValue } from "../errors.ts";
import { parseTemplate } from "./template-parser.ts";
import type { Template } from "./template-tree.ts";
import { formatTime } from "./template-global.ts";
import { strip } from "./template-value.ts";
import { renderTemplate } from "./template.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** One message of a conversation. Templates read further fields too, such as `reasoning_content`. */
export interface ChatMessage {
  /** Who speaks: "system", "user", "assistant", "tool", or what else the template knows. */
  readonly role: string;
  /** The text; for models with images a list of parts such as `{ type: "text", text }`. */
  readonly content?: string | null | readonly object[];
  /** Who speaks by name, or which tool answers. */
  readonly name?: string;
  /** What an assistant asks tools to do. */
  readonly tool_calls?: readonly object[];
  readonly [field: string]: unknown;
}

/** Options of `applyChatTemplate`; every further key is a variable of the template, such as `enable_thinking`. */
export interface ChatTemplateOptions {
  /** Descriptions of tools, as JSON schemas. */
  tools?: readonly object[];
  /** Documents to answer from. */
  documents?: readonly object[];
  /** Whether the text ends with the beginning of an assistant's message, for the model to go on. Default false. */
  addGenerationPrompt?: boolean;
  /** Whether the text ends within the last message, for the model to go on with it. Default false. */
  continueFinalMessage?: boolean;
  /**
   * The time for `strftime_now`, with which some templates write today's date: `new Date()`. Without it that function does not
   * exist, so that the same messages give the same text; templates then write a fixed date or fail.
   */
  now?: Date;
  /** Which of several templates. Default: "tool_use" with tools, "rag" with documents, where they exist, else "default". */
  templateName?: string;
  [variable: string]: unknown;
}

/** Variables that the options stand for; under their own names they would be heard twice. */
const OPTION_OF: Readonly<Record<string, string>> = {
  add_generation_prompt: "addGenerationPrompt",
  continue_final_message: "continueFinalMessage",
  messages: "messages (the second argument)",
};

/**
 * A conversation as the text that the model was trained on.
 *
 * The text holds control tokens as strings: encode it with `tokenizer.encode(text, { allowedSpecial: "all" })` and without
 * `addSpecialTokens`, since the template writes the begin-of-text token itself. Whatever stands in a message is taken as it
 * is, so there a control token becomes a control token too; `chat` keeps those of messages as plain text.
 *
 * ```ts
 * const text = applyChatTemplate(tokenizer, [{ role: "user", content: "Hello" }], { addGenerationPrompt: true });
 * const tokens = tokenizer.encode(text, { allowedSpecial: "all" });
 * ```
 *
 * @param source a tokenizer that has a template (`chat_template` of its tokenizer_config.json), or the text of a template
 * @throws ConfigError without a template, for options in conflict, and for variables (tools, documents) that the template
 *   never reads; TokenizerError, with the line, for a template that refuses the messages (`raise_exception`), is wrong,
 *   uses something that is not supported, or runs without end
 */
export function applyChatTemplate(
  source: Tokenizer | string,
  messages: readonly ChatMessage[],
  o: ChatTemplateOptions = {},
): string {
  checkMessages(messages);
  const { tools, documents, addGenerationPrompt, continueFinalMessage, templateName, now, ...variables } =
    checkFlags(o);
  const template = parsed(typeof source === "string" ? source : chooseTemplate(source, o));
  if (typeof source === "string" && templateName !== undefined)
    throw new ConfigError("applyChatTemplate: templateName needs a tokenizer, not the text of a template");
  for (const [name, value] of Object.entries({ tools, documents, ...variables })) {
    if (Object.hasOwn(OPTION_OF, name))
      throw new ConfigError(`applyChatTemplate: "${name}" is set by the option ${OPTION_OF[name]}`, { name });
    if (value === undefined || value === null || template.names.has(name)) continue;
    throw new ConfigError(
      `applyChatTemplate: this template never reads "${name}"; it reads ${[...template.names].slice(0, 30).join(", ")}`,
      { name },
    );
  }
  const text = renderTemplate(template, {
    ...(typeof source === "string" ? {} : namedTokens(source)),
    ...(now && { strftime_now: (format: unknown) => formatTime(now, String(format)) }),
    ...variables,
    messages,
    tools: tools ?? null,
    documents: documents ?? null,
    add_generation_prompt: addGenerationPrompt ?? false,
  });
  return continueFinalMessage ? cutAfter(text, messages) : text;
}

function checkMessages(messages: readonly ChatMessage[]): void {
  if (!Array.isArray(messages))
    throw new ConfigError(`applyChatTemplate: messages must be a list, got ${describeValue(messages)}`);
  for (const [i, message] of messages.entries()) {
    if (typeof (message as ChatMessage | null)?.role === "string") continue;
    throw new ConfigError(
      `applyChatTemplate: messages[${i}] must be an object with a role, got ${describeValue(message)}`,
    );
  }
}

function checkFlags(o: ChatTemplateOptions): ChatTemplateOptions {
  if (typeof o !== "object" || o === null || Array.isArray(o))
    throw new ConfigError(`applyChatTemplate: options must be an object, got ${describeValue(o)}`);
  for (const name of ["addGenerationPrompt", "continueFinalMessage"]) {
    if (o[name] !== undefined && typeof o[name] !== "boolean")
      throw new ConfigError(`applyChatTemplate: ${name} must be true or false, got ${describeValue(o[name])}`);
  }
  for (const name of ["tools", "documents"]) {
    if (o[name] !== undefined && o[name] !== null && !Array.isArray(o[name]))
      throw new ConfigError(`applyChatTemplate: ${name} must be a list, got ${describeValue(o[name])}`);
  }
  if (o.now !== undefined && typeof o.now?.getTime !== "function")
    throw new ConfigError(`applyChatTemplate: now must be a Date, got ${describeValue(o.now)}`);
  if (o.addGenerationPrompt && o.continueFinalMessage)
    throw new ConfigError("applyChatTemplate: addGenerationPrompt and continueFinalMessage exclude each other");
  return o;
}

/** The template of a tokenizer that fits the options. */
function chooseTemplate({ chatTemplate }: Tokenizer, { templateName, tools, documents }: ChatTemplateOptions): string {
  if (chatTemplate === undefined)
    throw new ConfigError(
      "applyChatTemplate: this tokenizer has no chat template; load it with its tokenizer_config.json (tokenizerFromJSON(json, config), or beside tokenizer.json for loadModel), or give the text of a template instead of the tokenizer",
    );
  const templates: Readonly<Record<string, string>> =
    typeof chatTemplate === "string" ? { default: chatTemplate } : chatTemplate;
  const wanted = templateName === undefined ? [tools && "tool_use", documents && "rag", "default"] : [templateName];
  const name = wanted.find((candidate) => typeof candidate === "string" && Object.hasOwn(templates, candidate));
  if (name !== undefined) return templates[name as string];
  throw new ConfigError(
    `applyChatTemplate: there is no template ${JSON.stringify(templateName ?? "default")}; pass templateName: ${Object.keys(templates).join(", ")}`,
  );
}

/** Templates of this program, parsed; few are ever in use at once. */
const cache: Map<string, Template> = /* @__PURE__ */ new Map();

function parsed(text: string): Template {
  let template = cache.get(text);
  if (template === undefined) {
    template = parseTemplate(text);
    if (cache.size >= 16) cache.clear();
    cache.set(text, template);
  }
  return template;
}

/** `bos_token` and `eos_token`, where the tokenizer has them. */
function namedTokens(tokenizer: Tokenizer): Record<string, string | undefined> {
  const spelling = (id: number | undefined): string | undefined =>
    id === undefined ? undefined : tokenizer.idToToken(id);
  return { bos_token: spelling(tokenizer.bosId), eos_token: spelling(tokenizer.eosId) };
}

/** The text up to the end of the last message's content, as Hugging Face cuts it: with the spaces behind it only if the template kept them. */
function cutAfter(text: string, messages: readonly ChatMessage[]): string {
  let content: unknown = messages.at(-1)?.content;
  if (Array.isArray(content)) {
    const texts = (content as { text?: unknown }[])
      .map((part) => part?.text)
      .filter((part) => typeof part === "string");
    content = texts.at(-1);
  }
  const whole = strip(typeof content === "string" ? content : "", undefined, "start");
  const bare = strip(whole, undefined);
  const at = text.lastIndexOf(bare);
  if (bare === "" || at === -1)
    throw new TokenizerError(
      "applyChatTemplate: continueFinalMessage needs a last message whose text the template prints",
    );
  return text.slice(0, at + (text.startsWith(whole, at) ? whole : bare).length);
}
