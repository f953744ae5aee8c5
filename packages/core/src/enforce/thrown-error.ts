import { isJsonObject, type JsonValue } from "../base/json.ts";
import { hasUnreadable, snapshot } from "../context/snapshot.ts";

/** Causes and collected errors are followed so far. */
const MAX_DEPTH = 4;

/** What was thrown, for rules to look at. */
export interface ErrorContent {
  readonly content: unknown;
  /** Some of it could not be read: the original must not be shown. */
  readonly isPartial: boolean;
}

/**
 * What rules look at of something that was thrown: everything by which it could be shown, because a framework may print
 * its message, its text, its members or its cause.
 */
export function readError(error: unknown): ErrorContent {
  const walk = { isPartial: false };
  const content = snapshotOf(read(error, 0, walk));
  if (content !== undefined) return { content, isPartial: walk.isPartial };
  // Members in a circle, too large or not plain data: the words are judged, and only they are shown.
  return {
    content: typeof error === "object" && error !== null ? textOf(error) : String(error),
    isPartial: true,
  };
}

function snapshotOf(content: unknown): JsonValue | undefined {
  try {
    const copied = snapshot(content);
    return hasUnreadable(copied) ? undefined : copied;
  } catch {
    // What cannot be copied cannot be judged member by member.
    return undefined;
  }
}

function read(error: unknown, depth: number, walk: { isPartial: boolean }): unknown {
  if (typeof error !== "object" || error === null) return error === undefined ? "undefined" : error;
  if (depth > MAX_DEPTH) {
    walk.isPartial = true;
    return "…";
  }
  if (!(error instanceof Error)) return { ...membersOf(error), text: textOf(error) };
  const { message, name, cause } = error;
  const text = textOf(error);
  const members = membersOf(error);
  if (cause !== undefined) members["cause"] = read(cause, depth + 1, walk);
  if (error instanceof AggregateError) {
    members["errors"] = error.errors.map((one: unknown) => read(one, depth + 1, walk));
  }
  // The usual error is its message alone, and so is what rules and records see of it.
  const isPlain =
    Object.keys(members).length === 0 && PLAIN_NAME.test(name) && text === `${name}: ${message}`;
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
 * @param shown What rules left of the content of `readError(error)`.
 */
export function shownError(error: unknown, shown: JsonValue): Error {
  const redacted = new Error(messageOf(shown));
  redacted.name = nameOf(error, shown);
  return redacted;
}

/** A name that says what kind of error it is, and nothing else. */
const PLAIN_NAME = /^[A-Z][A-Za-z]{0,63}$/;

function nameOf(error: unknown, shown: JsonValue): string {
  const name = isJsonObject(shown) ? shown["name"] : error instanceof Error ? error.name : undefined;
  return typeof name === "string" && PLAIN_NAME.test(name) ? name : "Error";
}

function messageOf(shown: JsonValue): string {
  if (typeof shown === "string") return shown;
  if (!isJsonObject(shown)) return "the error was redacted";
  const message = shown["message"] ?? shown["text"];
  return typeof message === "string" ? message : "the error was redacted";
}
