/** The command `heed`, run in this process: help, mistakes, looking into models and letting them write. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { VERSION } from "../src/cli/run.ts";
import { formatBytes } from "../src/cli/terminal.ts";
import { saveModel } from "../src/formats/save.ts";
import { describeModel } from "../src/load.ts";
import { Transformer } from "../src/model/transformer.ts";
import { BPETokenizer } from "../src/tokenizer/bpe.ts";
import { tokenizerFromJSON } from "../src/tokenizer/tokenizer-json.ts";
import { runHeed } from "./cli-streams.ts";
import { dataPath, describeWithData } from "./data.ts";

const folder = mkdtempSync(join(tmpdir(), "heed-cli-"));
const model = join(folder, "chatty");
const template =
  "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}";

beforeAll(async () => {
  const trained = BPETokenizer.train("user", { vocabSize: 260, specialTokens: ["<|user|>", "<|assistant|>", "<s>"] });
  const tokenizer = tokenizerFromJSON(trained.toJSON(), { eos_token: "<s>", chat_template: template });
  const config = { vocabSize: 260, contextLength: 32, dModel: 16, nLayers: 3, nHeads: 2 };
  await saveModel({ model: new Transformer(config, { seed: 1 }), tokenizer }, model);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("help", () => {
  it("names every command, to stdout when asked for and to stderr when nothing was", async () => {
    const [asked, short, nothing] = await Promise.all([runHeed(["--help"]), runHeed(["help"]), runHeed([])]);
    expect([asked.code, short.code, nothing.code]).toEqual([0, 0, 2]);
    for (const name of ["inspect", "generate", "train"]) expect(asked.stdout).toContain(`\n  ${name}`);
    expect(short.stdout).toBe(asked.stdout);
    expect([nothing.stdout, nothing.stderr]).toEqual(["", asked.stdout]);
  });

  it.each(["inspect", "generate", "train"])(
    "of %s says what it is, has examples, and fits a terminal",
    async (name) => {
      const { code, stdout } = await runHeed(["help", name], { terminal: true });
      expect(code).toBe(0);
      expect((await runHeed([name, "--help"], { terminal: true })).stdout).toBe(stdout);
      expect((await runHeed([name, "model", "-h"], { terminal: true })).stdout).toBe(stdout);
      expect(stdout).toMatch(new RegExp(`^\x1b\\[1mheed ${name}\x1b\\[0m: .*\\.\n`));
      expect(stdout).toContain(`\n  heed ${name} `);
      const options = stdout.split("\n").filter((line) => !/^ {2}heed /.test(line));
      const widths = options.map((line) => line.replace(/\x1b\[\d+m/g, "").length);
      expect(Math.max(...widths)).toBeLessThanOrEqual(90);
    },
  );

  it("has no colour without a terminal, and none with NO_COLOR", async () => {
    const plain = await runHeed(["help", "train"]);
    const bare = await runHeed(["help", "train"], { terminal: true, environment: { NO_COLOR: "1" } });
    expect(plain.stdout).not.toContain("\x1b");
    expect(bare.stdout).not.toContain("\x1b");
  });

  it("knows the version of the package", async () => {
    const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
      version: string;
    };
    expect(VERSION).toBe(version);
    expect(await runHeed(["--version"])).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
  });
});

describe("mistakes on the command line", () => {
  it.each([
    [["genrate"], "unknown command genrate; did you mean generate?"],
    [["frobnicate"], "unknown command frobnicate; there are inspect, generate, train and help"],
    [["--verison"], "unknown option --verison; did you mean --version?"],
    [["generate", "m", "--topp", "2"], "generate: unknown option --topp; did you mean --top-p?"],
    [["generate", "m", "--temp", "2"], "generate: unknown option --temp; did you mean --temperature?"],
    [["generate", "m", "--quux"], "generate: unknown option --quux; heed generate --help lists them"],
    [["generate", "m", "p", "--seed"], "generate: --seed needs a value"],
    [["generate", "m", "p", "--seed", "--echo"], "generate: --seed needs a value"],
    [["generate", "m", "p", "--seed", "1.5"], 'generate: --seed must be a whole number, got "1.5"'],
    [["generate", "m", "p", "--top-p", ""], 'generate: --top-p must be a number, got ""'],
    [["generate", "m", "p", "--top", "0"], "generate: --top must be from 1 to 512, got 0"],
    [["generate", "m", "p", "--echo=3"], "generate: --echo takes no value"],
    [["generate", "m", "p", "--strategy", "sampel"], "(did you mean sample?)"],
    [
      ["generate", "m", "p", "--top-p", "1", "--num-beams", "2"],
      "generate: --num-beams belongs to --strategy beam, not sample",
    ],
    [
      ["generate", "m", "p", "--strategy", "greedy", "--seed", "2"],
      "generate: --seed belongs to --strategy sample, not greedy",
    ],
    [["generate", "m", "p", "q"], 'generate: "q" is one argument too many; put the prompt in quotes'],
    [["generate"], "generate: which model?"],
    [["generate", "m", "--chat"], "generate: --chat needs a message"],
    [["generate", "m", "p", "--system", "x"], "generate: --system needs --chat"],
    [["generate", "m", "p", "--logit-bias", "x=1"], 'generate: --logit-bias needs ids of tokens, got "x"'],
    [["generate", "m", "p", "--eos-ids", "1,x"], 'generate: --eos-ids needs ids of tokens, got "x"'],
    [["generate", "m", "p", "--top", "3", "--json"], "generate: --top and --json exclude each other"],
    [["generate", "m", "p", "--top", "3", "--echo"], "generate: --top and --echo exclude each other"],
    [["generate", "m", "p", "--json", "--echo"], "generate: --json and --echo exclude each other"],
    [["inspect", "m", "--json", "--context-length", "9"], "inspect: --context-length and --json exclude each other"],
    [["inspect", "m", "--integrity", "0"], "inspect: unknown option --integrity"],
    [["generate", "m", "p", "--header", "x"], "--header must be 'NAME: VALUE'"],
    [["inspect"], "inspect: which model?"],
    [["inspect", "a", "b"], 'inspect: "b" is one argument too many'],
    [["inspect", "a", "--context-length", "0"], "inspect: --context-length must be at least 1"],
  ])("%j: 2, and what is wrong", async (args, problem) => {
    const { code, stdout, stderr } = await runHeed(args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(`heed: ${problem.startsWith("(") ? "" : problem}`.trimEnd());
    expect(stderr).toContain(problem);
    expect(stderr.trimEnd().split("\n")).toHaveLength(2);
  });
});

describe("errors of heed", () => {
  it("are one line and 1, with the option's name on the command line", async () => {
    const { code, stderr } = await runHeed(["generate", model, "x", "--top-p", "3"]);
    expect(code).toBe(1);
    expect(stderr).toBe("heed: generate: --top-p must be a number above 0, at most 1, got 3\n");
  });

  it("name a file that is not there, and with HEED_DEBUG show where they arose", async () => {
    const { code, stderr } = await runHeed(["inspect", join(folder, "nowhere")]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^heed: describeModel: .*nowhere.*\n$/);
    const debug = await runHeed(["inspect", join(folder, "nowhere")], { environment: { HEED_DEBUG: "1" } });
    expect(debug.stderr).toContain("\n    at ");
  });
});

describe("inspect", () => {
  it("shows sizes, tokenizer and tensors, those of later blocks in one row", async () => {
    const { code, stdout, stderr } = await runHeed(["inspect", model]);
    expect([code, stderr]).toEqual([0, ""]);
    const { parameters, tensors } = JSON.parse((await runHeed(["inspect", model, "--json"])).stdout) as {
      parameters: number;
      tensors: { name: string; bytes: number }[];
    };
    expect(stdout).toContain(`parameters  ${parameters.toLocaleString("en-US")},`);
    expect(stdout).toContain("layers      3, 16 wide, 2 heads of 8, feed-forward 64");
    expect(stdout).toContain("tokenizer   BPE, 259 tokens, with a chat template");
    expect(stdout).toMatch(/\n {2}\S+\.1 … 2 +2 × the same +F32/);
    const shown = tensors.filter(({ name }) => stdout.includes(`  ${name} `));
    expect(shown.length).toBeLessThan(tensors.length);
    const all = await runHeed(["inspect", model, "--tensors"]);
    expect(tensors.filter(({ name }) => !all.stdout.includes(`  ${name} `))).toEqual([]);
  });

  it("shows names from files with nothing that a terminal obeys", async () => {
    const files = new Map<string, Uint8Array>();
    await saveModel(
      { model: new Transformer({ vocabSize: 9, contextLength: 4, dModel: 4, nLayers: 1, nHeads: 1 }) },
      files,
    );
    const evil = join(folder, "evil\x1b[2J");
    mkdirSync(evil);
    for (const [name, bytes] of files) writeFileSync(join(evil, name), bytes);
    writeFileSync(join(evil, "tokenizer.json"), JSON.stringify({ model: { type: "B\x1b]0;x\x07\x9b\u202eE" } }));
    const shown = await runHeed(["inspect", evil]);
    expect([shown.code, shown.stderr]).toEqual([0, ""]);
    expect(shown.stdout).toContain("evil\\x1b[2J: ");
    expect(shown.stdout).toContain("tokenizer   B\\x1b]0;x\\x07\\x9b\\u202eE, ");
    writeFileSync(join(evil, "model.safetensors"), "");
    const failed = await runHeed(["inspect", evil], { environment: { HEED_DEBUG: "1" } });
    expect(failed.code).toBe(1);
    for (const { stdout, stderr } of [shown, failed]) expect(stdout + stderr).not.toMatch(/[^\P{Cc}\n]|\u202e/u);
  });

  it("reckons weights as they will be held", async () => {
    const { heldBytes } = await describeModel(model);
    const { stdout } = await runHeed(["inspect", model]);
    expect(stdout).toContain(`: ${formatBytes(heldBytes)} for weights, `);
  });

  it("reckons keys and values for the context that is asked for", async () => {
    const { stdout } = await runHeed(["inspect", model, "--context-length", "1000"]);
    expect(stdout).toContain(`${(2 * 4 * 3 * 16 * 1000) / 1000} kB for keys and values of 1,000 tokens`);
  });
});

describe("generate", () => {
  it("reads the prompt from standard input, without the new line at its end, in whatever pieces", async () => {
    const { stdout } = await runHeed(["generate", model, "naïve", "--json"]);
    const bytes = new TextEncoder().encode("naïve\n");
    for (const args of [
      ["generate", model, "-"],
      ["generate", model],
    ]) {
      const piped = await runHeed([...args, "--json"], { input: [bytes.subarray(0, 3), bytes.subarray(3)] });
      expect(JSON.parse(piped.stdout).tokens).toEqual(JSON.parse(stdout).tokens);
    }
  });

  it("puts a message through the chat template", async () => {
    const options = ["--json", "--max-new-tokens", "4"];
    const usage = async (...args: string[]): Promise<number> =>
      JSON.parse((await runHeed(["generate", model, ...args, ...options])).stdout).usage.promptTokens;
    expect(await usage("xy")).toBe(2);
    expect(await usage("xy", "--chat")).toBe(4);
    expect(await usage("xy", "--chat", "--system", "z")).toBe(4 + "<|system|>z".length);
  });

  it("stops when the signal fires, with what was written, and says so by its code", async () => {
    const controller = new AbortController();
    const args = ["generate", model, "x", "--temperature", "1", "--seed", "1", "--max-new-tokens", "25"];
    const whole = await runHeed(args);
    const stopped = await runHeed(args, {
      signal: controller.signal,
      onOutput: (text) => text.length >= 5 && controller.abort(),
    });
    expect([whole.code, stopped.code, stopped.stderr]).toEqual([0, 130, ""]);
    expect(stopped.stdout.length).toBeLessThan(whole.stdout.length);
    expect(whole.stdout.startsWith(stopped.stdout)).toBe(true);
    const early = await runHeed(args, { signal: AbortSignal.abort() });
    expect(early).toEqual({ code: 130, stdout: "", stderr: "heed: stopped\n" });
  });

  it("takes numbers below zero, ids and biases", async () => {
    const args = ["generate", model, "x", "--json", "--max-new-tokens", "3"];
    const beams = await runHeed([...args, "--num-beams", "2", "--length-penalty", "-1", "--early-stopping", "never"]);
    expect(beams.code).toBe(0);
    const biased = await runHeed([...args, "--logit-bias", "70=100", "--logit-bias=71=-Infinity"]);
    expect(JSON.parse(biased.stdout).tokens).toEqual([70, 70, 70]);
    const ended = await runHeed([...args, "--logit-bias", "70=100", "--eos-ids", "70,71"]);
    expect(JSON.parse(ended.stdout)).toMatchObject({ tokens: [], finishReason: "stop" });
  });
});

describe("an address", () => {
  const server = createServer((request, response) => {
    const bytes =
      request.headers["x-key"] === "open: sesame, twice" ? readOrNothing(join(model, request.url ?? "")) : undefined;
    response.writeHead(bytes === undefined ? 404 : 200).end(bytes);
  });
  let address = "";
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });

  function readOrNothing(path: string): Buffer | undefined {
    return existsSync(path) && statSync(path).isFile() ? readFileSync(path) : undefined;
  }

  it("is asked with the headers that are given, and once where there is a cache", async () => {
    const cache = join(folder, "cache");
    const args = [
      "generate",
      address,
      "x",
      "--header",
      "X-Key: open: sesame",
      "--header",
      "x-key: twice",
      "--cache",
      cache,
      "--max-new-tokens",
      "4",
    ];
    const there = await runHeed(["generate", model, "x", "--max-new-tokens", "4"]);
    expect(await runHeed(args)).toEqual(there);
    const again = await runHeed(args.filter((arg) => arg !== "--header" && !/^x-key/i.test(arg)));
    expect(again).toEqual(there);
    const refused = await runHeed(["inspect", address]);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining(address.slice(0, -1))]);
  });
});

describeWithData("generate with stories260K", () => {
  const stories = dataPath("stories260K");
  const begin = "Once upon a time";

  it("writes the same story as llama2.c, and nothing but the story to stdout", async () => {
    const story = readFileSync(join(stories, "reference", "greedy-200.txt"), "utf8");
    const { code, stdout, stderr } = await runHeed(["generate", stories, begin, "--max-new-tokens", "40"]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout.length).toBeGreaterThan(80);
    expect(story.startsWith(begin + stdout)).toBe(true);
    const echoed = await runHeed(["generate", stories, begin, "--max-new-tokens", "40", "--echo"]);
    expect(echoed.stdout).toBe(begin + stdout);
  });

  it("says on stderr what it cost, with --verbose or on a terminal, where progress is wiped away", async () => {
    const args = ["generate", stories, begin, "--temperature", "0.9", "--seed", "5", "--max-new-tokens", "8"];
    const quiet = await runHeed(args);
    const verbose = await runHeed([...args, "--verbose"]);
    expect(verbose.stderr).toMatch(/^5 \+ 8 tokens \(--max-new-tokens\), loaded in .*, seed 5\n$/);
    expect([quiet.stderr, quiet.stdout]).toEqual(["", verbose.stdout]);
    const watched = await runHeed(args, { terminal: true });
    expect(watched.stdout).toBe(`${quiet.stdout}\n`);
    expect(watched.stderr).toMatch(/^\r\x1b\[2K░+ .* of 1\.\d MB {2}config\.json[^\n]*\r\x1b\[2K\x1b\[2m5 \+ 8 tokens/);
  });

  it("stops at texts, of which \\n is a new line", async () => {
    const { stdout } = await runHeed(["generate", stories, begin, "--stop", "Lily", "--stop", "\\n"]);
    expect(stdout).toBe(", there was a little girl named ");
    const lines = await runHeed(["generate", stories, begin, "--stop", "\\n", "--max-new-tokens", "200"]);
    expect(lines.stdout).not.toContain("\n");
  });

  it("shows with --top what else might have come", async () => {
    const args = ["generate", stories, begin, "--max-new-tokens", "2", "--top", "3"];
    const { stdout } = await runHeed(args);
    const places = stdout.trimEnd().split("\n\n");
    expect(places.map((place) => place.split("\n").length)).toEqual([3, 3]);
    expect(places[0]).toMatch(/^▸ +"," +9\d\.\d %  █{30,40}\n/);
    expect(stdout.match(/▸/g)).toHaveLength(2);
  });

  it("prints several texts of a beam search", async () => {
    const args = [
      "generate",
      stories,
      begin,
      "--num-beams",
      "3",
      "--num-return-sequences",
      "2",
      "--max-new-tokens",
      "12",
    ];
    const { stdout } = await runHeed(args);
    const { sequences } = JSON.parse((await runHeed([...args, "--json"])).stdout) as { sequences: { text: string }[] };
    expect(stdout).toBe(sequences.map(({ text }) => text).join("\n---\n"));
  });

  it("holds the model in the form that is asked for", async () => {
    const { code, stdout } = await runHeed(["generate", stories, begin, "--dtype", "f16", "--max-new-tokens", "8"]);
    expect([code, stdout]).toEqual([0, ", there was a little girl"]);
  });
});
