import { RunToolApprovalItem, type ModelResponse } from "@openai/agents";

import { recordOf, textOf } from "../protocol/json.ts";
import type { AnyAgent } from "./any-agent.ts";
import { runningContext } from "./running-context.ts";

/** What is said to a remote MCP server that asks. */
type Answer = { readonly isYes: true } | { readonly isYes: false; readonly message: string };

/**
 * Answers the question of a remote MCP server in the place of the application: the SDK then asks nobody else, and sends
 * the answer with the next model call.
 * @param item What the server asked, as the SDK will read it.
 */
export function answerNatively(
  item: ModelResponse["output"][number] | undefined,
  agent: AnyAgent,
  answer: Answer,
): void {
  const context = runningContext();
  if (context === undefined || item?.type !== "hosted_tool_call") return;
  const data = recordOf(item.providerData);
  // As the SDK makes it of the same item: it compares the two.
  const question = new RunToolApprovalItem(
    {
      type: "hosted_tool_call",
      name: textOf(data?.["name"]) ?? item.name,
      ...(textOf(data?.["id"]) !== undefined && { id: textOf(data?.["id"]) }),
      status: "in_progress",
      ...(item.providerData !== undefined && { providerData: item.providerData }),
      ...(item.caller !== undefined && { caller: item.caller }),
    },
    agent,
  );
  if (answer.isYes) context.approveTool(question);
  else context.rejectTool(question, { message: answer.message });
}
