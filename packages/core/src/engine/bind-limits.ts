import { tupleKey } from "../context/call-key.ts";
import type { PolicyContext } from "../context/context.ts";
import type { LimitSpec, LimitSubject, Window } from "../policy/limit.ts";
import type { LimitDeclaration, LimitEstimate } from "../rules/rule.ts";
import type { ReserveItem } from "../store/state-store.ts";
import type { CompiledEntry } from "./compiled-policy.ts";

/** One limit of one rule, bound to this call's subject. */
export interface BoundLimit {
  readonly entry: CompiledEntry;
  readonly declaration: LimitDeclaration;
  readonly item: ReserveItem;
}

/** The limits of a rule for this call, and what its estimate demands. */
export interface BoundRule {
  readonly bound: readonly BoundLimit[];
  readonly estimates: readonly LimitEstimate[];
}

/**
 * Binds a rule's declared limits to the subjects of a call: one ledger item per limit and dimension.
 * @param planeId Keeps several planes on one store apart.
 * @param entry A rule that declares limits.
 * @param context The call as it will be executed.
 */
export function bindLimits(planeId: string, entry: CompiledEntry, context: PolicyContext): BoundRule {
  const bound: BoundLimit[] = [];
  const estimates: LimitEstimate[] = [];
  for (const declaration of entry.rule.limits ?? []) {
    const estimate = declaration.estimate(context);
    estimates.push(estimate);
    if (estimate.unknown !== undefined) continue;
    for (const subject of declaration.per) {
      const spec = limitSpecOf({ planeId, entry, declaration, subject }, context);
      bound.push({
        entry,
        declaration,
        item: {
          spec,
          amount: estimate.amount,
          isSoft: entry.policy.isShadow || entry.timing === "nonBlocking" || declaration.onBreach !== "block",
          expired: declaration.expired,
        },
      });
    }
  }
  return { bound, estimates };
}

/** Names one limit for one subject, also for operators who grant, reset or read it. */
export function limitSpecOf(
  of: { planeId: string; entry: CompiledEntry; declaration: LimitDeclaration; subject: LimitSubject },
  context: PolicyContext,
): LimitSpec {
  const { planeId, entry, declaration, subject } = of;
  const key = tupleKey([
    planeId,
    // Shadow policies count in a namespace of their own, dropped on promotion.
    entry.policy.isShadow ? "shadow" : "live",
    subject === "global" ? undefined : context.tenant,
    entry.policy.id,
    entry.ruleId,
    declaration.measure,
    subject,
    subjectValue(subject, context),
    windowKey(declaration.window),
  ]);
  return { key, measure: declaration.measure, limit: declaration.limit, window: declaration.window };
}

function subjectValue(subject: LimitSubject, context: PolicyContext): string | undefined {
  switch (subject) {
    case "agent":
      return context.agent.id;
    case "tenant":
      return context.tenant;
    case "user":
      return context.user;
    case "session":
      return context.session;
    case "run":
      return context.agent.runId;
    case "tool":
      return context.tool?.name;
    case "global":
      return "";
  }
}

/** A changed window starts anew; a changed number keeps its counts, so it is not part of the key. */
function windowKey(window: Window): string {
  switch (window.kind) {
    case "sliding":
      return `sliding:${window.windowMs}`;
    case "calendar":
      return `calendar:${window.unit}:${window.timeZone}`;
    case "lifetime":
      return "lifetime";
  }
}
