#!/usr/bin/env node
/** The program `heed`, for Node: `npx heed --help`. What it does is in cli/. */
import { run } from "./cli/run.ts";

const { stdout, stderr, stdin, env } = process;
const controller = new AbortController();
// Once: a second Ctrl-C ends a program that does not get to stopping.
process.once("SIGINT", () => controller.abort());
// A reader that has seen enough, as in `heed generate ... | head -1`, is no error.
stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") stderr.write(`heed: the output cannot be written: ${error.message}\n`);
  process.exit(error.code === "EPIPE" ? 0 : 1);
});

void run(process.argv.slice(2), { stdout, stderr, stdin, environment: env, signal: controller.signal }).then((code) => {
  process.exitCode = code;
  stdin.destroy(); // else a terminal that was being read would keep the program alive
});
