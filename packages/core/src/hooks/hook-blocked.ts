import { AgentplaneError } from "../base/errors.ts";
import type { Hookpoint } from "../context/hookpoint.ts";

/**
 * A hook stopped the call (`hook_blocked`): it refused, or it failed and nothing says to go on without it.
 * A hook that throws one blocks the call whatever its `fallback`.
 */
export class HookBlocked extends AgentplaneError {
  readonly hookId: string;
  readonly hookpoint: Hookpoint;
  /** Why, for people. */
  readonly reason: string;

  constructor(block: { hookId: string; hookpoint: Hookpoint; reason: string; cause?: unknown }) {
    const { hookId, hookpoint, reason, cause } = block;
    super("hook_blocked", `hook "${hookId}" blocked ${hookpoint}: ${reason}`, {
      data: { hookId, hookpoint, reason },
      cause,
    });
    this.hookId = hookId;
    this.hookpoint = hookpoint;
    this.reason = reason;
  }
}
