/**
 * heed's chat templates beside Jinja itself, where the system's Python has it, and beside @huggingface/jinja: the same text of the same
 * conversations, or a refusal by both. Jinja is the measure; the other is a subset, and forgives what Jinja refuses.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { applyChatTemplate } from "heed/tokenizer";
import type { ChatMessage } from "heed/tokenizer";
import { chatTemplates, conversations } from "../../../test/tokenizer/chat-cases.ts";
import type { Conversation, TemplateCase } from "../../../test/tokenizer/chat-cases.ts";
import { importPackage } from "../adapters/packages.ts";
import { DATA, HERE } from "../places.ts";

/** The package, as far as it is in use. */
interface Jinja {
  Template: new (template: string) => { render(variables: object): string };
}

/** What came of a template. */
type Rendered = { text: string } | { error: string };

/** A template, a conversation, and the variables that Jinja gets. */
interface ChatCase {
  name: string;
  template: string;
  conversation: Conversation;
  variables: Record<string, unknown>;
}

/** Read by some templates; given to those that name them. */
const VARIABLES: Readonly<Record<string, unknown>> = { bos_token: "<s>", eos_token: "</s>", enable_thinking: false };

const PYTHONS = ["python3", "/usr/bin/python3"];

/** The template in a GGUF file: a string that follows its key, its type (8) and its length. */
function templateOfGGUF(path: string): string {
  const bytes = readFileSync(path);
  const key = "tokenizer.chat_template";
  const at = bytes.indexOf(key) + key.length;
  if (at < key.length || bytes.readUInt32LE(at) !== 8) throw new Error(`${path} has no chat template`);
  const length = Number(bytes.readBigUInt64LE(at + 4));
  return bytes.toString("utf8", at + 12, at + 12 + length);
}

/** The templates at hand. */
function readTemplates(): TemplateCase[] {
  const sources: TemplateCase[] = [...chatTemplates];
  const qwen3 = `${DATA}tokenizers/qwen3/tokenizer_config.json`;
  if (existsSync(qwen3)) {
    const { chat_template: template } = JSON.parse(readFileSync(qwen3, "utf8")) as { chat_template: string };
    sources.push({ name: "qwen3", template });
  }
  const phi3 = `${DATA}tokenizers/llama.cpp/ggml-vocab-phi-3.gguf`;
  if (existsSync(phi3)) sources.push({ name: "phi-3", template: templateOfGGUF(phi3) });
  return sources;
}

/** Every template with every conversation. */
function chatCases(): ChatCase[] {
  return readTemplates().flatMap(({ name, template }) =>
    conversations.map((conversation) => {
      const reads = (variable: string): boolean => new RegExp(`\\b${variable}\\b`).test(template);
      const { messages, tools, documents, add_generation_prompt = false } = conversation;
      const given = Object.entries({ ...VARIABLES, tools, documents }).filter(([key, value]) => value && reads(key));
      const variables = { tools: null, documents: null, ...Object.fromEntries(given), messages, add_generation_prompt };
      return { name: `${name}, ${conversation.name}`, template, conversation, variables };
    }),
  );
}

function attempt(render: () => string): Rendered {
  try {
    return { text: render() };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

function renderOurs({ template, variables }: ChatCase): Rendered {
  const { messages, add_generation_prompt, tools, documents, ...rest } = variables;
  return attempt(() =>
    applyChatTemplate(template, messages as ChatMessage[], {
      ...rest,
      ...(tools !== null && { tools: tools as object[] }),
      ...(documents !== null && { documents: documents as object[] }),
      addGenerationPrompt: add_generation_prompt === true,
    }),
  );
}

/** Jinja's own answers, or why there are none. */
function renderInPython(cases: readonly ChatCase[]): Rendered[] | string {
  const input = JSON.stringify(cases.map(({ template, variables }) => ({ template, variables })));
  for (const python of PYTHONS) {
    const { status, stdout } = spawnSync(python, [`${HERE}tokenizers/jinja.py`], { input, encoding: "utf8" });
    if (status === 0) return JSON.parse(stdout) as Rendered[];
  }
  return "absent: no Python with Jinja (Debian: python3-jinja2)";
}

async function renderInJavaScript(cases: readonly ChatCase[]): Promise<Rendered[] | string> {
  try {
    const { Template } = await importPackage<Jinja>("@huggingface/jinja");
    return cases.map(({ template, variables }) => attempt(() => new Template(template).render(variables)));
  } catch (error) {
    return `absent: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** Prints what differs, and says whether nothing does. */
function report(
  name: string,
  cases: readonly ChatCase[],
  ours: readonly Rendered[],
  theirs: readonly Rendered[] | string,
): boolean {
  if (typeof theirs === "string") return (console.log(`chat templates beside ${name}: ${theirs}`), true);
  const [problems, onlyHere]: [string[], string[]] = [[], []];
  for (const [i, mine] of ours.entries()) {
    const other = theirs[i];
    if ("error" in mine ? "error" in other : "text" in other && mine.text === other.text) continue;
    const list = "text" in mine && "error" in other ? onlyHere : problems;
    list.push(`  ${cases[i].name}:\n    heed ${JSON.stringify(mine)}\n    not  ${JSON.stringify(other)}`);
  }
  console.log(
    `chat templates beside ${name}: ${cases.length} texts, ${problems.length} differ, ${onlyHere.length} only by heed`,
  );
  for (const problem of [...problems.slice(0, 5), ...onlyHere.slice(0, 2)]) console.log(problem);
  return problems.length === 0;
}

/** Renders every conversation with every template. What @huggingface/jinja makes of them is told, but Jinja itself decides. */
export async function checkChat(): Promise<boolean> {
  const cases = chatCases();
  const ours = cases.map(renderOurs);
  const inPython = renderInPython(cases);
  const isSame = report("Jinja", cases, ours, inPython);
  const isSameInJavaScript = report("@huggingface/jinja", cases, ours, await renderInJavaScript(cases));
  return typeof inPython === "string" ? isSameInJavaScript : isSame;
}
