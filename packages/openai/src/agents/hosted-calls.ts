import { AgentplaneError } from "@agentplane/core";
import type { AgentInputItem, ModelRequest, ModelResponse } from "@openai/agents";

import { actingAgent } from "./agent-identity.ts";
import type { AnyAgent } from "./any-agent.ts";
import { answerNatively } from "./native-answer.ts";
import { isUnasked } from "./hosted-servers.ts";
import { parseJson, recordOf, textOf, writtenOf, type JsonRecord } from "../protocol/json.ts";
import { refuseChanged } from "../model/remote-calls.ts";
import {
  describeCall,
  isShownWhenAsked,
  runGoverned,
  type Governed,
  type LocalCall,
  type ToolGovernor,
} from "./local-call.ts";
import { runningContext } from "./running-context.ts";

// A call on a remote MCP server runs at the provider as soon as a "yes" is sent there: nothing can stop it after that. So
// it is asked about when the server wants to make it, and decided when that "yes" would be sent.

/** What a model gave. */
export interface HostedQuestions {
  /** The agent that runs, as the SDK knows it. */
  readonly agent: AnyAgent;
  /** What was asked for, before servers were made to ask. */
  readonly request: ModelRequest;
  /** As the provider knows it. */
  readonly given: ModelResponse["output"];
  /** As the agent reads it: rules may have replaced some of it. */
  readonly shown: ModelResponse["output"];
}

/**
 * Asks about the calls that a remote MCP server wants approved. One that is blocked is answered with no and the reason.
 * One that the agent lets run without asking is answered with yes, where nothing is against it. Any other is left to the
 * SDK: its callback, or a native interruption.
 */
export async function judgeHostedCalls(governor: ToolGovernor, questions: HostedQuestions): Promise<void> {
  const { plane, memory } = governor;
  const { agent, request, given, shown } = questions;
  for (const item of given) {
    const call = requestedCall(item);
    if (call === undefined) continue;
    // oxlint-disable-next-line no-await-in-loop -- in order: a limit may have room for one of two
    const { effect, message, approvalId } = await plane.guard.ask(describeCall(governor, call));
    const answered = shown.find((one) => requestedCall(one)?.callId === call.callId);
    if (call.callId !== undefined) {
      memory.noteHosted(keyOf(governor, call.callId), { call, item, shown: requestedCall(answered) });
    }
    if (approvalId !== undefined)
      memory.note(call.callId, { context: call.context, approvalId, isShown: isShownWhenAsked(call) });
    if (effect === "block") answerNatively(answered, agent, { isYes: false, message: `Error: ${message}` });
    if (effect === "allow" && isUnasked(request, call.tool)) answerNatively(answered, agent, { isYes: true });
  }
}

/** What of a model call says yes to remote MCP servers. */
export type HostedAnswers = Pick<ModelRequest, "input" | "previousResponseId" | "conversationId">;

/** A model call's input as it may be sent, and what remote MCP servers run with it. */
export interface AdmittedHosted {
  /** The same one where nothing changes. */
  readonly input: string | AgentInputItem[];
  readonly calls: readonly LocalCall[];
}

/**
 * Decides every "yes" to a remote MCP server that a request would send: one that the plane does not let go on becomes a
 * "no" with the reason, which the model reads. What a server asked for is said as it was asked, also where rules replaced
 * some of it for the agent.
 * @param request The model call.
 */
export async function admittedHostedCalls(
  governor: ToolGovernor,
  { input, previousResponseId, conversationId }: HostedAnswers,
): Promise<AdmittedHosted> {
  if (typeof input === "string" || !input.some((item) => approvedId(item) !== undefined))
    return { input, calls: [] };
  const isKeptElsewhere = previousResponseId !== undefined || conversationId !== undefined;
  const next: AgentInputItem[] = [];
  const calls: LocalCall[] = [];
  const done = new Set(input.map(doneId));
  for (const [at, item] of input.entries()) {
    const id = approvedId(item);
    const answered = { id: id ?? "", at, input, isKeptElsewhere };
    // oxlint-disable-next-line no-await-in-loop -- each call once, in order
    const answer = id === undefined ? { isYes: true as const } : await answerTo(governor, answered);
    if (answer.isYes && answer.call !== undefined && !done.has(id)) calls.push(answer.call);
    next.push(answer.isYes ? item : refused(item, answer.reason));
  }
  return { input: next.map((item) => asAsked(governor, item)), calls };
}

/**
 * What rules make of a prompt is sent, and so is what it says of a call: another one would run than was decided.
 * @param calls What runs with the request.
 * @throws AgentplaneError `content_refused`
 */
export function refuseRewritten(
  input: string | readonly AgentInputItem[],
  calls: readonly LocalCall[],
): void {
  if (typeof input === "string" || calls.length === 0) return;
  const said = input.flatMap((item) => requestedCall(item) ?? []);
  const other = calls.find((call) =>
    said.some((one) => one.callId === call.callId && !isSameCall(one, call)),
  );
  if (other === undefined) return;
  throw new AgentplaneError(
    "content_refused",
    `The model call was refused: it approves "${other.tool.name}" of a remote MCP server, and a policy rewrites the ` +
      "prompt, with the arguments of that call: another call would run than was decided.",
  );
}

function asAsked(governor: ToolGovernor, item: AgentInputItem): AgentInputItem {
  const said = requestedCall(item);
  if (said?.callId === undefined) return item;
  const known = governor.memory.hostedQuestion(keyOf(governor, said.callId));
  if (known?.shown === undefined || isSameCall(said, known.call)) return item;
  return isSameCall(said, known.shown) ? known.item : item;
}

