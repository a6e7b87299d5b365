/** Any tokenizer as a side of the comparison: whole texts to ids, ids to texts, and all of it for the first time. */
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { unsupported } from "../adapter.ts";
import type { Adapter, EncodeWork, FirstTime, Prepared, SideOptions, DecodeTextWork } from "../adapter.ts";
import { LIBRARIES } from "../tokenizers/codecs.ts";
import type { Codec, Library, TokenList } from "../tokenizers/codecs.ts";
import { readTexts } from "../tokenizers/corpus.ts";
import { packTokens } from "../tokenizers/token-file.ts";

async function encodeAll(codec: Codec, texts: readonly string[]): Promise<TokenList[]> {
  const lists: TokenList[] = [];
  for (const text of texts) {
    const tokens = codec.encode(text);
    lists.push(tokens instanceof Promise ? await tokens : tokens);
  }
  return lists;
}

async function decodeAll(codec: Codec, lists: readonly TokenList[]): Promise<string[]> {
  const texts: string[] = [];
  for (const tokens of lists) {
    const text = codec.decode(tokens);
    texts.push(text instanceof Promise ? await text : text);
  }
  return texts;
}

async function prepareEncode(
  name: string,
  library: Library,
  { vocabulary, texts: path, tokens }: EncodeWork,
): Promise<Prepared> {
  const codec = await library.load(vocabulary);
  const texts = readTexts(path);
  const file = `${tokens}-${name.replaceAll("/", "-")}.u32`;
  writeFileSync(file, packTokens(await encodeAll(codec, texts)));
  return { check: { tokenFile: file }, run: () => encodeAll(codec, texts) };
}

async function prepareDecode(library: Library, { vocabulary, texts }: DecodeTextWork): Promise<Prepared> {
  const codec = await library.load(vocabulary);
  const lists = await encodeAll(codec, readTexts(texts));
  const hash = (text: string): string => createHash("sha256").update(text).digest("base64").slice(0, 12);
  const textHashes = (await decodeAll(codec, lists)).map(hash);
  return { check: { textHashes }, run: () => decodeAll(codec, lists) };
}

/** Bytes in use after everything else was collected: JavaScript's heap with array buffers, and the whole process. */
function measureMemory(): { heldBytes: number; residentBytes: number } {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let i = 0; i < 3; i++) collect();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heldBytes: heapUsed + external, residentBytes: rss };
}

/** In a process that has not seen this package yet. What a package puts off until its first call belongs to loading it. */
async function measureFirstTime(library: Library, { vocabulary, texts: path }: EncodeWork): Promise<FirstTime> {
  const texts = readTexts(path);
  const before = measureMemory();
  const started = performance.now();
  const codec = await library.load(vocabulary);
  await codec.encode("ready");
  const readyMs = performance.now() - started;
  const after = measureMemory();
  const begun = performance.now();
  await encodeAll(codec, texts);
  const encodeMs = performance.now() - begun;
  return {
    readyMs,
    encodeMs,
    heldBytes: after.heldBytes - before.heldBytes,
    residentBytes: after.residentBytes - before.residentBytes,
    heldAfterBytes: measureMemory().heldBytes - before.heldBytes,
  };
}

/** Opens a tokenizer; its package is imported with the first vocabulary. */
export async function openTokenizer({ library: name }: SideOptions): Promise<Adapter> {
  const library = LIBRARIES[name];
  if (library === undefined) throw new Error(`no tokenizer is called ${name}`);
  return {
    describe: () => library.describe(),
    prepare: async (work) => {
      if (work.kind === "encode") return prepareEncode(name, library, work);
      if (work.kind === "decodeText") return prepareDecode(library, work);
      return unsupported(name, work);
    },
    firstTime: async (work) => (work.kind === "encode" ? measureFirstTime(library, work) : unsupported(name, work)),
  };
}
