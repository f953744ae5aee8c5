import type { Admission, GuardInit } from "@agentplane/core";

import { without, type Frame } from "../frame/frame.ts";
import { recordOf, type JsonRecord } from "../frame/json.ts";
import type { BegunTasks } from "../connection/begun-tasks.ts";
import { sessionOf, type Connection, type RunningCall } from "../connection/connection.ts";
import { contentOfNotice } from "../judge/handling.ts";
import { withoutOwnId } from "../judge/judged-self.ts";
import { rewrittenContent } from "../judge/rewritten-content.ts";
import { callsElsewhere } from "./task-calls.ts";
import { hasWords } from "../judge/words.ts";

/** Who says it, and of which calls it may be: those that run at that side. */
export interface Speaker {
  readonly name: "client" | "server";
  readonly running: ReadonlySet<RunningCall>;
  readonly tasks: BegunTasks;
}

/** Of these what is no words goes on: the other side waits for it. */
const AWAITED: ReadonlySet<unknown> = new Set(["notifications/progress", "notifications/cancelled"]);
/** Whose content judges what is said: a call that runs, or the session. */
type Call = Admission | GuardInit;
/** The message as rules left it; undefined: it does not go on. */
export type Shown = Frame | undefined;

/**
 * What rules leave of a message that asks for no answer, or of a request that no rule decides: progress is a part of the call it is about, everything else a part
 * of the session and of each call that runs at the side that says it, since the protocol does not say of which. Rules see its
 * words where they see a result's, and nothing of it is recorded. Never throws and never rejects.
 */
export function judgedNotice(connection: Connection, frame: Frame, speaker: Speaker): Shown | Promise<Shown> {
  const fallback = (error: unknown): Shown => withheld(connection, { frame, speaker, why: error });
  try {
    const shown = judged(connection, frame, speaker);
    return shown instanceof Promise ? shown.catch(fallback) : shown;
  } catch (error) {
    return fallback(error);
  }
}

/** What goes on instead: of progress its numbers; of anything else nothing. */
function withheld(
  connection: Connection,
  { frame, speaker, why }: { readonly frame: Frame; readonly speaker: Speaker; readonly why: unknown },
): Shown {
  const { method, params } = frame.message;
  connection.log(`a ${String(method)} of the ${speaker.name}'s was withheld: ${String(why)}`);
  const words = Object.keys(contentOfNotice(recordOf(params) ?? {}));
  return AWAITED.has(method) ? without(frame, ["params"], words) : undefined;
}

function judged(connection: Connection, frame: Frame, speaker: Speaker): Shown | Promise<Shown> {
  const params = recordOf(frame.message["params"]) ?? {};
  // What a client subscribed under is its own word.
  const content = withoutOwnId(contentOfNotice(params), (id) => connection.isListening(id));
  if (!hasWords(content)) return frame;
  const calls = callsOf(connection, params, speaker);
  if (calls === "forgotten") return withheld(connection, { frame, speaker, why: "its task was forgotten" });
  return judgedWords(connection, { frame, content, calls, speaker });
}

function callsOf(
  connection: Connection,
  { progressToken, taskId }: JsonRecord,
  { name, running, tasks }: Speaker,
): readonly Call[] | "forgotten" {
  const begun = tasks.callsOf(taskId);
  if (begun === "forgotten" || begun.length > 0) return begun;
  const elsewhere = name === "server" ? callsElsewhere(connection, taskId) : [];
  if (elsewhere === "forgotten" || elsewhere.length > 0) return elsewhere;
  const all = [...running];
  // Two calls under one token: it may be the progress of either.
  const own = all.filter(({ frame }) => progressToken !== undefined && tokenOf(frame) === progressToken);
  if (own.length > 0) return own.map(({ admission }) => admission);
  return [sessionOf(connection), ...all.map(({ admission }) => admission)];
}

function tokenOf({ message }: Frame): unknown {
  return recordOf(recordOf(message["params"])?.["_meta"])?.["progressToken"];
}

interface Words {
  readonly frame: Frame;
  readonly content: JsonRecord;
  readonly calls: readonly Call[];
  readonly speaker: Speaker;
}

function judgedWords(connection: Connection, words: Words): Shown | Promise<Shown> {
  const { frame, content, calls } = words;
  let value = content;
  for (const [at, call] of calls.entries()) {
    const shown = connection.options.plane.guard.preview(call, value);
    if (shown instanceof Promise)
      return judgedLater(connection, { ...words, calls: calls.slice(at + 1) }, shown);
    if (shown === undefined) return withheld(connection, { ...words, why: "by a rule" });
    ({ value } = shown);
  }
  return rewrittenContent(frame, ["params"], { before: content, after: value });
}

async function judgedLater(
  connection: Connection,
  { frame, content, calls, speaker }: Words,
  first: Promise<{ readonly value: JsonRecord } | undefined>,
): Promise<Shown> {
  let shown = await first;
  for (const call of calls) {
    if (shown === undefined) break;
    // oxlint-disable-next-line no-await-in-loop -- each sees what the one before has left
    shown = await connection.options.plane.guard.preview(call, shown.value);
  }
  if (shown === undefined) return withheld(connection, { frame, speaker, why: "by a rule" });
  return rewrittenContent(frame, ["params"], { before: content, after: shown.value });
}
