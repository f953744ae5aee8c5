import { ANTHROPIC_MESSAGES, COUNTED_MESSAGES } from "../protocol/anthropic-messages.ts";
import { SESSION_EVENTS, SESSION_ITEMS } from "../protocol/anthropic-sessions.ts";
import { CHAT_COMPLETIONS, COMPLETIONS } from "../protocol/chat-completions.ts";
import type { Dialect } from "../protocol/dialect.ts";
import { MISTRAL_CHAT } from "../protocol/mistral-chat.ts";
import { EMBEDDINGS, IMAGES, MODERATIONS, SPEECH, TRANSCRIPTIONS } from "../protocol/other-apis.ts";
import { COUNTED_RESPONSES, RESPONSES } from "../protocol/responses.ts";
import { STORED_EVENTS, STORED_ITEMS, STORED_PROMPTS } from "../protocol/stored-items.ts";

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
  /** What describes a conversation is written; of some providers such a request makes a model go on with it. */
  | { readonly kind: "description"; readonly path: string }
  /** A file is put there: it may be a list of model calls. */
  | { readonly kind: "file" }
  /** A file is read that may hold the answers of a batch, or surely does. */
  | { readonly kind: "results"; readonly isSure: boolean }
  /** A model runs out of sight, or nobody knows whether one does. */
  | { readonly kind: "unseen"; readonly path: string };

/** Matched by the end of the path: gateways and Azure put their own in front. The first that fits counts. */
const MODEL_CALLS: readonly (readonly [end: RegExp, dialect: Dialect])[] = [
  [/\/chat\/completions$/i, CHAT_COMPLETIONS],
  [/\/agents\/completions$/i, MISTRAL_CHAT],
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
  [/\/conversations\/[^/]+\/(?:items(?:\/[^/]+)?|history|messages)$/i, STORED_ITEMS],
  [/\/threads\/[^/]+\/(?:messages|runs|runs\/[^/]+\/steps)(?:\/[^/]+)?$/i, STORED_ITEMS],
  [/\/chatkit\/threads\/[^/]+\/items$/i, STORED_ITEMS],
  [/\/evals\/[^/]+\/runs\/[^/]+\/output_items(?:\/[^/]+)?$/i, STORED_ITEMS],
  [/\/agents\/sessions\/[^/]+\/events$/i, STORED_EVENTS],
  [/\/agents\/sessions\/[^/]+\/(?:[^/]+\/)*(?:items|turns|traces)(?:\/[^/]+)?$/i, STORED_ITEMS],
  [/\/sessions\/[^/]+\/(?:threads\/[^/]+\/)?events$/i, SESSION_ITEMS],
  [/\/sessions\/[^/]+\/(?:events|threads\/[^/]+)\/stream$/i, SESSION_EVENTS],
];

/** Writing requests that make no model run, and answer with what one said before. */
const STORED_WRITES: readonly (readonly [end: RegExp, dialect: Dialect])[] = [
  [/\/responses\/[^/]+\/cancel$/i, RESPONSES],
  [/\/chat\/completions\/[^/]+$/i, CHAT_COMPLETIONS],
];

/** Prompts that leave now and that a model reads now or later: their tokens are counted, or they are kept. */
const PROMPTS: readonly (readonly [end: RegExp, dialect: Dialect])[] = [
  [/\/responses\/input_tokens$/i, COUNTED_RESPONSES],
  [/\/messages\/count_tokens$/i, COUNTED_MESSAGES],
  [/\/conversations(?:\/[^/]+\/items)?$/i, STORED_PROMPTS],
  [/\/threads(?:\/[^/]+\/messages)?$/i, STORED_PROMPTS],
];

/** Of each resource no more than it has: what stands in front may be anything, what comes behind may run a model. */
const DATA = new RegExp(
  `/(?:${[
    "(?:files|uploads|containers|vector_stores|vaults|skills|webhook_endpoints)(?:/[^/]+)?",
    "uploads/[^/]+/(?:parts|complete|cancel)",
    "containers/[^/]+/files",
    "vector_stores/[^/]+/(?:search|(?:files|file_batches)(?:/[^/]+(?:/cancel)?)?)",
    "vaults/[^/]+/credentials(?:/[^/]+)?",
    "skills/[^/]+/versions",
    "webhook_endpoints/[^/]+/(?:rotate_secret|test)",
    "content_provenance_checks",
    "audio/(?:voices|voice_consents)",
    "oauth2?/token",
    `organization/(?:${[
      "admin_api_keys|certificates|data_retention|external_keys|external_storage|groups|invites|projects|roles",
      "spend_alerts|spend_limit|users|workload_identity_providers",
    ].join("|")})(?:/[^/]+){0,4}`,
  ].join("|")})$`,
  "i",
);

