import type { Denied } from "@agentplane/core";

import { hasInexactNumber, rewritten, type Change, type Frame } from "../frame/frame.ts";
import { recordOf, textOf } from "../frame/json.ts";
import type { Connection } from "./connection.ts";
import { describeServerRequest } from "./server-request.ts";

/** Our question among those that a client is asked to answer. */
export const QUESTION = "agentplane/approval";

/**
 * An answer in which the server asks for something first, as since 2026-07-28 instead of a request of its own: each of its
 * questions is decided like such a request, with the same budgets.
 * @returns The answer with what rules made of the questions; the denial of the first that is refused.
 */
export async function governInputRequests(connection: Connection, response: Frame): Promise<Frame | Denied> {
  const requests = recordOf(recordOf(response.message["result"])?.["inputRequests"]);
  if (requests === undefined) return response;
  if (Object.hasOwn(requests, QUESTION)) throw new RangeError("the server asks in the name of the proxy");
  const changes: Change[] = [];
  for (const [key, value] of Object.entries(requests)) {
    // oxlint-disable-next-line no-await-in-loop -- in order: one that is refused ends it
    const own = await governed(connection, recordOf(value) ?? {});
    if ("status" in own) return own;
    changes.push(
      ...own.changes.map((one) => ({ ...one, path: ["result", "inputRequests", key, ...one.path] })),
    );
  }
  if (changes.some(({ path }) => hasInexactNumber(response, path)))
    throw new RangeError(
      "a rewritten question of the server's holds a number that cannot be repeated exactly",
    );
  return changes.length === 0 ? response : rewritten(response, changes);
}

async function governed(
  connection: Connection,
  message: Readonly<Record<string, unknown>>,
): Promise<{ readonly changes: readonly Change[] } | Denied> {
  const described = describeServerRequest(connection, { message }, textOf(message["method"]) ?? "");
  if (described === undefined) return { changes: [] };
  let changes: readonly Change[] = [];
  const outcome = await connection.options.plane.guard.toolCall<null>({
    context: described.context,
    run(admission) {
      // The client answers with its next request: there is no result yet.
      changes = described.changes(admission);
      return null;
    },
  });
  return outcome.status === "ran" ? { changes } : outcome;
}
