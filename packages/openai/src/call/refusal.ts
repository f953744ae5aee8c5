import { ApprovalPending, PolicyError, type AgentplaneError, type Denied } from "@agentplane/core";

/** The code of every error that a policy made. */
export const BLOCKED_CODE = "agentplane_blocked";
const TYPE = "policy_violation";

/** Why a request does not go on, or its answer not back. */
export interface Refusal {
  readonly message: string;
  readonly decisionId?: string;
  readonly approvalId?: string;
  /** Time alone will help: the limit has room again after so long. */
  readonly retryAfterMs?: number;
}

/** Words a denial for a client. */
export function refusalOf(denied: Denied): Refusal {
  const { decision, message } = denied;
  return {
    message,
    decisionId: decision.id,
    ...(denied.status === "pending" && { approvalId: denied.approvalId }),
    ...(decision.retryAfterMs !== undefined && { retryAfterMs: decision.retryAfterMs }),
  };
}

/** Words an error of ours for a client. */
export function refusalOfError(error: AgentplaneError): Refusal {
  const { message } = error;
  if (!(error instanceof PolicyError)) return { message };
  const { decisionId } = error;
  return {
    message,
    decisionId,
    ...(error instanceof ApprovalPending && { approvalId: error.approvalId }),
  };
}

/** The body of an error, in the vocabulary that both SDKs read. */
export function errorBody(
  { message, decisionId, approvalId, retryAfterMs }: Refusal,
  isAnthropic: boolean,
): object {
  const error = {
    message,
    type: TYPE,
    code: BLOCKED_CODE,
    param: null,
    ...(decisionId !== undefined && { decision_id: decisionId }),
    ...(approvalId !== undefined && { approval_id: approvalId }),
    ...(retryAfterMs !== undefined && { retry_after_ms: retryAfterMs }),
  };
  return isAnthropic ? { type: "error", error } : { error };
}

/**
 * The answer that makes an SDK throw its own error: 403, or 429 where waiting helps. `x-should-retry` keeps it to one
 * attempt; what a policy refused would only be refused again.
 */
export function refusalResponse(refusal: Refusal, isAnthropic = false): Response {
  const { retryAfterMs, decisionId } = refusal;
  const headers = new Headers({ "content-type": "application/json", "x-should-retry": "false" });
  if (decisionId !== undefined) headers.set("x-request-id", decisionId);
  if (retryAfterMs !== undefined) {
    headers.set("retry-after-ms", `${retryAfterMs}`);
    headers.set("retry-after", `${Math.ceil(retryAfterMs / 1_000)}`);
  }
  return new Response(JSON.stringify(errorBody(refusal, isAnthropic)), {
    status: retryAfterMs === undefined ? 403 : 429,
    headers,
  });
}

/**
 * Tells whether an error of an SDK was made by a policy. By code, not by class: two copies of an SDK may be installed.
 * @param error Anything that was caught.
 * @example try { await client.responses.create(request) } catch (error) { if (isPolicyError(error)) … }
 */
export function isPolicyError(error: unknown): boolean {
  return [error, member(error, "error"), member(member(error, "error"), "error")].some(
    (one) => member(one, "code") === BLOCKED_CODE,
  );
}

function member(value: unknown, name: string): unknown {
  // Any object may be asked for a member; what comes back is compared, not used.
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
