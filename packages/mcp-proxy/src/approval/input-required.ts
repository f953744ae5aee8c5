import { createHash } from "node:crypto";

import type { Connection } from "../connection/connection.ts";
import { hasInexactNumber, rewritten, without, type Frame } from "../frame/frame.ts";
import { JsonCursor, type Range } from "../frame/json-cursor.ts";
import { recordOf, textOf, type JsonRecord } from "../frame/json.ts";
import { CODES, errorFrame, idOf, resultFrame } from "../frame/rpc.ts";
import { passOn, questionFor, type Given } from "./elicitation.ts";
import type { Asked, Pending } from "./await-approval.ts";

/** Our question among those that a client is asked to answer. */
export const QUESTION = "agentplane/approval";

/** Gives the client the question; it asks its user and comes back with the answer and a new id. */
export async function askByInput(connection: Connection, request: Frame, pending: Pending): Promise<Asked> {
  const { codec } = connection.lasting;
  const inner = textOf(recordOf(request.message["params"])?.["requestState"]);
  const requestState = await codec.mint({
    approvalId: pending.approvalId,
    digest: digestOf(request),
    nonce: crypto.randomUUID(),
    ...(inner !== undefined && { inner }),
  });
  const params = { mode: "form", ...(await questionFor(connection, pending)) };
  return resultFrame(idOf(request.message) ?? "", {
    resultType: "input_required",
    inputRequests: { [QUESTION]: { method: "elicitation/create", params } },
    requestState,
  });
}

/**
 * Takes our own answer out of a request that brings one, passes it on to the plane, and leaves what is the server's.
 * @returns The request as the server is to get it; an error for a state that was changed, is used up, or is of another
 *   call.
 */
export async function takeAnswer(
  connection: Connection,
  request: Frame,
): Promise<{ readonly frame: Frame } | { readonly refusal: Frame }> {
  const params = recordOf(request.message["params"]);
  const answers = recordOf(params?.["inputResponses"]);
  const mine = recordOf(answers?.[QUESTION]);
  if (mine === undefined) return { frame: request };
  const { codec } = connection.lasting;
  const state = textOf(params?.["requestState"]) ?? "";
  const carried = await codec.verify(state, undefined as never).catch(() => undefined);
  if (
    carried === undefined ||
    carried.digest !== digestOf(request) ||
    !connection.lasting.use(carried.nonce)
  ) {
    const message = "requestState is not valid for this call; make the call again without it";
    return { refusal: errorFrame(idOf(request.message) ?? null, { code: CODES.invalidParams, message }) };
  }
  const given = await passOn(connection, carried.approvalId, recordOf(mine["result"]) ?? mine);
  // Asked again at once, a client that answers by itself would go round in a circle.
  if (given !== "approved") return { refusal: notApproved(connection, request, carried.approvalId, given) };
  return { frame: withoutMine(request, answers ?? {}, carried.inner) };
}

function notApproved(
  { options }: Connection,
  { message }: Frame,
  approvalId: string,
  given: Exclude<Given, "approved">,
): Frame {
  const id = idOf(message) ?? "";
  const text =
    given === "denied"
      ? "The call was not approved."
      : `The call waits for approval ${approvalId}: make it again once it was answered.`;
  if (message["method"] !== "tools/call" || options.denyAs === "error")
    return errorFrame(id, { code: CODES.blocked, message: text });
  return resultFrame(id, { content: [{ type: "text", text }], isError: true, resultType: "complete" });
}

function withoutMine(request: Frame, answers: JsonRecord, inner: string | undefined): Frame {
  const isOurs = Object.keys(answers).length === 1;
  const names = [...(isOurs ? ["inputResponses"] : []), ...(inner === undefined ? ["requestState"] : [])];
  const rest = without(request, ["params"], names);
  const theirs = isOurs ? rest : without(rest, ["params", "inputResponses"], [QUESTION]);
  return inner === undefined
    ? theirs
    : rewritten(theirs, [{ path: ["params", "requestState"], value: inner }]);
}

/** Of all that says what is done: everything but what a client adds when it comes back. */
function digestOf({ text, message }: Frame): string {
  const cursor = new JsonCursor(text);
  const parts = Object.keys(recordOf(message["params"]) ?? {})
    .filter((name) => !CHANGING.has(name))
    .toSorted()
    // As it is written: two numbers that are one here may be two to the server.
    .map((name) => [name, sliceOf(text, cursor.find(["params", name]))]);
  return createHash("sha256")
    .update(JSON.stringify([message["method"], parts]))
    .digest("base64url");
}

const CHANGING = new Set(["_meta", "inputResponses", "requestState"]);

function sliceOf(text: string, range: Range | undefined): string {
  const { start = 0, end = 0 } = range ?? {};
  // The same value in another spelling is the same, where it can be spelled again.
  const own = text.slice(start, end);
  const again = JSON.stringify(JSON.parse(own));
  return hasInexactNumber({ text: own, raw: new Uint8Array(0), message: {} }, []) ? own : again;
}
