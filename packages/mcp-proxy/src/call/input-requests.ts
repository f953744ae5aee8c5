import type { Denied } from "@agentplane/core";

import { hasInexactNumber, rewritten, type Change, type Frame } from "../frame/frame.ts";
import { listOf, recordOf, textOf, type JsonRecord } from "../frame/json.ts";
import { isNoPage, NoPage } from "./asked-address.ts";
import type { Connection } from "./connection.ts";
import { errorDenial } from "./denial.ts";
import { describeServerRequest } from "./server-request.ts";

/** Our question among those that a client is asked to answer. */
export const QUESTION = "agentplane/approval";

/**
 * An answer in which the server asks for something first, as since 2026-07-28 instead of a request of its own: each of its
 * questions is decided like such a request, with the same budgets.
 * @returns The answer with what rules made of the questions; the denial of the first that is refused.
 */
export function governInputRequests(
  connection: Connection,
  response: Frame,
): Frame | Promise<Frame | Denied> {
  const questions = [...requestsIn(response), ...addressesIn(response)];
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

function requestsIn({ message }: Frame): readonly Question[] {
  const requests = recordOf(recordOf(message["result"])?.["inputRequests"]);
  if (requests === undefined) return [];
  if (Object.hasOwn(requests, QUESTION)) throw new RangeError("the server asks in the name of the proxy");
  return Object.entries(requests).map(([key, value]) => ({
    message: recordOf(value) ?? {},
    path: (part) => ["result", "inputRequests", key, ...part],
  }));
}

/** With this error a server of 2025-11-25 sends the user to an address, without a request of its own. */
const URL_NEEDED = -32_042;

function addressesIn({ message }: Frame): readonly Question[] {
  const error = recordOf(message["error"]);
  if (error?.["code"] !== URL_NEEDED) return [];
  return listOf(recordOf(error["data"])?.["elicitations"]).map((item, at) => ({
    message: { method: "elicitation/create", params: recordOf(item) ?? {} },
    // The item is what the parameters of such a request are.
    path: ([, ...part]) => ["error", "data", "elicitations", at, ...part],
  }));
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
