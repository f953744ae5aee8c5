import { isJsonObject, type JsonValue } from "../base/json.ts";

/** Causes and collected errors are followed so far; what lies deeper is not shown. */
const MAX_DEPTH = 4;

/**
 * What rules look at of something that was thrown: everything by which it could be shown, because a framework may print
 * its message, its text, its members or its cause.
 */
export function readError(error: unknown): unknown {
  return read(error, 0);
}

function read(error: unknown, depth: number): unknown {
  if (typeof error !== "object" || error === null) return error === undefined ? "undefined" : error;
  if (!(error instanceof Error)) return { ...membersOf(error), text: textOf(error) };
  const { message, name, cause } = error;
  const text = textOf(error);
  const members = membersOf(error);
  if (cause !== undefined) members["cause"] = depth < MAX_DEPTH ? read(cause, depth + 1) : "…";
  if (error instanceof AggregateError && depth < MAX_DEPTH) {
    members["errors"] = error.errors.map((one: unknown) => read(one, depth + 1));
  }
  // The usual error is its message alone, and so is what rules and records see of it.
  const isPlain = Object.keys(members).length === 0 && text === `${name}: ${message}`;
  return isPlain ? message : { ...members, name, message, text };
}

function membersOf(thrown: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(thrown));
}

/** As a framework would print it; an object may bring its own words. */
function textOf(thrown: object): string {
  // oxlint-disable-next-line typescript/no-base-to-string -- what it prints is just what must be looked at
  return String(thrown);
}

/**
 * The error to throw instead, once something in it was redacted: fresh, because the original's stack, cause and members
 * would repeat what was hidden.
 * @param error What was thrown.
 * @param shown What rules left of `readError(error)`.
 */
export function shownError(error: unknown, shown: JsonValue): Error {
  const redacted = new Error(messageOf(shown));
  redacted.name = error instanceof Error ? error.name : "Error";
  return redacted;
}

function messageOf(shown: JsonValue): string {
  if (typeof shown === "string") return shown;
  if (!isJsonObject(shown)) return "the error was redacted";
  const message = shown["message"] ?? shown["text"];
  return typeof message === "string" ? message : "the error was redacted";
}
