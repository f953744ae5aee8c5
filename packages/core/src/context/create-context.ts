import type { AllOf } from "../base/all-of.ts";
import type { JsonValue } from "../base/json.ts";
import type { Usage } from "../base/model-costs.ts";
import type { PolicyContext } from "./context.ts";
import type { ContextInit } from "./context-init.ts";
import { agentOf, apiOf, modelOf, tagsOf, targetOf, toolOf, usageOf } from "./context-parts.ts";
import { ContextMark } from "./context-mark.ts";
import { afterOf, HOOKPOINT_PATTERN } from "./hookpoint.ts";
import { identityText, invalid, MAX_NAME_CHARS } from "./identity-text.ts";
import { CONTEXT_FIELDS, requireKnownFields, USAGE_MEMBERS, type KnownFields } from "./known-fields.ts";
import { snapshot } from "./snapshot.ts";
import { inputOf, subjectOf } from "./subject.ts";

export type { ContextInit } from "./context-init.ts";
export { inputOf } from "./subject.ts";

type Draft = { -readonly [Field in keyof PolicyContext]: PolicyContext[Field] };

/**
 * An ordinary object with room for members that come later. V8 keeps what is added to a literal in a second object,
 * which every decision would have to fetch; an object of a constructor gets the room that earlier ones needed.
 */
function roomyDraft(): new (hookpoint: Draft["hookpoint"], agent: Draft["agent"]) => Draft {
  const RoomyDraft = function (this: Draft, hookpoint: Draft["hookpoint"], agent: Draft["agent"]): void {
    this.hookpoint = hookpoint;
    this.agent = agent;
    // TypeScript has no type for a function that is called with `new`; its objects get the rest of their members below.
  } as unknown as new (hookpoint: Draft["hookpoint"], agent: Draft["agent"]) => Draft;
  RoomyDraft.prototype = Object.prototype;
  return RoomyDraft;
}

const BeforeDraft = roomyDraft();
/** With more members, and so more room. */
const AfterDraft = roomyDraft();

/**
 * Builds what rules look at: names checked and in NFC, content snapshotted once, all of it frozen. Content that is a
 * snapshot already is taken as it is, so a context can be made of a context.
 * @param init What is happening, as an adapter or user says it.
 * @param nowMs Epoch ms on the engine's steady clock, where `init` says none.
 * @throws AgentplaneError `context_invalid` naming the field, also one that does not exist, `content_refused` for content
 *   that cannot be snapshotted.
 */
export function createContext(init: ContextInit, nowMs: number): PolicyContext {
  return readContext(init, nowMs, CONTEXT_FIELDS);
}

/**
 * The same for a description that says more than a context holds.
 * @param known All that it may say.
 * @throws AgentplaneError as `createContext`
 */
export function readContext(init: ContextInit, nowMs: number, known: KnownFields): PolicyContext {
  requireKnownFields(init, known);
  const draft = new BeforeDraft(hookpointOf(init.hookpoint), agentOf(init.agent));
  draft.tags = tagsOf(init.tags);
  draft.nowMs = init.nowMs ?? nowMs;
  if (!Number.isFinite(draft.nowMs)) throw invalid("nowMs", "must be epoch milliseconds");
  addIdentity(draft, init);
  if (init.tool !== undefined) draft.tool = toolOf(init.tool);
  if (init.model !== undefined) draft.model = modelOf(init.model);
  if (init.target !== undefined) draft.target = targetOf(init.target);
  if (init.api !== undefined) draft.api = apiOf(init.api);
  if (typeof init.usage === "object" && init.usage !== null) requireKnownFields(init.usage, USAGE_MEMBERS);
  addResult(draft, init);
  ContextMark.put(draft);
  return Object.freeze(draft);
}

/** How an action ended. */
export interface ResultFacts {
  /** Any value; snapshotted once. Undefined: nothing to look at. */
  readonly result?: unknown;
  readonly isError?: boolean | undefined;
  readonly usage?: Usage | undefined;
  /** Epoch ms on the engine's steady clock. */
  readonly nowMs: number;
}

/**
 * The context after an action: the same call at its `after_*` hookpoint, with what it gave.
 * @param context The `before_*` context, as it was executed.
 * @throws AgentplaneError `content_refused` for a result that cannot be snapshotted.
 */
