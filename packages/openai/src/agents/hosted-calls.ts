import { AgentplaneError } from "@agentplane/core";
import type { AgentInputItem, ModelRequest, ModelResponse } from "@openai/agents";

import type { AnyAgent } from "./any-agent.ts";
import { answerNatively } from "./native-answer.ts";
import { isUnasked } from "./hosted-servers.ts";
import { parseJson, recordOf, textOf, writtenOf, type JsonRecord } from "../protocol/json.ts";
import { refuseChanged } from "../remote-calls.ts";
import { describeCall, runGoverned, type Governed, type LocalCall, type ToolGovernor } from "./local-call.ts";
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
    memory.noteHosted(call);
    if (approvalId !== undefined) memory.note(call.callId, { approvalId });
    const answered = shown.find((one) => requestedCall(one)?.callId === call.callId);
    if (effect === "block") answerNatively(answered, agent, { isYes: false, message: `Error: ${message}` });
    if (effect === "allow" && isUnasked(request, call.tool)) answerNatively(answered, agent, { isYes: true });
  }
}

/** What of a model call says yes to remote MCP servers. */
export type HostedAnswers = Pick<ModelRequest, "input" | "previousResponseId" | "conversationId">;

/**
 * Decides every "yes" to a remote MCP server that a request would send: one that the plane does not let go on becomes a
 * "no" with the reason, which the model reads.
 * @param request The model call.
 * @returns The same input where nothing changes.
 */
export async function admittedHostedCalls(
  governor: ToolGovernor,
  { input, previousResponseId, conversationId }: HostedAnswers,
): Promise<string | AgentInputItem[]> {
  if (typeof input === "string" || !input.some((item) => approvedId(item) !== undefined)) return input;
  const isKeptElsewhere = previousResponseId !== undefined || conversationId !== undefined;
  const next: AgentInputItem[] = [];
  for (const [at, item] of input.entries()) {
    const id = approvedId(item);
    const answered = { id: id ?? "", at, input, isKeptElsewhere };
    // oxlint-disable-next-line no-await-in-loop -- each call once, in order
    const reason = id === undefined ? undefined : await refusalOf(governor, answered);
    next.push(reason === undefined ? item : refused(item, reason));
  }
  return next;
}

interface Answered {
  readonly id: string;
  readonly at: number;
  readonly input: readonly AgentInputItem[];
  /** The provider keeps the conversation: it may know another call under this id than the one that is listed. */
  readonly isKeptElsewhere: boolean;
}

/** Why the call may not run; undefined where it may, or has run in an earlier turn. */
async function refusalOf(
  governor: ToolGovernor,
  { id, at, input, isKeptElsewhere }: Answered,
): Promise<string | undefined> {
  const { memory } = governor;
  const listed = input.flatMap((item) => requestedCall(item) ?? []).filter(({ callId }) => callId === id);
  const call = memory.hostedCall(id) ?? (isKeptElsewhere ? undefined : listed[0]);
  if (call === undefined) return "Error: the plane does not know this call. Make it again.";
  if (!listed.every((one) => isSameCall(one, call))) {
    return "Error: this is another call than the one that was asked for. Make it again.";
  }
  const isEarlier = input.slice(at + 1).some(isOfModel);
  if (isEarlier && memory.hasAnswered(id)) return undefined;
  let isDone = false;
  const yes = { ...call, context: runningContext() };
  const governed = await runGoverned(governor, yes, async (admitted) => refuseChanged(admitted), {
    onDenied: ({ cause }) => (isDone = cause === "already_executed"),
  }).catch(refusedAs);
  // It ran in a turn before: that it did is history, and is not told to the provider as something to do.
  if (governed.isRun || (isDone && isEarlier)) {
    memory.noteAnswered(id);
    return undefined;
  }
  return `Error: ${governed.message}`;
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

function refused(item: AgentInputItem, reason: string): AgentInputItem {
  return { ...item, providerData: { ...responseOf(item), approve: false, reason } };
}

/** Whether a model said it: what comes before has been sent to the provider. */
function isOfModel(item: unknown): boolean {
  const { type, role } = recordOf(item) ?? {};
  if (type === "hosted_tool_call") return responseOf(item) === undefined;
  return role === "assistant" || type === "reasoning" || (typeof type === "string" && type.endsWith("_call"));
}
