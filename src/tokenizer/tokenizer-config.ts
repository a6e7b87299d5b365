/** Reading Hugging Face's `tokenizer_config.json`: the tokens with a role, and the chat templates. */
import { FormatError } from "../errors.ts";
import { type JSONObject, parseJSON } from "./json.ts";
import { readPostProcessor } from "./post-process.ts";
import type { ChatTemplate, TokenizerRoles } from "./tokenizer.ts";

function wrong(what: string): FormatError {
  return new FormatError(`tokenizer_config.json: ${what}`);
}

/**
 * The roles that a `tokenizer_config.json` names; what it leaves out stays undefined, an explicit null says that there is none.
 *
 * @throws FormatError for content of another form
 */
export function readTokenizerConfig(config: object | string): TokenizerRoles {
  const spec = (typeof config === "string" ? parseJSON(config, "tokenizer_config.json") : config) as JSONObject | null;
  if (typeof spec !== "object" || spec === null || Array.isArray(spec)) throw wrong("must be an object");
  const token = (name: string): string | null | undefined => {
    const value = spec[name] as string | null | undefined | { content?: unknown };
    const content = typeof value === "object" && value !== null ? value.content : value;
    if (content == null || typeof content === "string") return content;
    throw wrong(`${name} must be a string or { content }`);
  };
  const flag = (name: string): boolean | undefined => (typeof spec[name] === "boolean" ? spec[name] : undefined);
  return {
    bosToken: token("bos_token"),
    eosToken: token("eos_token"),
    addBos: flag("add_bos_token"),
    addEos: flag("add_eos_token"),
    chatTemplate: readChatTemplate(spec.chat_template),
  };
}

/** One template as text, or a list of { name, template }. */
function readChatTemplate(value: unknown): ChatTemplate | undefined {
  if (value == null) return undefined;
  if (typeof value === "string") return value;
  const isNamed = (item: unknown): item is { name: string; template: string } => {
    const { name, template } = (item ?? {}) as JSONObject;
    return typeof name === "string" && typeof template === "string";
  };
  if (!Array.isArray(value) || !value.every(isNamed))
    throw wrong("chat_template must be a string or a list of { name, template }");
  return Object.fromEntries(value.map(({ name, template }) => [name, template]));
}

/**
 * The `post_processor` with the tokens that `add_bos_token` and `add_eos_token` ask for or forbid: where they are given, they
 * win over `tokenizer.json`, as in Hugging Face's tokenizer classes.
 *
 * @param idOf the id of a token, undefined if it is not in the vocabulary
 */
export function withEdgeTokens(
  postProcessor: unknown,
  { addBos, addEos, bosToken, eosToken }: TokenizerRoles,
  idOf: (token: string) => number | undefined,
): unknown {
  if (addBos === undefined && addEos === undefined) return postProcessor;
  const { before, after, json } = readPostProcessor(postProcessor);
  const spelling = new Map<number, string>();
  for (const [token, { ids }] of Object.entries(
    (json as { special_tokens?: Record<string, { ids: [number] }> })?.special_tokens ?? {},
  ))
    spelling.set(ids[0], token);
  const edge = (
    ids: readonly number[],
    add: boolean | undefined,
    token: string | null | undefined,
  ): readonly number[] => {
    const id = token == null ? undefined : idOf(token);
    if (id === undefined || add === undefined || add === ids.includes(id)) return ids;
    spelling.set(id, token as string);
    return add ? [id] : ids.filter((other) => other !== id);
  };
  const [first, last] = [edge(before, addBos, bosToken), edge(after, addEos, eosToken)];
  if (first === before && last === after) return postProcessor;
  const special = (ids: readonly number[]): object[] =>
    ids.map((id) => ({ SpecialToken: { id: spelling.get(id), type_id: 0 } }));
  const text = (id: string): object[] => [...special(first), { Sequence: { id, type_id: 0 } }, ...special(last)];
  const tokens = [...first, ...last].map((id) => [
    spelling.get(id),
    { id: spelling.get(id), ids: [id], tokens: [spelling.get(id)] },
  ]);
  return {
    type: "TemplateProcessing",
    single: text("A"),
    pair: [...text("A"), ...text("B")],
    special_tokens: Object.fromEntries(tokens),
  };
}