export function withResult(context: PolicyContext, facts: ResultFacts): PolicyContext {
  const draft = copyAfter(context, facts.nowMs);
  addResult(draft, facts);
  return Object.freeze(draft);
}

/** Member by member: V8 copies an object that carries a mark by name, which takes several times as long. */
function copyAfter(
  context: AllOf<
    PolicyContext,
    | (
        | "agent"
        | "api"
        | "approvalFor"
        | "callId"
        | "hookpoint"
        | "isError"
        | "model"
        | "nowMs"
        | "origin"
        | "questionId"
      )
    | ("result" | "session" | "tags" | "target" | "tenant" | "tool" | "traceId" | "usage" | "user")
  >,
  nowMs: number,
): Draft {
  const { tool, model, target, api } = context;
  const draft = new AfterDraft(afterOf(context.hookpoint), context.agent);
  draft.tags = context.tags;
  draft.nowMs = nowMs;
  addIdentity(draft, context);
  if (tool !== undefined) draft.tool = tool;
  if (model !== undefined) draft.model = model;
  if (target !== undefined) draft.target = target;
  if (api !== undefined) draft.api = api;
  addResult(draft, context);
  return draft;
}

/**
 * The context with another input: of its tool, its model (the messages) or its target, whichever it is about. One that
 * is about none of them stays as it is.
 * @param input A snapshot, or a value to snapshot.
 */
export function withInput(context: PolicyContext, input: JsonValue): PolicyContext {
  const value = snapshot(input);
  const subject = subjectOf(context);
  if (subject === undefined || value === inputOf(context)) return context;
  const name = subject === "model" ? "messages" : "input";
  return Object.freeze({ ...context, [subject]: Object.freeze({ ...context[subject], [name]: value }) });
}

function hookpointOf(hookpoint: unknown): string {
  if (typeof hookpoint === "string" && HOOKPOINT_PATTERN.test(hookpoint)) return hookpoint;
  throw invalid(
    "hookpoint",
    "must be a name such as before_tool_call: a-z, 0-9 and _, at most 64 characters",
  );
}

function addIdentity(
  draft: Draft,
  { tenant, user, session, callId, questionId, approvalFor, origin, traceId }: ContextInit,
): void {
  if (tenant !== undefined) draft.tenant = identityText(tenant, "tenant");
  if (user !== undefined) draft.user = identityText(user, "user");
  if (session !== undefined) draft.session = identityText(session, "session");
  if (origin !== undefined) draft.origin = identityText(origin, "origin");
  if (traceId !== undefined) draft.traceId = traceIdOf(traceId);
  if (callId !== undefined) draft.callId = callIdText(callId, "callId");
  if (questionId !== undefined) draft.questionId = callIdText(questionId, "questionId");
  if (approvalFor !== undefined) addApprovalFor(draft, approvalFor);
}

function addApprovalFor(draft: Draft, approvalFor: unknown): void {
  if (approvalFor === "action") return;
  if (approvalFor !== "call") throw invalid("approvalFor", 'must be "action" or "call"');
  if (draft.callId === undefined) throw invalid("approvalFor", 'is "call", which needs a callId');
  draft.approvalFor = approvalFor;
}

/** The framework's own text, which it asks for again: checked, never changed. */
function callIdText(id: string, path: string): string {
  if (identityText(id, path) === "" || id.length > MAX_NAME_CHARS) throw invalid(path, "is too long");
  return id;
}

/** W3C Trace Context, "trace-id": https://www.w3.org/TR/trace-context-1/#trace-id */
const TRACE_ID = /^(?!0{32})[0-9a-f]{32}$/;

function traceIdOf(traceId: unknown): string {
  if (typeof traceId === "string" && TRACE_ID.test(traceId)) return traceId;
  throw invalid("traceId", "must be 32 lower-case hex digits that are not all 0, as in a traceparent");
}

function addResult(draft: Draft, { result, isError, usage }: Omit<ResultFacts, "nowMs">): void {
  if (result !== undefined) draft.result = snapshot(result);
  if (isError !== undefined) draft.isError = isError;
  if (usage === undefined) return;
  const read = usageOf(usage);
  if (read !== undefined) draft.usage = read;
}
