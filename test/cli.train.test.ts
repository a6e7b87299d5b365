/** `heed train`, run in this process: what it saves, stopping and going on, and what it refuses before it begins. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { formatStep, holdOut } from "../src/cli/learning.ts";
import { formatBytes } from "../src/cli/terminal.ts";
import { loadModel } from "../src/load.ts";
import { runHeed } from "./cli-streams.ts";
import type { Ran, RunOptions } from "./cli-streams.ts";

const folder = mkdtempSync(join(tmpdir(), "heed-train-"));
afterAll(() => rmSync(folder, { recursive: true }));

const text = join(folder, "text.txt");
writeFileSync(text, "The cat sat on the mat. The dog sat on the log.\n\nThe cow stood by the plough.\n\n".repeat(60));
const small = ["--d-model", "16", "--layers", "1", "--heads", "2", "--context-length", "16", "--vocab-size", "290"];

function place(name: string): string {
  return join(folder, name);
}

/** Trains on the text. */
function trainOn(args: readonly string[], options?: RunOptions): Promise<Ran> {
  return runHeed(["train", text, ...args], options);
}

/** The same, stopped when a line of the output matches. */
async function stopAt(args: readonly string[], line: RegExp): Promise<Ran> {
  const controller = new AbortController();
  const onOutput = (output: string): unknown => line.test(output) && controller.abort();
  return trainOn(args, { signal: controller.signal, onOutput });
}