/** Conversations and threads, and what is said in them. */
const DESCRIBED = /\/(?:conversations|threads|threads\/[^/]+\/messages)\/[^/]+$/i;

/** Where files are put. */
const FILES = /\/(?:files|uploads)$/i;

/** Where the answers of a batch are read: of OpenAI among all other files, of Anthropic by themselves. */
const RESULTS = /\/files\/[^/]+\/content$|\/messages\/batches\/[^/]+\/results$/i;

/** Files that code has written. */
const OF_CONTAINER = /\/containers\/[^/]+\/files\/[^/]+\/content$/i;

/** Parts of paths behind which models run, wherever data may stand before or behind them. */
const RUNS =
  /\/(?:agents|assistants|batches|chatkit|decisions|evals|fine_tuning|live|realtime|runs|videos)(?:\/|$)/i;

/** What runs there is only ended. */
const CANCELS = /\/(?:batches|fine_tuning\/jobs|evals\/[^/]+\/runs)\/[^/]+\/cancel$/i;

/**
 * What nobody writes so but in disguise: a slash, backslash or percent sign, and what need not be encoded at all. Some
 * servers read it, and find another path behind it.
 * @see RFC 3986, section 2.3 "Unreserved Characters"
 */
const DISGUISED = /%(?:25|2d|2e|2f|3\d|[46][1-9a-f]|[57][0-9a]|5c|5f|7e)/i;

/**
 * Says what a request is.
 * @param passthrough Ends of paths that the application lets pass without a decision, such as `/batches`.
 */
export function endpointOf(method: string, url: URL, passthrough: readonly string[]): Endpoint {
  // Servers take both, and a slash more must not make another endpoint of it.
  const path = url.pathname.replace(/\/+/g, "/").replace(/\/$/, "");
  const isRead = method === "GET" || method === "HEAD";
  const isPassed = passthrough.some((end) => path.endsWith(end));
  if (isRead) return readOf(plainOf(path), isPassed) ?? DATA_ONLY;
  // Nothing is deleted there: a gateway that reads another method from a header would run it.
  if (method === "DELETE")
    return isPassed || dialectIn(MODEL_CALLS, plainOf(path)) === undefined
      ? DATA_ONLY
      : { kind: "unseen", path };
  if (isPassed) return DATA_ONLY;
  if (DISGUISED.test(path)) return { kind: "unseen", path };
  const called = dialectIn(PROMPTS, path) ?? dialectIn(MODEL_CALLS, path);
  if (called !== undefined) {
    const isMistral = called === CHAT_COMPLETIONS && MISTRAL.test(url.hostname);
    return { kind: "model", dialect: isMistral ? MISTRAL_CHAT : called, isStored: false };
  }
  const stored = storedIn(STORED_WRITES, path);
  if (stored !== undefined) return stored;
  if (DESCRIBED.test(path) && !RUNS.test(path)) return { kind: "description", path };
  const isData = CANCELS.test(path) || (DATA.test(path) && !RUNS.test(path));
  if (!isData) return { kind: "unseen", path };
  return FILES.test(path) ? { kind: "file" } : DATA_ONLY;
}

const DATA_ONLY: Endpoint = { kind: "data" };

/** Its own servers; behind a gateway nobody can tell. */
const MISTRAL = /(?:^|\.)mistral\.ai$/;

function readOf(path: string, isPassed: boolean): Endpoint | undefined {
  if (!isPassed && RESULTS.test(path) && !OF_CONTAINER.test(path))
    return { kind: "results", isSure: /\/results$/i.test(path) };
  return storedIn(STORED_READS, path);
}

/** What a server that sees through a disguise would read, however often it looks. */
function plainOf(path: string): string {
  let plain = path;
  try {
    while (DISGUISED.test(plain)) {
      plain = new URL(decodeURIComponent(plain), "http://host").pathname.replace(/\/+/g, "/");
    }
  } catch {
    // No path at all: then nothing is behind it.
    return path;
  }
  return plain;
}

function dialectIn(places: typeof MODEL_CALLS, path: string): Dialect | undefined {
  return places.find(([end]) => end.test(path))?.[1];
}

function storedIn(places: typeof STORED_READS, path: string): Endpoint | undefined {
  const dialect = dialectIn(places, path);
  return dialect === undefined ? undefined : { kind: "model", dialect, isStored: true };
}
