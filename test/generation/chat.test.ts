/** Chat: prompts through the template, answers up to the end of the turn, and the files that carry a template. */
import { describe, expect, it } from "vitest";
import { ConfigError, TokenizerError } from "../../src/errors.ts";
import { saveModel } from "../../src/formats/save.ts";
import { chat } from "../../src/generation/chat.ts";
import { loadModel } from "../../src/load.ts";
import type { LanguageModel } from "../../src/language-model.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { BPETokenizer } from "../../src/tokenizer/bpe.ts";
import { encodeChat } from "../../src/tokenizer/chat-tokens.ts";
import { tokenizerFromJSON } from "../../src/tokenizer/tokenizer-json.ts";
import { ScriptedModel } from "./models.ts";

const template =
  "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{{ mood }}{% endif %}";
const trained = BPETokenizer.train("user", {
  vocabSize: 261,
  specialTokens: ["<|user|>", "<|assistant|>", "<|end|>", "<s>"],
});
const tokenizer = tokenizerFromJSON(trained.toJSON(), { eos_token: "<s>", chat_template: template });
const question = [{ role: "user", content: "Hi <|end|>" }];

/** A model that answers the question with these tokens. */
function answering(tokens: readonly number[], options = {}): LanguageModel {
  const prompt = encodeChat(tokenizer, question, { addGenerationPrompt: true, ...options });
  return { model: new ScriptedModel([...prompt.slice(1), ...tokens], tokenizer.vocabSize), tokenizer };
}

describe("chat", () => {
  it("answers up to the token that ends a turn", async () => {
    const lm = answering([...tokenizer.encode("Hello!"), 2, ...tokenizer.encode("more")]);
    const result = await chat(lm, question, { maxNewTokens: 30 });
    expect([result.text, result.finishReason]).toEqual(["Hello!", "stop"]);
    expect(result.usage.promptTokens).toBe(encodeChat(tokenizer, question, { addGenerationPrompt: true }).length);
  });

  it("ends at the tokenizer's end of text and the model's too, and at eosIds alone if they are given", async () => {
    const [a] = tokenizer.encode("a");
    const lm = answering([...tokenizer.encode("Hello"), 3, a]);
    expect((await chat(lm, question)).text).toBe("Hello");
    const other = answering([...tokenizer.encode("Hello"), a, 3]);
    expect((await chat({ ...other, generationDefaults: { eosIds: [a] } }, question)).text).toBe("Hello");
    expect((await chat(other, question, { eosIds: [3] })).text).toBe("Helloa");
  });

  it("can be read as it is written", async () => {
    const pieces: string[] = [];
    for await (const { text } of chat(answering([...tokenizer.encode("Hey"), 2]), question)) pieces.push(text);
    expect(pieces).toEqual(["H", "e", "y"]);
  });

  it("passes variables to the template, and continues a message", async () => {
    const lm = answering([...tokenizer.encode("ok"), 2], { mood: ":" });
    expect((await chat(lm, question, { templateVariables: { mood: ":" } })).text).toBe("ok");
    const begun = [{ role: "assistant", content: "It" }];
    const prompt = encodeChat(tokenizer, begun, { continueFinalMessage: true });
    const model = new ScriptedModel([...prompt.slice(1), ...tokenizer.encode(" is"), 2], tokenizer.vocabSize);
    expect((await chat({ model, tokenizer }, begun, { continueFinalMessage: true })).text).toBe(" is");
  });

  it("rejects what it cannot do", async () => {
    const lm = answering([2]);
    const silent = tokenizerFromJSON(trained.toJSON(), { chat_template: "{{ raise_exception('never') }}" });
    await expect(chat({ model: lm.model }, question)).rejects.toThrow(ConfigError);
    await expect(chat({ model: lm.model, tokenizer: trained }, question)).rejects.toThrow("no chat template");
    await expect(chat({ model: lm.model, tokenizer: silent }, question)).rejects.toThrow(TokenizerError);
    await expect(chat(lm, question, { tools: [{}] })).rejects.toThrow("tools");
    await expect(chat(lm, question, { topK: 3 } as never)).rejects.toThrow(ConfigError);
    await expect(chat(lm, question, { templateVariables: 3 as never })).rejects.toThrow(ConfigError);
    await expect(chat(lm, "Hi" as never)).rejects.toThrow(ConfigError);
  });
});

describe("files", () => {
  it("carry the template", async () => {
    const model = new Transformer({ vocabSize: 261, contextLength: 8, dModel: 8, nLayers: 1, nHeads: 2 }, { seed: 1 });
    const files = new Map<string, Uint8Array>();
    await saveModel({ model, tokenizer }, files);
    expect([...files.keys()]).toContain("tokenizer_config.json");
    const { tokenizer: loaded } = await loadModel(files);
    expect([loaded?.chatTemplate, loaded?.eosId]).toEqual([template, 3]);
    files.set("chat_template.jinja", new TextEncoder().encode("its own file"));
    expect((await loadModel(files)).tokenizer?.chatTemplate).toBe("its own file");
    const named = tokenizerFromJSON(trained.toJSON(), { chat_template: [{ name: "default", template }] });
    await saveModel({ model, tokenizer: named }, files);
    expect((await loadModel(files)).tokenizer?.chatTemplate).toEqual({ default: template });
    await saveModel({ model, tokenizer: trained }, files);
    expect([...files.keys()].filter((name) => /config|chat/.test(name))).toEqual(
      ["config.json", "generation_config.json"].filter((name) => files.has(name)),
    );
  });
});
