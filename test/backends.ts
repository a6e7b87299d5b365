/** The same tests on every backend, and with every kind of arithmetic that this engine has. */
import { afterAll, beforeAll, describe } from "vitest";
import { backend } from "../src/backend/current.ts";
import type { BackendName, BackendOptions } from "../src/backend/current.ts";
import { hasRelaxedSimd } from "../src/backend/wasm/features.ts";

const choices: readonly (readonly [name: BackendName, options: BackendOptions])[] = [
  ["loops", {}],
  ["wasm", { relaxed: false }],
  ...(hasRelaxedSimd() ? [["wasm", { relaxed: true }] as const] : []),
];

/** Defines tests once for each backend, which is the active one while they are defined and while they run. */
export function describeBackends(define: (name: BackendName) => void): void {
  for (const [name, options] of choices) {
    const use = (): void => backend.use(name, options);
    describe(`on ${name}${options.relaxed === true ? " with relaxed arithmetic" : ""}`, () => {
      use();
      beforeAll(use);
      afterAll(() => backend.use("auto"));
      define(name);
    });
  }
}
