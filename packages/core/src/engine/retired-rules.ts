import { errorText } from "../base/error-text.ts";
import type { Logger } from "../base/ports.ts";
import type { SlicedWork } from "../base/sliced-work.ts";
import type { CompiledEntry, CompiledPolicy } from "./compiled-policy.ts";

/**
 * Closes the rules of policies that are no longer, or never were, in force, a policy per step.
 * @param candidates Policies with rules to close that may have been retired.
 * @param kept Those that are in force.
 * @param logger Hears of a rule that cannot be closed: the others are closed all the same.
 */
export function* closeRetired(
  candidates: Iterable<CompiledPolicy>,
  kept: ReadonlySet<CompiledPolicy>,
  logger: Logger,
): SlicedWork<void> {
  for (const policy of candidates) {
    if (!kept.has(policy)) for (const entry of policy.entries) close(entry, logger);
    yield;
  }
}

function close({ rule, ruleId, policy }: CompiledEntry, logger: Logger): void {
  try {
    rule.close?.();
  } catch (error) {
    const text = errorText(error);
    logger.error("a retired rule could not be closed", { policyId: policy.id, ruleId, error: text });
  }
}
