import type { ProposedCall, RemoteAnswer } from "./dialect.ts";
import { listOf, recordOf, textOf, type JsonRecord } from "./json.ts";
import { proposedCall } from "./response-items.ts";

/** The calls among items that a remote MCP server would run once they are approved. */
export function remoteRequests(items: unknown): readonly ProposedCall[] {
  return listOf(items)
    .flatMap((item) => proposedCall(recordOf(item) ?? {}))
    .filter(({ isRemote }) => isRemote === true);
}

/** Every "yes" to a remote MCP server in a request of the Responses API. Servers take no answer but `false` for a no. */
export function remoteAnswers(request: JsonRecord): readonly RemoteAnswer[] {
  if (!Array.isArray(request["input"])) return [];
  const items = request["input"].map((item: unknown) => recordOf(item) ?? {});
  const yes = items.filter(isYes);
  if (yes.length === 0) return [];
  const isContinued = isSaid(request["previous_response_id"]) || isSaid(request["conversation"]);
  return yes.map((answer) => {
    const id = textOf(answer["approval_request_id"]);
    const isOf = (member: string) => (item: JsonRecord) => item[member] === id;
    return {
      id,
      listed: remoteRequests(items).filter((call) => call.id === id),
      isKeptElsewhere: isContinued || items.filter(isOf("id")).some(({ type }) => !isRequest(type)),
      isHistory: items.filter(isOf("approval_request_id")).some(({ type }) => type === "mcp_call"),
    };
  });
}

/** The request that says of these calls what their servers asked for: a client knows some of it as rules left it. */
export function withRemoteRequests(request: JsonRecord, calls: readonly ProposedCall[]): JsonRecord {
  let isChanged = false;
  const input = listOf(request["input"]).map((item) => {
    const { type, id, arguments: said } = recordOf(item) ?? {};
    const asked = isRequest(type) ? calls.find((call) => call.id === id)?.input : undefined;
    if (asked === undefined || asked === said) return item;
    isChanged = true;
    return { ...recordOf(item), arguments: asked };
  });
  return isChanged ? { ...request, input } : request;
}

/** Whether an item says yes to a remote MCP server. */
export function isYes({ type, approve }: JsonRecord): boolean {
  return type === "mcp_approval_response" && approve !== false;
}

function isRequest(type: unknown): boolean {
  return type === "mcp_approval_request";
}

function isSaid(member: unknown): boolean {
  return member !== undefined && member !== null;
}
