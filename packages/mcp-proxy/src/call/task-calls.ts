import type { GuardInit } from "@agentplane/core";

import type { Frame } from "../frame/frame.ts";
import { listOf, recordOf, textOf, type JsonRecord } from "../frame/json.ts";
import { BegunTasks, TaskMemory } from "../connection/begun-tasks.ts";
import type { Connection } from "../connection/connection.ts";
import { judgedAnswer, withheldAnswer } from "../judge/judged-answer.ts";
import { pagesOf } from "../lists/list-pages.ts";

/**
 * Of one that is not among them every tool's rules count. Servers that are started for each client may give the same id to
 * many.
 */
const SHARED = { maxTasks: 10_000, maxOfOneId: 16, isOnePart: true } as const;

/** Which calls have begun the tasks of each server, whatever session they were of. */
const sharedByPlane = new WeakMap<object, Map<string, BegunTasks>>();

function sharedOf({ options: { plane, server } }: Connection): BegunTasks {
  const servers = sharedByPlane.get(plane) ?? new Map<string, BegunTasks>();
  sharedByPlane.set(plane, servers);
  const shared = servers.get(server) ?? new BegunTasks({ ...SHARED, memory: new TaskMemory(Infinity) });
  servers.set(server, shared);
  return shared;
}

/** Remembers which call has begun the task that its answer names, for this session and for every other. */
export function rememberTask(
  connection: Connection,
  call: GuardInit,
  told: { readonly request: Frame; readonly answer: Frame },
): void {
  connection.lasting.tasks.remember(call, told);
  sharedOf(connection).remember(call, told);
}

/** The calls of other sessions that have begun a task of this id; none where nothing is known of it. */
export function callsElsewhere(connection: Connection, id: unknown): readonly GuardInit[] | "forgotten" {
  const calls = sharedOf(connection).callsOf(id);
  if (calls === "forgotten") return calls;
  // As the one that asks as well: its own rules about that tool hold for what it gets.
  return calls.flatMap((call) => [call, { ...call, ...connection.acting }]);
}

/**
 * What a task gives is the result of the tool that began it, however it is fetched and in whichever session. Of one that
 * nothing is known of, before a restart or by another process, every tool may have: the rules of all are asked.
 */
export async function judgedOfTask(
  connection: Connection,
  { id, request, answer }: { readonly id: unknown; readonly request: Frame; readonly answer: Frame },
): Promise<Frame> {
  const calls = await callsOfTask(connection, id, request);
  if (calls === "forgotten") return withheldAnswer(answer);
  let shown = answer;
  for (const call of calls) {
    // oxlint-disable-next-line no-await-in-loop -- each sees what the one before has left
    const next = await judgedAnswer(connection, call, shown);
    if ("error" in next.message && !("error" in shown.message)) return next;
    shown = next;
  }
  return shown;
}

/** The calls whose rules hold for a task. */
export async function callsOfTask(
  connection: Connection,
  id: unknown,
  request: Frame,
): Promise<readonly GuardInit[] | "forgotten"> {
  const own = connection.lasting.tasks.callsOf(id);
  if (own === "forgotten" || own.length > 0) return own;
  const known = callsElsewhere(connection, id);
  if (known === "forgotten" || known.length > 0) return known;
  const { acting, options } = connection;
  const names = await toolsOf(connection, request);
  if (names === "unknown") return "forgotten";
  return names.map((name) => ({
    hookpoint: "before_tool_call",
    ...acting,
    tool: { name, server: options.server },
  }));
}

async function toolsOf(connection: Connection, request: Frame): Promise<readonly string[] | "unknown"> {
  const { toolNames } = connection.lasting;
  if (toolNames.all().length > 0) return toolNames.all();
  const meta = recordOf(request.message["params"])?.["_meta"];
  const params: JsonRecord = meta === undefined ? {} : { _meta: meta };
  const { message } = await connection.query("tools/list", params);
  const first = recordOf(message["result"]);
  // A server without tools has begun none by one; of any other it is not known whose rules count.
  if (first === undefined) return recordOf(message["error"])?.["code"] === -32_601 ? [] : "unknown";
  const rest = await pagesOf(connection, { method: "tools/list", params, cursor: first["nextCursor"] });
  for (const page of [first, ...rest.map((frame) => recordOf(frame.message["result"]) ?? {})])
    for (const item of listOf(page["tools"])) toolNames.add(textOf(recordOf(item)?.["name"]) ?? "");
  return toolNames.all();
}
