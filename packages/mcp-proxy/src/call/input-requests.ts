import type { Denied } from "@agentplane/core";

import { QUESTION } from "../approval/input-required.ts";
import { hasInexactNumber, rewritten, type Change, type Frame } from "../frame/frame.ts";
import { recordOf, textOf, type JsonRecord } from "../frame/json.ts";
import { isMisspelt } from "../frame/method-names.ts";
import { CODES, errorFrame, idOf } from "../frame/rpc.ts";
import { isNoPage, NoPage } from "./asked-address.ts";
import type { Connection } from "../connection/connection.ts";
import { errorDenial } from "./denial.ts";
import { describeServerRequest } from "./server-request.ts";

/**
 * An answer in which the server asks for something first, as since 2026-07-28 instead of a request of its own: each of its
 * questions is decided like such a request, with the same budgets.
 * @returns The answer with what rules made of the questions; the denial of the first that is refused; an error where it
 *   cannot be read what is asked, since a careless client may read it.
 */
export function governInputRequests(
  connection: Connection,
  response: Frame,
): Frame | Promise<Frame | Denied> {
  const questions = questionsIn(response);
  if (questions === undefined) return formless(response);
  return questions.length === 0 ? response : governedQuestions(connection, response, questions);
}

async function governedQuestions(
  connection: Connection,
  response: Frame,
  questions: readonly Question[],
): Promise<Frame | Denied> {
  const changes: Change[] = [];
  for (const { message, path } of questions) {
    // oxlint-disable-next-line no-await-in-loop -- in order: one that is refused ends it
    const own = await governed(connection, message);
    if ("status" in own) return own;
    changes.push(...own.changes.map((one) => ({ ...one, path: path(one.path) })));
  }
  if (changes.some(({ path }) => hasInexactNumber(response, path)))
    throw new RangeError(
      "a rewritten question of the server's holds a number that cannot be repeated exactly",
    );
  return changes.length === 0 ? response : rewritten(response, changes);
}

/**
 * The same for an answer to what is no call: clients take up what is asked of them whatever it answers.
 * @returns What the client gets.
 */
export async function questionsDecided(
  connection: Connection,
  request: Frame,
  response: Frame,
): Promise<Frame> {
  const asked = await governInputRequests(connection, response);
  return "status" in asked ? errorDenial(request, asked) : asked;
}

/** A question in an answer, and where in it a part of the question stands. */
interface Question {
  readonly message: JsonRecord;
  readonly path: (part: Change["path"]) => Change["path"];
}

/** @returns Undefined where it cannot be read what is asked. */
function questionsIn({ message }: Frame): readonly Question[] | undefined {
  const requests = recordOf(message["result"])?.["inputRequests"];
  if (requests !== undefined && requests !== null) return requestsIn(recordOf(requests));
  const error = recordOf(message["error"]);
  return error?.["code"] === URL_NEEDED ? addressesIn(error["data"]) : [];
}

function requestsIn(requests: JsonRecord | undefined): readonly Question[] | undefined {
  if (requests === undefined) return undefined;
  if (Object.hasOwn(requests, QUESTION)) throw new RangeError("the server asks in the name of the proxy");
  const questions: Question[] = [];
  for (const [key, value] of Object.entries(requests)) {
    const message = recordOf(value);
    const { method, params = {} } = message ?? {};
    const isRead = textOf(method) !== undefined && !isMisspelt(method);
    if (message === undefined || !isRead || recordOf(params) === undefined) return undefined;
    questions.push({ message, path: (part) => ["result", "inputRequests", key, ...part] });
  }
  return questions;
}

/** With this error a server of 2025-11-25 sends the user to an address, without a request of its own. */
const URL_NEEDED = -32_042;

function addressesIn(data: unknown): readonly Question[] | undefined {
  if (data === undefined || data === null) return [];
  const given = recordOf(data);
  const items = given === undefined ? undefined : (given["elicitations"] ?? []);
  if (!Array.isArray(items)) return undefined;
  const questions: Question[] = [];
  for (const [at, item] of items.entries()) {
    const params = recordOf(item);
    if (params === undefined) return undefined;
    questions.push({
      message: { method: "elicitation/create", params },
      // The item is what the parameters of such a request are.
      path: ([, ...part]) => ["error", "data", "elicitations", at, ...part],
    });
  }
  return questions;
}

function formless({ message }: Frame): Frame {
  return errorFrame(idOf(message) ?? null, {
    code: CODES.internal,
    message: "the server asks in a form that no rule can read: nothing of its answer was passed on",
  });
}

async function governed(
  connection: Connection,
  message: JsonRecord,
): Promise<{ readonly changes: readonly Change[] } | Denied> {
  const method = textOf(message["method"]) ?? "";
  const isRefused = method === "elicitation/create" && isNoPage(recordOf(message["params"]) ?? {});
  const described = describeServerRequest(connection, { message }, method);
  if (described === undefined) return { changes: [] };
  let changes: readonly Change[] = [];
  const outcome = await connection.options.plane.guard.toolCall<null>({
    context: described.context,
    run(admission) {
      // Whatever rules say of asking, nobody is sent there; that the server wanted it stands in the record.
      if (isRefused) throw new NoPage();
      // The client answers with its next request: there is no result yet.
      changes = described.changes(admission);
      return null;
    },
  });
  return outcome.status === "ran" ? { changes } : outcome;
}
