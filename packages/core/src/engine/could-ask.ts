import type { PolicyContext } from "../context/context.ts";
import type { CompiledEntry } from "./compiled-policy.ts";
import type { EngineParts } from "./engine-parts.ts";
import type { Plan } from "./plan.ts";

/** What of the policies in force tells it. */
interface Asking {
  /** Of some rule of theirs. */
  readonly couldAsk: boolean;
  planFor(context: PolicyContext): Pick<Plan, "entries">;
}

/** Whether a human could be asked because of this rule: by what it says, or by a limit of it. */
export function couldAsk({ timing, policy, check, rule, isBuiltIn }: CompiledEntry): boolean {
  if (timing !== "blocking" || policy.isShadow) return false;
  const { limits = [], neverAsks } = rule;
  // An estimate of another's kind may answer anything where it knows nothing.
  const says = check !== undefined || (!isBuiltIn && limits.length > 0);
  return (says && neverAsks !== true) || limits.some(({ onBreach }) => onBreach !== "block");
}

/**
 * Whether a human could be asked before such a call, by a mode or by a rule in force. A ladder alone asks nobody: the
 * rule that triggers it says more than allow, and where that is a block it stays one. O(1) where no policy could ask.
 * @param context Without it: about any call.
 */
export function couldAskNow(
  { settings, degradation }: EngineParts,
  index: Asking,
  context: PolicyContext | undefined,
): boolean {
  if (!settings.hasResolver()) return false;
  // Whom a mode concerns depends on the call's session and on what this very call breaches: any is enough.
  if (degradation.entries().length > 0) return true;
  if (context === undefined || !index.couldAsk) return index.couldAsk;
  return index.planFor(context).entries.some(couldAsk);
}
