/**
 * Pages whose content security policy forbids some of what makes heed fast: WebAssembly, or the blobs that workers start
 * from. It works in each of them, and says what is missing. (Where no Chromium is found, the configuration says so once for all browser
 * tests.)
 */
import { existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { build } from "esbuild"; // comes with tsup
import { chromium, type Browser } from "playwright";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BackendInfo } from "../src/backend/backend.ts";
import { PINNED, type runPinnedTraining } from "./pinned-training.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const executablePath = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";

const strict = "default-src 'none'; script-src 'self'; connect-src 'self'";
const middle = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'";
const isolation = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

/** The pages by path: headers, and what is expected of the backend. */
const pages: Readonly<
  Record<string, { headers: Record<string, string>; info: Partial<BackendInfo>; reason: RegExp | null }>
> = {
  "/strict": {
    headers: { "Content-Security-Policy": strict },
    info: { name: "loops", threads: 1 },
    reason: /^The "wasm" backend is not used: WebAssembly is refused here: .*Content Security/,
  },
  "/strict-isolated": {
    headers: { "Content-Security-Policy": strict, ...isolation },
    info: { name: "loops", threads: 1 },
    reason: /^The "wasm" backend is not used: WebAssembly is refused here: .*Content Security/,
  },
  "/no-workers": {
    headers: { "Content-Security-Policy": middle, ...isolation },
    info: { name: "wasm", threads: 1 },
    reason: /Worker 1 is lost: it was refused/,
  },
  "/no-workers-not-isolated": {
    headers: { "Content-Security-Policy": middle },
    info: { name: "wasm", threads: 1 },
    reason: /One thread: .*cross-origin isolated/,
  },
  "/workers": {
    headers: { "Content-Security-Policy": `${middle}; worker-src blob:`, ...isolation },
    info: { name: "wasm", threads: 3 },
    reason: null,
  },
};

/** Runs in the page; its result becomes the title, the one thing that such a page can show without styles or scripts in it. */
const program = `
  import { backend } from "heed";
  import { runPinnedTraining } from "./test/pinned-training.ts";
  if (backend.info().name === "wasm") backend.use("wasm", { threads: 3, relaxed: false });
  const first = await runPinnedTraining(); // before anybody waits for threads
  const info = await backend.ready();
  document.title = JSON.stringify({ info, runs: [first, await runPinnedTraining()] });
`;

let server: Server;
let browser: Browser;

beforeAll(async () => {
  if (!existsSync(executablePath)) return;
  const { outputFiles } = await build({
    stdin: { contents: program, resolveDir: root },
    alias: { heed: `${root}src/index.ts` },
    bundle: true,
    write: false,
    platform: "browser",
    format: "esm",
    logLevel: "silent",
  });
  server = createServer(({ url = "" }, response) => {
    const page = pages[url];
    for (const [name, value] of Object.entries(page?.headers ?? isolation)) response.setHeader(name, value);
    response.setHeader("Content-Type", page === undefined ? "text/javascript" : "text/html");
    response.end(
      page === undefined
        ? outputFiles[0].contents
        : "<!doctype html><title></title><script type=module src=/program.js></script>",
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-quic"] });
});

afterAll(async () => {
  await browser?.close();
  server?.close();
});

interface Outcome {
  info: BackendInfo;
  runs: Awaited<ReturnType<typeof runPinnedTraining>>[];
}

/** What the program says in a page. */
async function visit(path: string): Promise<Outcome> {
  const page = await browser.newPage();
  const failures: string[] = [];
  page.on("pageerror", (error) => failures.push(String(error)));
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`);
  // The title is asked for from outside: what Playwright evaluates in the page may be forbidden there.
  await expect.poll(async () => failures[0] ?? (await page.title()), { timeout: 30_000 }).not.toBe("");
  expect(failures).toEqual([]);
  const outcome = JSON.parse(await page.title()) as Outcome;
  await page.close();
  return outcome;
}

describe.runIf(existsSync(executablePath))("trains and writes under a policy", () => {
  it.each(Object.entries(pages))("%s", async (path, { info: expected, reason }) => {
    const { info, runs } = await visit(path);
    expect(info).toMatchObject(expected);
    if (reason !== null) expect(info.reasons.join("\n")).toMatch(reason);
    for (const run of runs) expect(run).toEqual(PINNED[info.name]);
  });
});
