import { ConfigError } from "@agentplane/core";

import type { Fetch } from "./http/native-request.ts";
import { UNASKED_CALLS, type UnaskedCalls } from "./model/unasked-calls.ts";

/** How requests are governed. */
export interface GuardFetchOptions {
  /** Sends what may be sent. Default: `globalThis.fetch`. */
  readonly fetch?: Fetch;
  /**
   * How long a request waits for humans before it is refused, in ms, and no longer than half of the timeout that an SDK
   * says it has. Default 0: it is refused at once, with the id of the approval.
   */
  readonly approvalWaitMs?: number;
  /**
   * Ends of paths that pass without a decision although a model may run behind them, such as `/batches`. Default none:
   * what cannot be governed is refused.
   */
  readonly passthrough?: readonly string[];
  /**
   * `judge`: an answer that calls a tool is shown only if the plane would let that call go on, because whoever reads it
   * may run it out of sight; functions from `guardFunctions` are decided where they run. `leave`: answers are judged
   * by rules at `after_model_call` alone. Default `judge`.
   */
  readonly proposedCalls?: "judge" | "leave";
  /**
   * Calls on remote MCP servers that a request lets run without asking (`require_approval: "never"`): nobody sees them
   * before they have happened. `judge`: where a policy concerns one, the server must ask for it, and the answer shows an
   * `mcp_approval_request`; `ask`: for every one; `refuse`: where a policy concerns one, the request is refused;
   * `leave`: they run unseen. Default `judge`, and `leave` where `proposedCalls` is.
   */
  readonly unaskedCalls?: UnaskedCalls;
}

const OPTION_NAMES: readonly string[] = [
  "fetch",
  "approvalWaitMs",
  "passthrough",
  "proposedCalls",
  "unaskedCalls",
];

/**
 * Refuses options that would do nothing.
 * @throws ConfigError naming each
 */
export function checkOptions(options: GuardFetchOptions): void {
  const issues = Object.keys(options)
    .filter((name) => !OPTION_NAMES.includes(name))
    .map((name) => ({
      path: name,
      message: "unknown option",
      suggestion: `use one of ${OPTION_NAMES.join(", ")}`,
    }));
  const { approvalWaitMs = 0, proposedCalls = "judge", unaskedCalls = "judge", passthrough = [] } = options;
  if (!(approvalWaitMs >= 0)) {
    issues.push({
      path: "approvalWaitMs",
      message: "is no duration",
      suggestion: "use a number of ms from 0",
    });
  }
  if (!["judge", "leave"].includes(proposedCalls)) {
    const suggestion = 'use "judge" or "leave"';
    issues.push({ path: "proposedCalls", message: `"${proposedCalls}" is not a choice`, suggestion });
  }
  if (!UNASKED_CALLS.includes(unaskedCalls)) {
    const suggestion = `use one of ${UNASKED_CALLS.join(", ")}`;
    issues.push({ path: "unaskedCalls", message: `"${unaskedCalls}" is not a choice`, suggestion });
  }
  for (const [at, end] of passthrough.entries()) {
    if (end.startsWith("/") && end.length > 1) continue;
    const suggestion = 'begin it with a slash, such as "/batches"';
    issues.push({ path: `passthrough[${at}]`, message: `"${end}" is no end of a path`, suggestion });
  }
  if (issues.length > 0) throw new ConfigError("guardFetch", issues);
}
