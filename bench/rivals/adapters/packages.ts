/** Finds the rivals' packages. Their types are not installed where heed is built, so adapters say themselves what they use. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** This bundle lies in bench/rivals/.build; beside that folder are the packages. */
const installed = fileURLToPath(new URL("../node_modules/", import.meta.url));

/** Imports a package as `T`, from where the bundle lies. CommonJS packages come as their default export. */
export async function importPackage<T>(name: string): Promise<T> {
  const loaded = (await import(name)) as { default?: T } & T;
  return Object.keys(loaded).some((key) => key !== "default" && key !== "module.exports") ||
    loaded.default === undefined
    ? loaded
    : loaded.default;
}

/** The version of an installed package. */
export function packageVersion(name: string): string {
  return (JSON.parse(readFileSync(join(installed, name, "package.json"), "utf8")) as { version: string }).version;
}
