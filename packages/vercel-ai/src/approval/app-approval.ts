import {
  asSchema,
  type GenericToolApprovalFunction,
  type ToolApprovalConfiguration,
  type ToolApprovalStatus,
  type ToolSet,
} from "ai";

import type { AnyTool } from "../call/tool-settings.ts";

/** What the SDK asks an approval function. */
export type ApprovalQuestion = Parameters<
  GenericToolApprovalFunction<ToolSet, Record<string, unknown>, unknown>
>[0];

/** The application's own approvals, in any of the SDK's forms. */
// oxlint-disable-next-line typescript/no-explicit-any -- the SDK's type is invariant in the tools and the run's context
export type AppApproval = ToolApprovalConfiguration<any, any>;

/** An answer with its reason, as the SDK understands it. */
export type Status = Exclude<ToolApprovalStatus, string | undefined>;

/**
 * What the application itself says about a call: its function, its entry for the tool, or the tool's `needsApproval`. A
 * function for all tools takes the place of the other two, as in `ai@7` (`resolve-tool-approval`), which therefore must
 * be asked here.
 */
export async function appApproval(own: AppApproval | undefined, question: ApprovalQuestion): Promise<Status> {
  if (typeof own === "function") return statusOf(await own(question));
  const { toolCall, tools, messages, runtimeContext } = question;
  const { toolName, toolCallId } = toolCall;
  const tool = ownMember(tools, toolName);
  const entry: unknown = ownMember(own, toolName);
  if (entry !== undefined && entry !== null) {
    if (typeof entry !== "function") return statusOf(entry as ToolApprovalStatus);
    const toolContext = await contextOf(tool, question);
    const options = { toolCallId, messages, toolContext, runtimeContext };
    return statusOf((await Reflect.apply(entry, own, [toolCall.input, options])) as ToolApprovalStatus);
  }
  const needs: unknown = tool?.needsApproval;
  const isNeeded: unknown =
    typeof needs === "function"
      ? await Reflect.apply(needs, tool, [
          toolCall.input,
          { toolCallId, messages, context: await contextOf(tool, question) },
        ])
      : needs;
  return isNeeded === undefined || isNeeded === null || isNeeded === false
    ? { type: "not-applicable" }
    : { type: "user-approval" };
}

/** A tool's context as its schema gives it. */
async function contextOf(
  tool: AnyTool | undefined,
  { toolsContext, toolCall }: ApprovalQuestion,
): Promise<unknown> {
  const given: unknown = ownMember(toolsContext, toolCall.toolName);
  const schema: unknown = tool?.contextSchema;
  if (tool === undefined || schema === undefined || schema === null) return given;
  const checked = await asSchema<unknown>(
    tool.contextSchema as Parameters<typeof asSchema<unknown>>[0],
  ).validate?.(given);
  if (checked === undefined) return given;
  if (!checked.success) throw checked.error;
  return checked.value;
}

function statusOf(status: ToolApprovalStatus): Status {
  if (status === undefined) return { type: "not-applicable" };
  return typeof status === "string" ? { type: status } : status;
}

/** The name comes from the model: `constructor` must not be found on a prototype. */
function ownMember<T>(record: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;
}
