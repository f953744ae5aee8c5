import { itemsIn, withMembers, type Frame } from "../frame/frame.ts";
import { listOf, recordOf, textOf, type JsonRecord } from "../frame/json.ts";
import { idOf, resultFrame } from "../frame/rpc.ts";
import { sessionOf, type Connection } from "../connection/connection.ts";
import { judgedAnswer, judgedInSession } from "../judge/judged-answer.ts";
import { judgedOfTask } from "./task-calls.ts";

/** What policies call a task. */
export function taskName(id: string): string {
  return `task:${id}`;
}

/**
 * Answers a `tasks/list`: of each task what rules leave of it as of what its tool gives; those that may not be read, and of
 * which nothing may be shown, are not in it.
 */
export async function taskList(connection: Connection, request: Frame): Promise<Frame> {
  const given = await connection.askServer(request);
  const result = recordOf(given.message["result"]);
  if (result === undefined) return judgedInSession(connection, given);
  const answer = await judgedAnswer(connection, sessionOf(connection), given, "tasks");
  const { tasks } = result;
  if (!("result" in answer.message) || tasks === undefined) return answer;
  const items = listOf(tasks);
  const shown: JsonRecord[] = [];
  for (const item of items) {
    const task = recordOf(item);
    // oxlint-disable-next-line no-await-in-loop -- one after the other: a list of tasks is short
    const left = task === undefined ? undefined : await shownTask(connection, request, task);
    if (left !== undefined) shown.push(left);
  }
  const isWhole = Array.isArray(tasks) && shown.length === items.length;
  if (isWhole && shown.every((one, at) => one === items[at])) return answer;
  // What nothing was changed in stays as it is written, whatever its numbers say.
  const written = itemsIn(answer, ["result", "tasks"]);
  const left = shown.map((one) => written[items.indexOf(one)] ?? JSON.stringify(one));
  const others = Object.keys(recordOf(answer.message["result"]) ?? {}).filter((name) => name !== "tasks");
  return withMembers(
    answer,
    ["result"],
    [...others.map((name) => ({ name, from: name })), { name: "tasks", json: `[${left.join(",")}]` }],
  );
}

/** @returns The same object where nothing changed; undefined where it may not be shown. */
async function shownTask(
  connection: Connection,
  request: Frame,
  task: JsonRecord,
): Promise<JsonRecord | undefined> {
  const id = textOf(task["taskId"]);
  if (id === undefined) return undefined;
  const { acting, options } = connection;
  const target = { name: taskName(id).slice(0, 4_096), server: options.server };
  const { effect } = await options.plane.guard.peek({ hookpoint: "before_resource_read", ...acting, target });
  if (effect === "block") return undefined;
  // As the answer to a request for it alone.
  const answer = resultFrame(idOf(request.message) ?? "", task);
  const judged = await judgedOfTask(connection, { id, request, answer });
  const final = "error" in judged.message ? judged : await judgedInSession(connection, judged);
  return final === answer ? task : recordOf(final.message["result"]);
}
