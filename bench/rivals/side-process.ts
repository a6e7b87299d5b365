/** The process of one side, as the benchmark sees it: a function that asks and waits. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import type { Duplex } from "node:stream";
import { CHANNEL, lineReader } from "./protocol.ts";
import type { Answers, Reply, Request } from "./protocol.ts";

/** How much of what a process writes is kept for the message when it dies. */
const LAST_WORDS = 600;

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** A side's process: one request at a time. */
export class SideProcess {
  readonly #child: ChildProcess;
  readonly #channel: Duplex;
  #waiting: Waiting | undefined;
  #lastWords = "";
  #end: Error | undefined;

  /** Starts `command` with the channel open; `threads` limits the libraries that read it from the environment. */
  constructor(command: string, args: readonly string[], threads: number) {
    const { NODE_OPTIONS: _nodeOptions, ...env } = process.env;
    const limits = {
      OMP_NUM_THREADS: String(threads),
      OPENBLAS_NUM_THREADS: String(threads),
      // node-llama-cpp computes on libuv's threads. Each that has ever called OpenMP keeps a team of its own, and with more
      // teams than processors two threads take three times as long as one.
      UV_THREADPOOL_SIZE: "1",
      TOKENIZERS_PARALLELISM: String(threads > 1),
    };
    this.#child = spawn(command, args, {
      env: { ...env, ...limits },
      stdio: ["ignore", "pipe", "pipe", ...Array<"pipe">(CHANNEL - 2).fill("pipe")],
    });
    this.#channel = this.#child.stdio[CHANNEL] as Duplex;
    this.#channel.setEncoding("utf8");
    this.#channel.on(
      "data",
      lineReader((line) => this.#receive(JSON.parse(line) as Reply)),
    );
    this.#channel.on("error", () => undefined); // the process has ended, and says so itself
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on("data", (chunk: Buffer) => {
        this.#lastWords = (this.#lastWords + chunk.toString()).slice(-LAST_WORDS);
      });
    this.#child.on("error", (error) => this.#finish(error));
    this.#child.on("close", (code, signal) => {
      const words = this.#lastWords.trim();
      this.#finish(new Error(`the process ended with ${signal ?? code}${words === "" ? "" : `: ${words}`}`));
    });
  }

  /** Whether the process is gone. */
  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  /** Sends a request and waits for the answer, at most `limitMs`. The error of a side is the error of the promise. */
  ask<Op extends Request["op"]>(request: Extract<Request, { op: Op }>, limitMs: number): Promise<Answers[Op]> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.close();
        this.#finish(new Error(`${request.op}: no answer within ${limitMs / 1000} s`));
      }, limitMs);
      this.#waiting = {
        resolve: (value) => (clearTimeout(timer), resolve(value as Answers[Op])),
        reject: (error) => (clearTimeout(timer), reject(error)),
      };
      this.#channel.write(`${JSON.stringify(request)}\n`);
    });
  }

  /** Ends the process. */
  close(): void {
    this.#child.kill("SIGKILL");
  }

  #receive(reply: Reply): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if ("error" in reply) waiting?.reject(new Error(reply.error));
    else waiting?.resolve(reply.ok);
  }

  #finish(error: Error): void {
    this.#end ??= error;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(error);
  }
}
