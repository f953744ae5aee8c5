import { ANTHROPIC_MESSAGES } from "./protocol/anthropic-messages.ts";
import { CHAT_COMPLETIONS, COMPLETIONS } from "./protocol/chat-completions.ts";
import type { Dialect } from "./protocol/dialect.ts";
import { EMBEDDINGS, IMAGES, MODERATIONS, SPEECH, TRANSCRIPTIONS } from "./protocol/other-apis.ts";
import { RESPONSES } from "./protocol/responses.ts";
import { STORED_ITEMS } from "./protocol/stored-items.ts";

/** What a request is, by its method and path. */
export type Endpoint =
  | {
      readonly kind: "model";
      readonly dialect: Dialect;
      /** An answer that was made before is read again: nothing is asked of a model. */
      readonly isStored: boolean;
    }
  /** Files, lists, settings: no model runs, nothing to decide. */
  | { readonly kind: "data" }
  /** A model runs out of sight, or nobody knows whether one does. */
  | { readonly kind: "unseen"; readonly path: string };

/** Matched by the end of the path: gateways and Azure put their own in front. The first that fits counts. */
const MODEL_CALLS: readonly (readonly [end: RegExp, dialect: Dialect])[] = [
  [/\/chat\/completions$/i, CHAT_COMPLETIONS],
  [/\/completions$/i, COMPLETIONS],
  [/\/responses(?:\/compact)?$/i, RESPONSES],
  [/\/messages$/i, ANTHROPIC_MESSAGES],
  [/\/embeddings$/i, EMBEDDINGS],
  [/\/moderations$/i, MODERATIONS],
  [/\/images\/(?:generations|edits|variations)$/i, IMAGES],
  [/\/audio\/speech$/i, SPEECH],
  [/\/audio\/(?:transcriptions|translations)$/i, TRANSCRIPTIONS],
];

/** What was said before, where it is read again. */
const STORED_READS: readonly (readonly [end: RegExp, dialect: Dialect])[] = [
  [/\/responses\/[^/]+$/i, RESPONSES],
  [/\/chat\/completions\/[^/]+$/i, CHAT_COMPLETIONS],
  [/\/chat\/completions(?:\/[^/]+\/messages)?$/i, STORED_ITEMS],
  [/\/responses\/[^/]+\/input_items$/i, STORED_ITEMS],
  [/\/conversations\/[^/]+\/items(?:\/[^/]+)?$/i, STORED_ITEMS],
  [/\/threads\/[^/]+\/(?:messages|runs\/[^/]+\/steps)(?:\/[^/]+)?$/i, STORED_ITEMS],
];

/** Writing requests that make no model run, and answer with what one said before. */
const STORED_WRITES: readonly (readonly [end: RegExp, dialect: Dialect])[] = [
  [/\/responses\/[^/]+\/cancel$/i, RESPONSES],
  [/\/chat\/completions\/[^/]+$/i, CHAT_COMPLETIONS],
];

/** Writing requests that make no model run. */
const DATA =
  /\/(?:files|uploads|vector_stores|containers|conversations|skills|vaults|webhook_endpoints|organization|content_provenance_checks|safety)(?:\/.*)?$|\/responses\/input_tokens$|\/messages\/count_tokens$|\/audio\/(?:voices|voice_consents)$|\/(?:batches|fine_tuning\/jobs|evals\/[^/]+\/runs)\/[^/]+\/cancel$|\/oauth2?\/token$/i;

/** Threads of the assistants API have messages of their own; posting one runs nothing. `/threads/runs` runs a model. */
const THREAD_DATA = /\/threads(?:\/(?!runs(?:\/|$))[^/]+)?(?:\/messages(?:\/[^/]+)?)?$/i;

/** A slash, backslash or dot in disguise: some servers read it, and find another path behind it. */
const DISGUISED = /%(?:2e|2f|5c|25)/i;

/**
 * Says what a request is.
 * @param passthrough Ends of paths that the application lets pass without a decision, such as `/batches`.
 */
export function endpointOf(method: string, url: URL, passthrough: readonly string[]): Endpoint {
  // Servers take both, and a slash more must not make another endpoint of it.
  const path = url.pathname.replace(/\/+/g, "/").replace(/\/$/, "");
  const isRead = method === "GET" || method === "HEAD";
  if (isRead || method === "DELETE") {
    return (isRead ? storedIn(STORED_READS, path) : undefined) ?? { kind: "data" };
  }
  if (passthrough.some((end) => path.endsWith(end))) return { kind: "data" };
  if (DISGUISED.test(path)) return { kind: "unseen", path };
  if (THREAD_DATA.test(path)) return { kind: "data" };
  const called = MODEL_CALLS.find(([end]) => end.test(path));
  if (called !== undefined) return { kind: "model", dialect: called[1], isStored: false };
  const stored = storedIn(STORED_WRITES, path);
  if (stored !== undefined) return stored;
  return DATA.test(path) ? { kind: "data" } : { kind: "unseen", path };
}

function storedIn(places: typeof STORED_READS, path: string): Endpoint | undefined {
  const found = places.find(([end]) => end.test(path));
  return found === undefined ? undefined : { kind: "model", dialect: found[1], isStored: true };
}
