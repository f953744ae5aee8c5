import type { ModelResponse } from "@openai/agents";

import { parseJson, recordOf, textOf, writtenOf } from "../protocol/json.ts";
import type { ActingAgent } from "./agent-identity.ts";
import type { AgentsPlane } from "./agents-plane.ts";

/**
 * Decides the calls that a remote MCP server asks to be approved: whoever approves them, or a callback that approves all
 * of them, lets them run at the provider, where nothing can stop them any more.
 * @throws PolicyError of the first call that may not run
 */
export async function judgeHostedCalls(
  { guard }: AgentsPlane,
  acting: ActingAgent,
  output: ModelResponse["output"],
): Promise<void> {
  for (const item of output) {
    if (item.type !== "hosted_tool_call") continue;
    const data = recordOf(item.providerData);
    if (data?.["type"] !== "mcp_approval_request" && item.name !== "mcp_approval_request") continue;
    const input = writtenOf(data?.["arguments"] ?? item.arguments);
    const server = textOf(data?.["server_label"]) ?? textOf(data?.["serverLabel"]);
    const callId = textOf(data?.["id"]) ?? textOf(item.id);
    // oxlint-disable-next-line no-await-in-loop -- in order, and none after the first that is refused
    const outcome = await guard.toolCall({
      context: {
        hookpoint: "before_tool_call",
        ...acting,
        ...(callId !== undefined && { callId }),
        tool: {
          name: textOf(data?.["name"]) ?? item.name,
          ...(server !== undefined && { server }),
          input: parseJson(input) ?? input,
        },
      },
      // It runs at the provider, and so does its result.
      run: () => null,
    });
    if (outcome.status !== "ran") throw outcome.error;
  }
}
