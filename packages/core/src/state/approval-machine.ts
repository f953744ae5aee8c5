import { requireChoice, requireMembers, requireObject } from "../base/argument.ts";
import { requireDurationMs } from "../base/duration.ts";
import { AgentplaneError } from "../base/errors.ts";
import type { JsonObject, JsonValue } from "../base/json.ts";
import type { ApprovalTerms } from "../policy/policy.ts";
import type { ApprovalBinding } from "./approval-binding.ts";
import { isSamePerson, personKey } from "./person-key.ts";

const STATUSES = ["pending", "approved", "denied", "expired", "consumed"] as const;

/**
 * The status that a list of requests is asked for.
 * @throws AgentplaneError `usage_invalid`: a misspelt one would look like an empty list
 */
export function statusIn(filter: { readonly status?: ApprovalStatus }): ApprovalStatus | undefined {
  requireObject("approvals.list: filter", filter, '{ status: "pending" }');
  requireMembers("approvals.list: filter", filter, ["status"]);
  if (filter.status !== undefined) requireChoice("approvals.list: status", filter.status, STATUSES);
  return filter.status;
}

/** How far a request has come. */
export type ApprovalStatus = (typeof STATUSES)[number];

/** Who answers: an operator through API, dashboard or CLI, or the framework's own client. */
export interface ApprovalAct {
  readonly by: string;
  readonly role: "operator" | "client";
  readonly reason?: string;
}

/** A request to a human, and what became of it. JSON. */
export interface Approval {
  readonly id: string;
  readonly status: ApprovalStatus;
  readonly binding: ApprovalBinding;
  readonly terms: ApprovalTerms;
  /** What the approver sees: redacted. */
  readonly view: JsonObject;
  /** With `showInput`, while it is pending: the whole input, encrypted. */
  readonly sealedInput?: string;
  readonly idempotencyKey: string;
  /** The user on whose behalf the agent acts: never an approver of this request. */
  readonly requestedBy?: string;
  readonly createdAtMs: number;
  /** Pending: until when it may be answered. Approved: until when it may be used. */
  readonly expiresAtMs: number;
  /** Who has said yes so far, each once. */
  readonly approvedBy: readonly string[];
  /** Who decided, for a denial. */
  readonly deniedBy?: string;
  readonly reason?: string;
  readonly editedBy?: string;
  /** With `editedBy`, in the process that took the edit: the input to execute. It is never stored. */
  readonly editedInput?: JsonValue;
  /** Used up: by which attempt, that gives it back where it is refused after all. */
  readonly usedBy?: string;
}

/** An approval that is used up for one call. */
export interface ApprovalUse {
  /** As it was before. */
  readonly approval: Approval;
  /** Names this use alone: what another one has is not given back. */
  readonly by: string;
}

/** What a request is made of. */
export interface ApprovalRequest {
  readonly binding: ApprovalBinding;
  readonly terms: ApprovalTerms;
  readonly view: JsonObject;
  /** The whole input, where all policies that ask show it. */
  readonly shownInput?: JsonValue | undefined;
  /** Asking again under the same key is the same request. */
  readonly idempotencyKey: string;
  readonly nowMs: number;
  readonly requestedBy?: string | undefined;
}

const DEFAULT_TIMEOUT = "5m";

/** A new request; four eyes without a known requester are refused at birth, for nobody could be told apart. */
export function createApproval(id: string, request: ApprovalRequest): Approval {
  const { binding, terms, view, idempotencyKey, nowMs, requestedBy } = request;
  const isNameless = approversOf(terms) > 1 && personKey(requestedBy ?? "") === "";
  return {
    id,
    status: isNameless ? "denied" : "pending",
    binding,
    terms,
    view,
    idempotencyKey,
    ...(requestedBy !== undefined && { requestedBy }),
    createdAtMs: nowMs,
    expiresAtMs: nowMs + timeoutMsOf(terms),
    approvedBy: [],
    ...(isNameless && {
      reason: "several approvers are asked for, and the context names no user who must not be one",
    }),
  };
}

/** The request as it stands now: what nobody answered, or used, in time has expired. */
export function approvalAt(approval: Approval, nowMs: number): Approval {
  const isOpen = approval.status === "pending" || approval.status === "approved";
  return isOpen && nowMs >= approval.expiresAtMs
    ? { ...withoutInput(approval), status: "expired" }
    : approval;
}

/**
 * A yes. Enough of them, of different people, approve; the approval may then be used for as long as could be waited.
 * @throws AgentplaneError `approval_invalid` when this person may not answer, or it is answered already
 */
