import { AgentplaneError } from "../base/errors.ts";
import type { Hash } from "../base/ports.ts";
import { inputDigest, tupleKey } from "../context/call-key.ts";
import type { PolicyContext, ToolCall } from "../context/context.ts";
import type { SessionEntry, SessionView } from "./session-view.ts";

/**
 * The entries of the session's history.
 * @throws AgentplaneError `rule_failed` when there is none: a rule about the past must not take it for an empty one.
 */
export function requireHistory(
  session: SessionView | undefined,
  { policyId, ruleId }: { readonly policyId: string; readonly ruleId: string },
): readonly SessionEntry[] {
  if (session !== undefined) return session.entries;
  throw new AgentplaneError(
    "rule_failed",
    `rule "${ruleId}" needs the session's history, and there is none`,
    {
      data: { policyId, ruleId },
    },
  );
}

/** Finds the entries of this tool call in a history: the same tool, whatever it is called, with the same input. */
export function sameCall(
  context: PolicyContext,
  tool: ToolCall,
  hash: Hash,
): (entry: SessionEntry) => boolean {
  const digest = inputDigest(context, hash);
  return (entry) =>
    entry.hookpoint === context.hookpoint && entry.inputDigest === digest && isSameTool(entry, tool);
}

type Named = Pick<SessionEntry, "name" | "server" | "originalName">;

/** An alias does not make another tool, nor does another server's name make the same one. */
function isSameTool(one: Named, other: Named): boolean {
  const [id, otherId] = [originOf(one), originOf(other)];
  // Of a tool that says neither, and in histories that an earlier version wrote, the name is all there is.
  return id === undefined || otherId === undefined ? one.name === other.name : id === otherId;
}

function originOf({ name, server, originalName }: Named): string | undefined {
  return (server ?? originalName) && tupleKey([server, originalName ?? name]);
}