interface Answered {
  readonly id: string;
  readonly at: number;
  readonly input: readonly AgentInputItem[];
  /** The provider keeps the conversation: it may know another call under this id than the one that is listed. */
  readonly isKeptElsewhere: boolean;
}

/** A yes, with the call that it may make run: also one of an earlier turn, which may never have left; or why it must be a no. */
type HostedAnswer =
  | { readonly isYes: true; readonly call?: LocalCall }
  | { readonly isYes: false; readonly reason: string };

async function answerTo(
  governor: ToolGovernor,
  { id, at, input, isKeptElsewhere }: Answered,
): Promise<HostedAnswer> {
  const { memory } = governor;
  const listed = input.flatMap((item) => requestedCall(item) ?? []).filter(({ callId }) => callId === id);
  const key = keyOf(governor, id);
  const known = memory.hostedQuestion(key);
  const call = known?.call ?? (isKeptElsewhere ? undefined : listed[0]);
  if (call === undefined) return no("the plane does not know this call. Make it again.");
  const isKnown = (one: LocalCall): boolean =>
    isSameCall(one, call) || (known?.shown !== undefined && isSameCall(one, known.shown));
  if (!listed.every(isKnown))
    return no("this is another call than the one that was asked for. Make it again.");
  const isEarlier = input.slice(at + 1).some(isOfModel);
  if (isEarlier && memory.hasSent(key)) return { isYes: true, call };
  let isDone = false;
  const yes = { ...call, context: runningContext() };
  const governed = await runGoverned(governor, yes, async (admitted) => refuseChanged(admitted), {
    onDenied: ({ cause }) => (isDone = cause === "already_executed"),
  }).catch(refusedAs);
  if (governed.isRun) return { isYes: true, call };
  if (!isDone || !isEarlier) return no(governed.message);
  // Decided in a turn before, and nobody knows whether it left: it may run now, so nothing may be against it now.
  const { effect, message } = await governor.plane.guard.peek(describeCall(governor, yes));
  return effect === "block" ? no(message) : { isYes: true, call };
}

/** A provider has answered the request that says yes to these calls: they have run, and are history from now on. */
export function noteSent(governor: ToolGovernor, calls: readonly LocalCall[]): void {
  for (const { callId = "" } of calls) governor.memory.noteSent(keyOf(governor, callId));
}

/** Who acts may follow from the run: what one tenant was asked is nothing that another may approve. */
function keyOf({ agent }: ToolGovernor, id: string): string {
  return JSON.stringify([actingAgent(agent, runningContext()), id]);
}

function no(why: string): HostedAnswer {
  return { isYes: false, reason: `Error: ${why}` };
}

function refusedAs(error: unknown): Governed<void> {
  if (!(error instanceof AgentplaneError) || error.code !== "content_refused") throw error;
  return { isRun: false, message: error.message };
}

function isSameCall(one: LocalCall, other: LocalCall): boolean {
  return writtenCall(one) === writtenCall(other);
}

function writtenCall({ tool, input }: LocalCall): string {
  return JSON.stringify([tool.name, tool.server, input]);
}

function requestedCall(item: unknown): LocalCall | undefined {
  const { type, name, arguments: written, id, providerData } = recordOf(item) ?? {};
  if (type !== "hosted_tool_call") return undefined;
  const data = recordOf(providerData);
  if (data?.["type"] !== "mcp_approval_request" && name !== "mcp_approval_request") return undefined;
  const input = writtenOf(data?.["arguments"] ?? written);
  const server = textOf(data?.["server_label"]) ?? textOf(data?.["serverLabel"]);
  return {
    tool: {
      name: textOf(data?.["name"]) ?? textOf(name) ?? "unnamed",
      ...(server !== undefined && { server }),
    },
    input: parseJson(input) ?? input,
    callId: textOf(data?.["id"]) ?? textOf(id),
    context: runningContext(),
  };
}

function responseOf(item: unknown): JsonRecord | undefined {
  const { type, name, providerData } = recordOf(item) ?? {};
  const data = recordOf(providerData);
  const isResponse = name === "mcp_approval_response" || data?.["type"] === "mcp_approval_response";
  return type === "hosted_tool_call" && isResponse ? data : undefined;
}

/** The id of the request that an item says yes to; an empty one for a yes to nothing that anybody knows. */
function approvedId(item: unknown): string | undefined {
  const response = responseOf(item);
  if (response === undefined || response["approve"] === false) return undefined;
  return textOf(response["approval_request_id"] ?? response["approvalRequestId"]) ?? "";
}

/** The id of the request whose call a history says has run: a provider does not run it again. */
function doneId(item: unknown): string | undefined {
  const { type, name, providerData } = recordOf(item) ?? {};
  const data = recordOf(providerData);
  if (type !== "hosted_tool_call" || (name !== "mcp_call" && data?.["type"] !== "mcp_call")) return undefined;
  return textOf(data?.["approval_request_id"] ?? data?.["approvalRequestId"]);
}

function refused(item: AgentInputItem, reason: string): AgentInputItem {
  return { ...item, providerData: { ...responseOf(item), approve: false, reason } };
}

/** Whether a model said it: what comes before has been sent to the provider. */
function isOfModel(item: unknown): boolean {
  const { type, role } = recordOf(item) ?? {};
  if (type === "hosted_tool_call") return responseOf(item) === undefined;
  return role === "assistant" || type === "reasoning" || (typeof type === "string" && type.endsWith("_call"));
}
