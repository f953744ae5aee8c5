import type { Admission, GuardInit } from "@agentplane/core";

import { hasWords, rewrittenContent } from "./answer.ts";
import { without, type Frame } from "../frame/frame.ts";
import { recordOf, textOf, type JsonRecord } from "../frame/json.ts";
import type { Connection } from "./connection.ts";

/** What of a notification is no content: it says which request or task it is about, and how far that is. */
const HANDLING = new Set(["_meta", "progressToken", "progress", "total", "level", "requestId", "taskId"]);
const UPDATED = "notifications/resources/updated";
const PROGRESS = "notifications/progress";
/** Whose content judges what is said: a call that runs at the server, or the session. */
type Call = Admission | GuardInit;
type Shown = Frame | undefined;

/**
 * Passes what a server says unasked: progress as a part of the call it is about, everything else as a part of the session
 * and of each call that runs, since the protocol does not say of which. Rules see its words where they see a result's: it is
 * redacted, or withheld where they would withhold that. Nothing of it is recorded.
 */
export function passNotice(connection: Connection, frame: Frame): void {
  let shown: Shown | Promise<Shown>;
  try {
    shown = judged(connection, frame);
  } catch (error) {
    shown = withheld(connection, frame, error);
  }
  const give = (one: Shown): void => (one === undefined ? undefined : connection.peers.toClient(one));
  if (!(shown instanceof Promise)) {
    const now = shown;
    return connection.inTurn(() => give(now));
  }
  const later = shown.catch((error: unknown) => withheld(connection, frame, error));
  connection.inTurn(async () => give(await later));
}

/** What goes on instead: of progress its numbers, for which clients wait; of anything else nothing. */
function withheld(connection: Connection, frame: Frame, why: unknown): Shown {
  const { method, params } = frame.message;
  connection.log(`a ${String(method)} of the server's was withheld: ${String(why)}`);
  const words = Object.keys(recordOf(params) ?? {}).filter((member) => !HANDLING.has(member));
  return method === PROGRESS ? without(frame, ["params"], words) : undefined;
}

function judged(connection: Connection, frame: Frame): Shown | Promise<Shown> {
  const params = recordOf(frame.message["params"]) ?? {};
  const content = Object.fromEntries(Object.entries(params).filter(([member]) => !HANDLING.has(member)));
  if (!hasWords(content)) return frame;
  const calls = callsOf(connection, params);
  if (calls === "forgotten") return withheld(connection, frame, "its task was forgotten");
  const words = judgedWords(connection, { frame, content, calls });
  const uri = frame.message["method"] === UPDATED ? textOf(params["uri"]) : undefined;
  return uri === undefined ? words : ofReadable(connection, uri, words);
}

/** Who may not read a resource does not hear of its changes either. */
async function ofReadable(
  { acting, options }: Connection,
  uri: string,
  words: Shown | Promise<Shown>,
): Promise<Shown> {
  const target = { name: uri.slice(0, 4_096), server: options.server };
  const { effect } = await options.plane.guard.peek({ hookpoint: "before_resource_read", ...acting, target });
  return effect === "block" ? undefined : words;
}

function callsOf(
  { running, lasting, acting }: Connection,
  { progressToken, taskId }: JsonRecord,
): readonly Call[] | "forgotten" {
  const task = lasting.tasks.callOf(taskId);
  if (task !== undefined) return task === "forgotten" ? task : [task];
  const all = [...running];
  const own = all.find(({ frame }) => progressToken !== undefined && tokenOf(frame) === progressToken);
  if (own !== undefined) return [own.admission];
  return [
    lasting.session ?? { hookpoint: "before_agent", ...acting },
    ...all.map(({ admission }) => admission),
  ];
}

function tokenOf({ message }: Frame): unknown {
  return recordOf(recordOf(message["params"])?.["_meta"])?.["progressToken"];
}

interface Words {
  readonly frame: Frame;
  readonly content: JsonRecord;
  readonly calls: readonly Call[];
}

function judgedWords(connection: Connection, { frame, content, calls }: Words): Shown | Promise<Shown> {
  let value = content;
  for (const [at, call] of calls.entries()) {
    const shown = connection.options.plane.guard.preview(call, value);
    if (shown instanceof Promise)
      return judgedLater(connection, { frame, content, calls: calls.slice(at + 1) }, shown);
    if (shown === undefined) return withheld(connection, frame, "by a rule");
    ({ value } = shown);
  }
  return rewrittenContent(frame, "params", { before: content, after: value });
}

async function judgedLater(
  connection: Connection,
  { frame, content, calls }: Words,
  first: Promise<{ readonly value: JsonRecord } | undefined>,
): Promise<Shown> {
  let shown = await first;
  for (const call of calls) {
    if (shown === undefined) break;
    // oxlint-disable-next-line no-await-in-loop -- each sees what the one before has left
    shown = await connection.options.plane.guard.preview(call, shown.value);
  }
  if (shown === undefined) return withheld(connection, frame, "by a rule");
  return rewrittenContent(frame, "params", { before: content, after: shown.value });
}
