import type { JsonValue } from "../../src/base/json.ts";
import type { PolicyContext } from "../../src/context/context.ts";
import type { SessionView } from "../../src/rules/session-view.ts";

/** A tool call with this input; `server` and `user` are absent. */
export function contextOf(input: JsonValue, more: Partial<PolicyContext> = {}): PolicyContext {
  return {
    hookpoint: "before_tool_call",
    agent: { id: "billing-1", runId: "run-1", ancestors: ["root", "a"] },
    tenant: "prod",
    tool: { name: "refund", input },
    tags: { env: "prod" },
    isError: false,
    usage: { inputTokens: 12 },
    nowMs: 1_000,
    ...more,
  };
}

/** A session with a few calls. */
export function sessionOf(): SessionView {
  return {
    entries: [],
    counts: { calls: 3, blocked: 1, errors: 0, modelCalls: 2 },
    startedAtMs: 500,
  };
}
