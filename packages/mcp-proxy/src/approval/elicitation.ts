import { AgentplaneError } from "@agentplane/core";

import type { Connection } from "../connection/connection.ts";
import { recordOf, type JsonRecord } from "../frame/json.ts";
import { requestFrame } from "../frame/rpc.ts";
import type { Pending } from "./await-approval.ts";

/** What a person is shown: who wants what, with which arguments, and why it is asked. */
export async function questionFor(
  { options }: Connection,
  { approvalId, decision }: Pending,
): Promise<{ readonly message: string; readonly requestedSchema: JsonRecord }> {
  const approval = await options.plane.approvals.get(approvalId);
  const shown = approval === undefined ? "" : `\n${JSON.stringify(approval.view)}`;
  return {
    message: `Approve this call? ${decision.reason}${shown}`,
    requestedSchema: {
      type: "object",
      properties: { approve: { type: "boolean", title: "Approve", description: "Let this one call go on" } },
      required: ["approve"],
    },
  };
}

/**
 * What became of asking a client's user: `dismissed` where the user has made no choice, or the client could not ask;
 * `unanswered` where the plane did not take the answer, or nobody waits for one.
 */
export type Given = "approved" | "denied" | "dismissed" | "unanswered";

/** Asks the client's user through `elicitation/create`, and passes the answer on to the plane. */
export async function askByElicitation(
  connection: Connection,
  pending: Pending,
  stop: AbortSignal,
): Promise<Given> {
  const question = await questionFor(connection, pending);
  const id = connection.ofClient.nextId();
  stop.addEventListener("abort", () => {
    if (connection.ofClient.fail(id, new Error("answered elsewhere"))) {
      connection.tellClient("notifications/cancelled", { requestId: id, reason: "no longer needed" });
    }
  });
  const response = await connection
    .askClient(requestFrame(id, "elicitation/create", question))
    .catch(() => undefined);
  if (response === undefined) return "unanswered";
  return passOn(connection, pending.approvalId, recordOf(response.message["result"]));
}

/**
 * Passes a person's answer on; one that is no answer, such as a closed window, is none.
 * @returns What the plane took it for.
 */
export async function passOn(
  { options, log }: Connection,
  approvalId: string,
  result: JsonRecord | undefined,
): Promise<Given> {
  const { approvals } = options.plane;
  const act = { by: "mcp client", role: "client" } as const;
  const isApproved = result?.["action"] === "accept" && recordOf(result["content"])?.["approve"] === true;
  const isDenied = result?.["action"] === "decline" || (result?.["action"] === "accept" && !isApproved);
  if (!isApproved && !isDenied) return "dismissed";
  try {
    await (isApproved ? approvals.approve(approvalId, act) : approvals.deny(approvalId, act));
    return isApproved ? "approved" : "denied";
  } catch (error) {
    if (!(error instanceof AgentplaneError) || error.code !== "approval_invalid") throw error;
    // Answered meanwhile, or this person may not: the plane's word counts.
    log(`approval ${approvalId}: ${error.message}`);
    return "unanswered";
  }
}
