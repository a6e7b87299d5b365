/**
 * Tokenizers: texts to tokens, tokens to text, and learning a vocabulary. Megabytes are of UTF-8 text. A tokenizer remembers
 * the words that it has seen, and so do these after their warm-up.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BPETokenizer } from "heed";
import { makeCorpus } from "../examples/corpus.ts";
import type { BenchCase, Run, Subject } from "./harness.ts";

/** A text to work on, made or read when it is first asked for. */
interface Text {
  name: string;
  unavailable?: string;
  read(): string;
}

/** Made once: telling a corpus and learning a vocabulary take longer than using it. */
function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

const shakespearePath = join(process.env.HEED_DATA ?? join("..", "shared", "data"), "corpora", "tinyshakespeare.txt");
const corpus: Text = { name: "embedded corpus", read: once(() => makeCorpus().train) };
const shakespeare: Text = {
  name: "tinyshakespeare",
  ...(!existsSync(shakespearePath) && { unavailable: "no corpora/tinyshakespeare.txt (set HEED_DATA)" }),
  read: once(() => readFileSync(shakespearePath, "utf8")),
};

const SMALL_VOCAB = 1024;
const LARGE_VOCAB = 4096;
const corpusTokenizer = once(() => BPETokenizer.train(corpus.read(), { vocabSize: SMALL_VOCAB }));
const shakespeareTokenizer = once(() => BPETokenizer.train(shakespeare.read(), { vocabSize: LARGE_VOCAB }));

/** The work is known only with the text, and `--list` should not have to make one: about so many bytes are a stand-in nobody sees. */
function textCase(name: string, text: Text, makeRun: (text: string) => Run): BenchCase {
  return {
    name: `tokenizer ${name}`,
    unit: "MB/s",
    get work() {
      return Buffer.byteLength(text.read());
    },
    ...(text.unavailable !== undefined && { unavailable: text.unavailable }),
    setup: () => makeRun(text.read()),
  };
}
