/**
 * A page with a strict content security policy, which forbids eval, WebAssembly and blob workers: the plain loops need none
 * of them. (Where no Chromium is found, the configuration says so once for all browser tests.)
 */
import { existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { build } from "esbuild"; // comes with tsup
import { chromium } from "playwright";
import { afterAll, beforeAll, expect, it } from "vitest";
import { PINNED } from "./pinned-training.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const executablePath = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
const policy = "default-src 'none'; script-src 'self'; connect-src 'self'";

/** Runs in the page; its result becomes the title, the one thing that such a page can show without styles or scripts in it. */
const program = `
  import { backend } from "heed";
  import { runPinnedTraining } from "./test/pinned-training.ts";
  document.title = JSON.stringify({ info: backend.info(), run: await runPinnedTraining() });
`;

let server: Server;

beforeAll(async () => {
  const { outputFiles } = await build({
    stdin: { contents: program, resolveDir: root },
    alias: { heed: `${root}src/index.ts` },
    bundle: true,
    write: false,
    platform: "browser",
    format: "esm",
    logLevel: "silent",
  });
  server = createServer((request, response) => {
    response.setHeader("Content-Security-Policy", policy);
    const script = request.url === "/program.js";
    response.setHeader("Content-Type", script ? "text/javascript" : "text/html");
    response.end(
      script ? outputFiles[0].contents : "<!doctype html><title></title><script type=module src=/program.js></script>",
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});

afterAll(() => server?.close());

it.runIf(existsSync(executablePath))("trains and writes under a policy that forbids eval and WebAssembly", async () => {
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-quic"] });
  try {
    const page = await browser.newPage();
    const failures: string[] = [];
    page.on("pageerror", (error) => failures.push(String(error)));
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    // The title is asked for from outside: what Playwright evaluates in the page may be forbidden there.
    await expect.poll(async () => failures[0] ?? (await page.title()), { timeout: 30_000 }).not.toBe("");
    expect(failures).toEqual([]);
    const { info, run } = JSON.parse(await page.title());
    expect(info.name).toBe("loops");
    expect(info.reasons[0]).toMatch(/^The "wasm" backend is not used: WebAssembly is refused here: .*Content Security/);
    expect(run).toEqual(PINNED);
  } finally {
    await browser.close();
  }
});
