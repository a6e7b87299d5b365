/**
 * Three test projects: `node` runs the sources in Node, `browser` runs the built package in Chromium in a page that is cross-origin
 * isolated, `browser-plain` the same in one that is not. `npm test -- --project node` runs one of them.
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { playwright } from "@vitest/browser-playwright";
import type { TestProjectInlineConfiguration, ViteUserConfig } from "vitest/config";
import { keepsFiles } from "./browser/file-server.ts";
import { SkipReporter } from "./skip-reporter.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const chromiumPath = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";

/** Without these, Chromium asks hosts outside for updates at every start. */
const chromiumArguments = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Both headers together make a page cross-origin isolated, which SharedArrayBuffer needs. */
const isolation = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

/** What the projects share; loading and training models takes longer than the usual five seconds. */
const patience = { testTimeout: 60_000, hookTimeout: 180_000 };

const nodeProject: TestProjectInlineConfiguration = {
  extends: true,
  resolve: {
    alias: [
      { find: /^heed$/, replacement: `${root}src/index.ts` },
      { find: /^heed\/(.+)$/, replacement: `${root}src/public/$1.ts` },
    ],
  },
  test: { ...patience, name: "node", include: ["test/**/*.test.ts"], exclude: ["test/browser/**"] },
};

const browserProject = (name: string, isolated: boolean): TestProjectInlineConfiguration => ({
  extends: true,
  resolve: {
    alias: [
      { find: /^heed$/, replacement: `${root}dist/index.js` },
      { find: /^heed\/(.+)$/, replacement: `${root}dist/$1.js` },
    ],
  },
  plugins: [keepsFiles()],
  server: { host: "127.0.0.1", headers: isolated ? isolation : {} },
  test: {
    ...patience,
    name,
    provide: { isolated },
    include: ["test/browser/**/*.test.ts"],
    globalSetup: ["test/ensure-dist.ts"],
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      api: { host: "127.0.0.1" },
      provider: playwright({ launchOptions: { executablePath: chromiumPath, args: chromiumArguments } }),
      instances: [{ browser: "chromium" }],
    },
  },
});

const hasBrowser = existsSync(chromiumPath);
const noBrowser = `no browser tests: no Chromium at ${chromiumPath} (set CHROMIUM_PATH)`;
if (!hasBrowser && process.env.CI === "true") throw new Error(noBrowser);

const config: ViteUserConfig = {
  root,
  test: {
    maxWorkers: "100%", // by itself vitest leaves a processor free: of two, that is half
    reporters: [new SkipReporter(hasBrowser ? [] : [noBrowser]), "default"],
    projects: hasBrowser
      ? [nodeProject, browserProject("browser", true), browserProject("browser-plain", false)]
      : [nodeProject],
  },
};
export default config;
