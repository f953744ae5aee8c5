import { AgentplaneError } from "@agentplane/core";
import type { ModelRequest } from "@openai/agents";

import type { UnseenTools } from "../protocol/dialect.ts";
import { listOf, recordOf, type JsonRecord } from "../protocol/json.ts";
import { CARRIERS, keptTools, offeredTools } from "../protocol/offered-tools.ts";
import { unaskedServers, withAsking } from "../protocol/unasked-servers.ts";
import { askedFor, unseenRefusal } from "../model/unasked-calls.ts";
import type { ActingAgent } from "./agent-identity.ts";
import type { AgentsPlane } from "./agents-plane.ts";

// A call on a remote MCP server that runs without asking cannot be decided: nobody sees it before it has happened. So
// where the plane would have something to say about it, the server has to ask, and the plane answers.

/** What of a request brings remote MCP servers along. */
type Servers = Pick<ModelRequest, "tools" | "input">;
type OfferedTool = ModelRequest["tools"][number];

/**
 * Takes the tools off that remote MCP servers may not offer, where the agent says their names, and makes the servers ask
 * for what a policy concerns; also those that a search for tools has found.
 * @returns The same members where nothing changes.
 */
export async function governedServers(
  plane: AgentsPlane,
  { tools, input }: Servers,
  acting: ActingAgent,
): Promise<Servers> {
  const next: ModelRequest["tools"] = [];
  for (const tool of tools) {
    // oxlint-disable-next-line no-await-in-loop -- in order; a peek awaits only what a store makes it
    const governed = await governedServer(plane, tool, acting);
    if (governed !== undefined) next.push(governed);
  }
  const isChanged = next.length !== tools.length || next.some((tool, at) => tool !== tools[at]);
  return { tools: isChanged ? next : tools, input: await governedItems(plane, input, acting) };
}

/** What of a request says whether a stored prompt may bring its tools along. */
type Prompted = Pick<ModelRequest, "prompt" | "tools" | "handoffs" | "toolsExplicitlyProvided">;

/**
 * Refuses a stored prompt whose tools nobody knows, where a policy could concern one.
 * @throws AgentplaneError `content_refused`
 */
export async function refuseUnseenTools(
  plane: AgentsPlane,
  { prompt, tools, handoffs, toolsExplicitlyProvided }: Prompted,
  acting: ActingAgent,
): Promise<void> {
  // As the SDK decides whether it sends any.
  const areSent = tools.length > 0 || handoffs.length > 0 || toolsExplicitlyProvided === true;
  if (prompt === undefined || areSent) return;
  const dialect = { unseenServers: () => [OF_PROMPT] };
  const refusal = await unseenRefusal(plane, { dialect, body: {}, acting, how: "judge" });
  if (refusal === undefined) return;
  throw new AgentplaneError("content_refused", refusal.message);
}

const OF_PROMPT: UnseenTools = {
  server: undefined,
  names: undefined,
  source: "the agent's stored prompt",
  instead: "Give the agent its tools, tools: [] for none: they take the place of those of the prompt",
};

/** Whether a request lets a server run its calls of a tool without asking. */
export function isUnasked(
  { tools, input }: Servers,
  tool: { readonly name: string; readonly server?: string },
) {
  return unaskedServers({ tools: tools.flatMap((one) => serverData(one) ?? []), input }).some(
    ({ server, names }) => server === tool.server && names?.includes(tool.name) !== false,
  );
}

/** The tool as it may be offered; undefined where nothing of it may. */
async function governedServer(
  plane: AgentsPlane,
  tool: OfferedTool,
  acting: ActingAgent,
): Promise<OfferedTool | undefined> {
  const data = serverData(tool);
  if (data === undefined || tool.type !== "hosted_tool") return tool;
  const { tools } = await governedBody(plane, { tools: [data] }, acting);
  const next = recordOf(listOf(tools)[0]);
  if (next === undefined) return undefined;
  return next === data ? tool : { ...tool, providerData: { ...next } };
}

async function governedItems(
  plane: AgentsPlane,
  input: ModelRequest["input"],
  acting: ActingAgent,
): Promise<ModelRequest["input"]> {
  if (typeof input === "string" || !input.some(({ type }) => CARRIERS.has(type))) return input;
  const { input: next } = await governedBody(plane, { input }, acting);
  // Of the same items some have other tools.
  return next as typeof input;
}

async function governedBody(plane: AgentsPlane, body: JsonRecord, acting: ActingAgent): Promise<JsonRecord> {
  const offered = offeredTools(body);
  const visible = await plane.guard.visibleTools(offered, { hookpoint: "before_agent", ...acting });
  const kept = new Set(offered.flatMap((tool, at) => (visible.includes(tool) ? [at] : [])));
  const left = kept.size === offered.length ? body : keptTools(body, kept);
  // To judge refuses nothing.
  const { body: asked = left } = await askedFor(plane, {
    dialect: SERVERS,
    body: left,
    acting,
    how: "judge",
  });
  return asked;
}

const SERVERS = { unaskedServers, withAsking };

function serverData(tool: OfferedTool): JsonRecord | undefined {
  const data = tool.type === "hosted_tool" ? recordOf(tool.providerData) : undefined;
  return data?.["type"] === "mcp" ? data : undefined;
}