describe("train", () => {
  it("makes a tokenizer and a model that write what the text says", async () => {
    const out = place("model");
    const args = ["--out", out, "--steps", "120", "--learning-rate", "0.02", "--sample", "The cow", ...small];
    const { code, stdout, stderr } = await trainOn(args);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^Text: [\d,]+ characters to learn from, \d+ held out\nTokenizer: 290 tokens/);
    expect(stdout).toContain("Transformer: 1 layer, 16 wide, 2 heads, context 16, vocabulary 290");
    expect(stdout.match(/step +\d+\/120 {2}loss .* validation /g)).toHaveLength(10);
    expect(stdout.match(/^ {4}The cow/gm)).toHaveLength(10);
    expect(stdout).toMatch(/Trained in 0:\d\d\. Saved in .*\n {2}heed generate \S+model 'The cow'\n$/);
    const written = await runHeed(["generate", out, "The cow", "--max-new-tokens", "20"]);
    expect(written.stdout).toBe(" stood by the plough.");
  });

  it("has the model of the seed, and another of another", async () => {
    const run = async (name: string, seed: string): Promise<Buffer> => {
      await trainOn(["--out", place(name), "--steps", "3", "--seed", seed, ...small]);
      return readFileSync(join(place(name), "model.safetensors"));
    };
    const first = await run("seed-a", "5");
    expect((await run("seed-b", "5")).equals(first)).toBe(true);
    expect((await run("seed-c", "6")).equals(first)).toBe(false);
  });

  it("goes on where it was stopped, bit for bit, and says how", async () => {
    const settings = [
      "--steps",
      "40",
      "--batch-size",
      "3",
      "--learning-rate",
      "0.01",
      "--accumulation-steps",
      "2",
      ...small,
    ];
    const [whole, parts] = [place("whole"), place("parts")];
    await trainOn(["--out", whole, ...settings]);
    const stopped = await stopAt(["--out", parts, ...settings], /step 16\/40/);
    expect([stopped.code, stopped.stderr]).toEqual([130, ""]);
    expect(stopped.stdout).toMatch(/Stopped after step 1\d of 40/);
    expect(stopped.stdout).toContain(`Go on with:\n  heed train ${text} --resume ${parts}\n`);
    expect((await loadModel(parts)).model.config.nLayers).toBe(1);
    const resumed = await trainOn(["--resume", parts]);
    expect(resumed.code).toBe(0);
    expect(resumed.stdout).not.toMatch(/step +8\/40/);
    const weights = (from: string): Buffer => readFileSync(join(from, "model.safetensors"));
    expect(weights(parts).equals(weights(whole))).toBe(true);
    expect(existsSync(join(parts, "training.safetensors"))).toBe(false);
    const again = await trainOn(["--resume", parts]);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining("has no training to go on with")]);
  });

  it("refuses to go on with other texts", async () => {
    const out = place("other-text");
    await stopAt(["--out", out, "--steps", "40", ...small], /step +4\/40/);
    const other = place("other.txt");
    writeFileSync(other, readFileSync(text, "utf8").slice(0, 3000));
    const { code, stderr } = await runHeed(["train", other, "--resume", out]);
    expect([code, stderr]).toEqual([1, expect.stringContaining("give the same files in the same order")]);
  });

  it("takes <|endoftext|> in a text for the end of a piece", async () => {
    const marked = place("marked.txt");
    writeFileSync(marked, readFileSync(text, "utf8").replaceAll("\n\n", "<|endoftext|>"));
    const [plain, other] = [place("plain"), place("marked")];
    await trainOn(["--out", plain, "--steps", "2", ...small]);
    await runHeed(["train", marked, "--out", other, "--steps", "2", ...small]);
    for (const name of ["tokenizer.json", "model.safetensors"])
      expect(readFileSync(join(other, name)).equals(readFileSync(join(plain, name)))).toBe(true);
  });

  it("saves nothing when it is stopped before the first step", async () => {
    const { code, stderr } = await stopAt(["--out", place("never"), ...small], /Backend/);
    expect([code, stderr]).toEqual([130, "heed: stopped\n"]);
    expect(existsSync(place("never"))).toBe(false);
  });

  it("writes a GGUF file, and beside it what a stopped training goes on from", async () => {
    const out = place("small model.gguf");
    const sizes = ["--d-model", "32", ...small.slice(2)];
    const stopped = await stopAt(["--out", out, "--steps", "20", "--dtype", "q8_0", ...sizes], /step 10\/20/);
    const checkpoint = place("small model-checkpoint");
    expect(stopped.stdout).toContain(`--resume '${checkpoint}' --out '${out}' --dtype q8_0\n`);
    const { code } = await trainOn(["--resume", checkpoint, "--out", out, "--dtype", "q8_0"]);
    expect(code).toBe(0);
    const { stdout } = await runHeed(["inspect", out]);
    expect(stdout).toMatch(/: llama \(gguf\)\n/);
    expect(stdout).toMatch(/Q8_0 \d+ tensors/);
  });

  it("saves on the way", async () => {
    const out = place("on-the-way");
    let seen = false;
    const onOutput = (output: string): void => {
      if (/step 20\/20/.test(output)) seen ||= existsSync(join(out, "training.safetensors"));
    };
    await trainOn(["--out", out, "--steps", "20", "--save-every", "5", ...small], { onOutput });
    expect([seen, existsSync(join(out, "training.safetensors"))]).toEqual([true, false]);
  });

  it("trains a model further, and a new one with a tokenizer that is there", async () => {
    const [first, second, third] = [place("first"), place("second"), place("third")];
    await trainOn(["--out", first, "--steps", "3", ...small]);
    const further = await trainOn(["--model", first, "--out", second, "--steps", "3"]);
    expect(further.stdout).toContain("1 layer, 16 wide");
    const tokenizer = join(first, "tokenizer.json");
    const sizes = small.slice(0, -2);
    const fresh = await trainOn(["--tokenizer", tokenizer, "--out", third, "--steps", "3", ...sizes]);
    expect([further.code, fresh.code]).toEqual([0, 0]);
    expect(readFileSync(join(third, "tokenizer.json"), "utf8")).toBe(readFileSync(tokenizer, "utf8"));
  });

  it.each([
    [[], "train: where to save the model?"],
    [["--out", "x", "--model", "y", "--resume", "z"], "train: --resume and --model exclude each other"],
    [["--resume", "z", "--steps", "3"], "train: --steps is decided by what --resume names"],
    [["--model", "z", "--out", "x", "--d-model", "3"], "train: --d-model is decided by what --model names"],
    [
      ["--tokenizer", "z", "--out", "x", "--vocab-size", "300"],
      "train: --vocab-size is decided by what --tokenizer names",
    ],
    [["--out", "x", "--save-every", "0"], "train: --save-every must be at least 1"],
    [["--out", "x", "--dtype", "q4_0"], "train: --dtype must be f32, f16, bf16 for a folder, got q4_0"],
    [["--out", "https://x/y"], "train: --out must be a folder, or a file that ends in .gguf, got https://x/y"],
    [["--out", "x.bin"], "train: --out must be a folder, or a file that ends in .gguf, got x.bin"],
    [["--out", text], "is a file"],
    [["--out", join(text, "below")], "is a file"],
  ])("refuses %j before any work", async (args, problem) => {
    const { code, stdout, stderr } = await trainOn(args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(problem);
  });

  it("refuses to write a file where a folder is, and a text that is not there or too short", async () => {
    mkdirSync(place("folder.gguf"));
    expect((await trainOn(["--out", place("folder.gguf")])).stderr).toContain("is a folder");
    const missing = await runHeed(["train", place("nowhere.txt"), "--out", place("x")]);
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining("nowhere.txt: there is no such file")]);
    writeFileSync(place("zeros.txt"), "a\0b");
    const zeros = await runHeed(["train", place("zeros.txt"), "--out", place("x")]);
    expect([zeros.code, zeros.stderr]).toEqual([2, expect.stringContaining("is no text: it holds zero characters")]);
    const short = place("short.txt");
    writeFileSync(short, "Too short.");
    const { code, stderr } = await runHeed(["train", short, "--out", place("x")]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^heed: train: .*tokens/)]);
    expect((await runHeed(["train"])).stderr).toContain("train: which text?");
  });
});

describe("what npm start shares", () => {
  it("holds out whole lines, about a tenth", () => {
    const line = "abcdefghi\n";
    expect(holdOut(line.repeat(100))).toEqual({ train: line.repeat(91), validation: line.repeat(9) });
    expect(holdOut("abcdefghij")).toEqual({ train: "abcdefghi", validation: "j" });
  });

  it("shows a step as a line", () => {
    const step = {
      step: 5,
      loss: 1.23456,
      learningRate: 0.004,
      gradNorm: 0.5,
      tokensPerSecond: 1234.5,
      etaSeconds: 65,
    };
    expect(formatStep({ ...step, validationLoss: 2 }, 100)).toBe(
      "█░░░░░░░░░░░░░░░░░░░ step   5/100  loss 1.235  validation 2.000  rate 4.0e-3  gradient 0.50  1235 tokens/s  1:05 left",
    );
  });

  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.0 kB"],
    [99_949, "99.9 kB"],
    [99_950, "100 kB"],
    [999_499, "999 kB"],
    [999_500, "1.0 MB"],
    [3e15, "3000 TB"],
  ])("writes %d bytes as %s", (bytes, expected) => {
    expect(formatBytes(bytes)).toBe(expected);
  });
});
