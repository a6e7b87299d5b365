/** Puts the rivals where they are looked for, as far as that can be done. Nothing of theirs runs while it is installed. */
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { HERE, PACKAGES } from "./places.ts";

/** What npm keeps of what it installed; as old as the last installation. */
const INSTALLED = `${PACKAGES}.package-lock.json`;

/** Whether what is wanted has changed since the last installation. */
function isInstalled(): boolean {
  if (!existsSync(INSTALLED)) return false;
  const installed = statSync(INSTALLED).mtimeMs;
  return ["package.json", "package-lock.json"].every((name) => statSync(HERE + name).mtimeMs <= installed);
}

/**
 * Installs the rivals. `npm install` and not `npm ci`, because the lockfile knows only the platforms that it was made with; every
 * package is optional, so one that is not to be had does not stop the others.
 *
 * @returns why not everything may be there
 */
export function installRivals(): string | undefined {
  if (isInstalled()) return undefined;
  const args = ["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"];
  const { status, error, stderr } = spawnSync("npm", args, {
    cwd: HERE,
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  if (status === 0) return undefined;
  const lines = (stderr ?? "").split("\n").filter((line) => line.startsWith("npm error"));
  return error?.message ?? (lines.slice(0, 3).join(" ") || `npm ended with ${status}`);
}
