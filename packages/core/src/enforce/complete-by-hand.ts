import { requireEnd } from "../base/argument.ts";
import type { MaybePromise } from "../base/maybe-promise.ts";
import { requireUsage } from "../base/model-costs.ts";
import type { Admission } from "./admission.ts";
import { completeCall, ownAdmission, type CallResult } from "./complete.ts";
import type { GuardCore } from "./guard-core.ts";
import type { Outcome } from "./outcome.ts";

const ENDS: ReadonlyMap<string, readonly string[]> = new Map<CallResult<unknown>["status"], string[]>([
  ["ran", ["status", "result", "usage", "codec", "isError"]],
  ["failed", ["status", "error", "usage"]],
]);

/**
 * Ends an admission as callers without types may report it.
 * @throws AgentplaneError `usage_invalid` for what is no end, or says what nobody would read; the call goes on then
 */
export function completeByHand<R>(
  core: GuardCore,
  admission: Admission,
  end: CallResult<R>,
): MaybePromise<Outcome<R>> {
  const call = ownAdmission(admission);
  requireEnd("guard.complete: end", end, ENDS);
  requireUsage("guard.complete: usage", end.usage);
  return completeCall(core, call, end);
}
