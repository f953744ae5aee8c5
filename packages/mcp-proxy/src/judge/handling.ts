import { recordOf, type JsonRecord } from "../frame/json.ts";
import { hasWords, isOfProtocol } from "./words.ts";

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
/** The name of a model that a server would like. */
const isHint: Form = (value) =>
  Object.entries(recordOf(value) ?? { value }).every(
    ([name, text]) => name === "name" && typeof text === "string" && /^[\w.:/-]{1,64}$/.test(text),
  );
/** Such models, and how much each of their qualities counts. */
const isPreference: Form = (value) => {
  const { hints = [], ...priorities } = recordOf(value) ?? { value };
  return Array.isArray(hints) && hints.every(isHint) && Object.values(priorities).every(isNumber);
};
/** What of a request for the client's model says how that is asked, and is nothing that it reads. */
const OF_SAMPLING: ReadonlyMap<string, Form> = new Map([
  ["maxTokens", isNumber],
  ["temperature", isNumber],
  ["modelPreferences", isPreference],
  ["includeContext", (value: unknown) => typeof value === "string" && /^[A-Za-z]{1,32}$/.test(value)],
  ["task", (value: unknown) => Object.values(recordOf(value) ?? { value }).every(isNumber)],
]);
/** What stands beside any request: by what its progress is known, and of which trace it is (W3C Trace Context). */
const OF_META: ReadonlyMap<string, Form> = new Map([
  ["progressToken", isId],
  ["traceparent", (value: unknown) => typeof value === "string" && /^[\da-f-]{1,64}$/.test(value)],
]);

/** What of a result is content, under whatever name: one of the protocol's does not hide what is no such thing. */
export function contentOf(result: JsonRecord): JsonRecord {
  return without(result, OF_RESULTS);
}

/** The same of the parameters of a notification, or of a request that no rule is about. */
export function contentOfNotice(params: JsonRecord): JsonRecord {
  return withoutOfMeta(without(params, OF_NOTICES));
}

/** The same of what a client says beside a request of its own; of the protocol's own names there only the protocol speaks. */
export function withoutHandling(content: JsonRecord): JsonRecord {
  const meta = recordOf(content["_meta"]);
  if (meta === undefined) return content;
  const own = Object.entries(without(meta, OF_META)).filter(([name]) => !isOfProtocol(name));
  return { ...content, _meta: Object.fromEntries(own) };
}

/** The same of a request for the client's model. */
export function contentOfSampling(params: JsonRecord): JsonRecord {
  const { _meta: meta, ...content } = withoutOfMeta(without(params, OF_SAMPLING));
  const isSilent = recordOf(meta) !== undefined && !hasWords(meta);
  return meta === undefined || isSilent ? content : { ...content, _meta: meta };
}

function withoutOfMeta(content: JsonRecord): JsonRecord {
  const meta = recordOf(content["_meta"]);
  return meta === undefined ? content : { ...content, _meta: without(meta, OF_META) };
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
