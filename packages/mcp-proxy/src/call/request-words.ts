import type { GuardInit } from "@agentplane/core";

import { without, type Frame } from "../frame/frame.ts";
import { recordOf, textOf, type JsonRecord } from "../frame/json.ts";
import { CODES, errorFrame, idOf } from "../frame/rpc.ts";
import { sessionOf, type Connection } from "../connection/connection.ts";
import { withoutHandling } from "../judge/handling.ts";
import { rewrittenContent } from "../judge/rewritten-content.ts";
import { hasWords } from "../judge/words.ts";

const ANSWERS = ["inputResponses", "requestState"];
/** What of each request is decided or judged elsewhere, or is the server's own word; all else nobody would see. */
const SEEN: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries({
    initialize: ["protocolVersion", "capabilities", "clientInfo"],
    "server/discover": [],
    ping: [],
    "tools/call": ["name", "arguments", "task", ...ANSWERS],
    "prompts/get": ["name", "arguments", ...ANSWERS],
    "resources/read": ["uri", ...ANSWERS],
    "resources/subscribe": ["uri"],
    "resources/unsubscribe": ["uri"],
    "completion/complete": ["ref", "argument", "context"],
    "tasks/get": ["taskId"],
    "tasks/result": ["taskId"],
    "tasks/cancel": ["taskId"],
    "tasks/update": ["taskId", ...ANSWERS],
    "tasks/list": ["cursor"],
    "tools/list": ["cursor"],
    "prompts/list": ["cursor"],
    "resources/list": ["cursor"],
    "resources/templates/list": ["cursor"],
    "logging/setLevel": ["level"],
    "subscriptions/listen": ["notifications"],
  }).map(([method, members]) => [method, new Set(members)]),
);
const NONE: ReadonlySet<string> = new Set();

/** A request, and what is done with what is left of it. */
interface Acting {
  readonly method: string;
  readonly act: (connection: Connection, frame: Frame, method: string) => Promise<Frame | undefined>;
}

/**
 * Lets rules see what a client says in a request beside what they decide: in `_meta`, and in members that nobody knows.
 * @returns What the client gets.
 */
export function withWordsJudged(
  connection: Connection,
  request: Frame,
  { method, act }: Acting,
): Promise<Frame | undefined> {
  const words = wordsBeside(request, method);
  // Most requests have none.
  if (words === undefined) return act(connection, request, method);
  return judgedRequest(connection, request, { method, words }).then((judged) =>
    "refusal" in judged ? judged.refusal : act(connection, judged.frame, method),
  );
}

/** @returns Undefined where it says nothing. */
function wordsBeside({ message }: Frame, method: string): JsonRecord | undefined {
  const params = recordOf(message["params"]);
  if (params === undefined) return undefined;
  const seen = SEEN.get(method) ?? NONE;
  const names = Object.keys(params).filter((name) => !seen.has(name));
  if (names.length === 0) return undefined;
  const words = withoutHandling(Object.fromEntries(names.map((name) => [name, params[name]])));
  return hasWords(words) ? words : undefined;
}

/**
 * What rules leave of that, as of what a client says unasked: it is judged as a part of the session, and of the tool's call.
 * Where they would withhold it, it is left out; of a method that nobody knows nothing goes on.
 */
async function judgedRequest(
  connection: Connection,
  request: Frame,
  { method, words }: { readonly method: string; readonly words: JsonRecord },
): Promise<{ readonly frame: Frame } | { readonly refusal: Frame }> {
  try {
    let shown: JsonRecord | undefined = words;
    for (const call of callsOf(connection, request, method))
      // oxlint-disable-next-line no-await-in-loop -- each sees what the one before has left
      shown = shown && (await connection.options.plane.guard.preview(call, shown))?.value;
    if (shown !== undefined)
      return { frame: rewrittenContent(request, ["params"], { before: words, after: shown }) };
  } catch (error) {
    connection.log(`what stands beside a ${method} of the client's could not be judged: ${String(error)}`);
  }
  if (!SEEN.has(method)) return { refusal: withheldRequest(request) };
  connection.log(`what stands beside a ${method} of the client's was withheld`);
  return { frame: withoutWords(request, words) };
}

/** What a side gets for a request in which something must not be said. */
export function withheldRequest({ message }: Frame): Frame {
  return errorFrame(idOf(message) ?? null, {
    code: CODES.blocked,
    message: "The request must not be passed on.",
  });
}

function callsOf(
  connection: Connection,
  { message }: Frame,
  method: string,
): readonly Parameters<typeof connection.options.plane.guard.preview>[0][] {
  const name = method === "tools/call" ? textOf(recordOf(message["params"])?.["name"]) : undefined;
  if (name === undefined) return [sessionOf(connection)];
  const { acting, options } = connection;
  const call: GuardInit = {
    hookpoint: "before_tool_call",
    ...acting,
    tool: { name, server: options.server },
  };
  return [sessionOf(connection), call];
}

function withoutWords(request: Frame, { _meta: meta, ...others }: JsonRecord): Frame {
  const own = recordOf(meta);
  const names = Object.keys(others);
  if (own === undefined)
    return without(request, ["params"], meta === undefined ? names : [...names, "_meta"]);
  return without(without(request, ["params", "_meta"], Object.keys(own)), ["params"], names);
}