export function approved(approval: Approval, act: ApprovalAct, nowMs: number): Approval {
  checkAct(approval, act, nowMs);
  const isRepeated = approval.approvedBy.some((name) => isSamePerson(name, act.by));
  const approvedBy = isRepeated ? approval.approvedBy : [...approval.approvedBy, act.by.normalize("NFC")];
  const next = { ...approval, approvedBy, ...(act.reason !== undefined && { reason: act.reason }) };
  if (approvedBy.length < approversOf(approval.terms)) return next;
  return { ...withoutInput(next), status: "approved", expiresAtMs: nowMs + timeoutMsOf(approval.terms) };
}

/**
 * A no: one is enough.
 * @throws AgentplaneError `approval_invalid` as for a yes
 */
export function denied(approval: Approval, act: ApprovalAct, nowMs: number): Approval {
  checkAct(approval, act, nowMs);
  return {
    ...withoutInput(approval),
    status: "denied",
    deniedBy: act.by,
    ...(act.reason !== undefined && { reason: act.reason }),
  };
}

/**
 * A yes to another input: bound to it from now on. Earlier yeses were to the old input and are gone.
 * @param inputHmac Of the edited input.
 * @throws AgentplaneError `approval_invalid` as for a yes
 */
export function edited(
  approval: Approval,
  act: ApprovalAct & { readonly inputHmac: string; readonly input?: JsonValue },
  nowMs: number,
): Approval {
  checkAct(approval, act, nowMs, EDIT);
  const { inputHmac: _hmac, input: _input, ...yes } = act;
  const binding = { ...approval.binding, inputHmac: act.inputHmac };
  // What was shown is not what is asked for any more.
  return approved({ ...withoutInput(approval), binding, approvedBy: [], editedBy: act.by }, yes, nowMs);
}

/** Uses an approval up; undefined when it is not approved, or not any more. */
export function consumed(
  approval: Approval | undefined,
  nowMs: number,
  usedBy: string | undefined,
): Approval | undefined {
  if (approval === undefined || approvalAt(approval, nowMs).status !== "approved") return undefined;
  return { ...approval, status: "consumed", ...(usedBy !== undefined && { usedBy }) };
}

/** An approval whose call was refused after all, as it was before; the same one when it is not this use that has it. */
export function givenBack(approval: Approval | undefined, use: string): Approval | undefined {
  if (approval?.status !== "consumed" || approval.usedBy !== use) return approval;
  const { usedBy: _used, ...unused } = approval;
  return { ...unused, status: "approved" };
}

/** How long may be waited for an answer. */
export function timeoutMsOf({ timeout }: ApprovalTerms): number {
  return requireDurationMs(timeout ?? DEFAULT_TIMEOUT);
}

/** Nothing is known under this id. */
export function unknownApproval(id: string): AgentplaneError {
  return invalid(id, "does not exist, or is no longer remembered");
}

function approversOf({ approvers }: ApprovalTerms): number {
  return approvers ?? 1;
}

const ROLES = ["operator", "client"] as const satisfies readonly ApprovalAct["role"][];

/** Nobody needs to read what is answered. */
function withoutInput({ sealedInput: _sealed, ...approval }: Approval): Approval {
  return approval;
}

const ACT: readonly string[] = ["by", "role", "reason"];
const EDIT = [...ACT, "input", "inputHmac"];

/** @throws AgentplaneError `approval_invalid` unless this person may answer, and it can still be answered */
export function checkAct(approval: Approval, act: ApprovalAct, nowMs: number, names = ACT): void {
  requireObject("approval: act", act, '{ by: "olga", role: "operator" }');
  requireMembers("approval: act", act, names);
  requireChoice("approval: role", act.role, ROLES);
  const { by, role } = act;
  const { id, terms, requestedBy } = approval;
  const { status } = approvalAt(approval, nowMs);
  if (status !== "pending") throw invalid(id, `is ${status} and can no longer be answered`);
  const mayBe = approversOf(terms) > 1 ? "operator" : (terms.by ?? "any");
  if (mayBe !== "any" && role !== mayBe)
    throw invalid(id, `can only be answered by an ${mayBe}, not by a ${role}`);
  if (typeof by !== "string" || personKey(by) === "") throw invalid(id, "needs the name of who answers");
  if (requestedBy !== undefined && isSamePerson(by, requestedBy))
    throw invalid(id, "cannot be answered by who requested it");
}

/** An answer, or a question about a request, that is refused. */
export function invalid(id: string, why: string, cause?: unknown): AgentplaneError {
  const data = { approvalId: id };
  return new AgentplaneError("approval_invalid", `the approval ${id} ${why}`, { data, cause });
}
