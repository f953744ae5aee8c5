import type { Denied } from "@agentplane/core";

import type { Frame } from "../frame/frame.ts";
import { CODES, errorFrame, idOf, resultFrame, type RpcId } from "../frame/rpc.ts";
import { isModern, type Connection } from "../connection/connection.ts";

/** What the model reads instead of a result: an error it can react to; or an error of the protocol. */
export function toolDenial({ options }: Connection, request: Frame, denied: Denied): Frame {
  const id = requestId(request);
  if (options.denyAs === "error") return errorDenial(request, denied);
  return resultFrame(id, {
    content: [{ type: "text", text: textFor(denied) }],
    isError: true,
    ...(isModern(request) && { resultType: "complete" }),
  });
}

/** What of a denial is told. */
type Told = Omit<Blocked, "error"> | Omit<Exclude<Denied, Blocked>, "error">;
type Blocked = Extract<Denied, { status: "blocked" }>;

/** An error of the protocol that says why, and when it may be tried again. */
export function errorDenial(request: Frame, denied: Told): Frame {
  const { decision } = denied;
  return errorFrame(requestId(request), {
    code: CODES.blocked,
    message: textFor(denied),
    data: {
      decisionId: decision.id,
      ...(decision.policyId !== undefined && { policy: decision.policyId }),
      ...(decision.ruleId !== undefined && { rule: decision.ruleId }),
      ...(decision.retryAfterMs !== undefined && { retryAfterMs: decision.retryAfterMs }),
      ...(denied.status === "pending" && { approvalId: denied.approvalId }),
    },
  });
}

function textFor(denied: Told): string {
  const { message, decision } = denied;
  const wait =
    decision.retryAfterMs === undefined ? "" : ` Retry after ${Math.ceil(decision.retryAfterMs / 1_000)} s.`;
  if (denied.status !== "pending") return `${message}${wait}`;
  return `${message} Pending approval ${denied.approvalId}: make the same call again once it was answered.`;
}

function requestId({ message }: Frame): RpcId {
  const id = idOf(message);
  if (id === undefined) throw new TypeError("a request has an id");
  return id;
}
