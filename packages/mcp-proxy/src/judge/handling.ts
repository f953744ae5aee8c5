import type { JsonRecord } from "../frame/json.ts";

/** Whether a value is what a member of this name holds. */
type Form = (value: unknown) => boolean;

const isText: Form = (value) => typeof value === "string";
const isNumber: Form = (value) => typeof value === "number";
const isId: Form = (value) => isText(value) || isNumber(value);
/** One word of the protocol's, known to us or not; what has more to say is no such word. */
const isWord: Form = (value) => typeof value === "string" && /^[a-z_]{1,32}$/.test(value);

/** What of a result is no content: it says how to handle it. */
const OF_RESULTS: ReadonlyMap<string, Form> = new Map([
  ["resultType", isWord],
  ["nextCursor", isText],
  ["ttlMs", isNumber],
  ["cacheScope", isWord],
  ["isError", (value: unknown) => typeof value === "boolean"],
  ["requestState", isText],
]);
/** What of a notification is no content: it says which request or task it is about, and how far that is. */
const OF_NOTICES: ReadonlyMap<string, Form> = new Map([
  ["progressToken", isId],
  ["progress", isNumber],
  ["total", isNumber],
  ["level", isWord],
  ["requestId", isId],
  ["taskId", isText],
]);

/** What of a result is content, under whatever name: one of the protocol's does not hide what is no such thing. */
export function contentOf(result: JsonRecord): JsonRecord {
  return without(result, OF_RESULTS);
}

/** The same of a notification's parameters. */
export function contentOfNotice(params: JsonRecord): JsonRecord {
  return without(params, OF_NOTICES);
}

/** Whether the protocol gives a name a meaning of which nobody is asked: a rewritten one must not get it. */
export function isHandling(name: string): boolean {
  return OF_RESULTS.has(name) || OF_NOTICES.has(name);
}

function without(all: JsonRecord, forms: ReadonlyMap<string, Form>): JsonRecord {
  const isContent = ([name, value]: readonly [string, unknown]): boolean => forms.get(name)?.(value) !== true;
  const entries = Object.entries(all);
  return entries.every(isContent) ? all : Object.fromEntries(entries.filter(isContent));
}
