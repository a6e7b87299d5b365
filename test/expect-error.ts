/** Assertions on errors: their kind and their whole message. */
import { expect } from "vitest";
import type { HeedError } from "../src/errors.ts";

type ErrorKind = new (...args: never[]) => HeedError;

/** Asserts that `fn` throws exactly this kind of error, with this message or a message that matches. */
export function expectError(fn: () => unknown, kind: ErrorKind, message: string | RegExp): void {
  let thrown: unknown;
  try {
    fn();
  } catch (error) {
    thrown = error;
  }
  expect(thrown, `an error that says "${String(message)}"`).toBeInstanceOf(kind);
  if (typeof message === "string") expect((thrown as Error).message).toBe(message);
  else expect((thrown as Error).message).toMatch(message);
}
