import { assertNever } from "../base/assert-never.ts";
import { tupleKey } from "../context/call-key.ts";
import type { PolicyContext } from "../context/context.ts";
import type { LimitSpec, LimitSubject, Window } from "../policy/limit.ts";
import type { LimitDeclaration, LimitEstimate } from "../rules/rule.ts";
import type { BoundLimit } from "./bound-limit.ts";
import type { CompiledEntry } from "./compiled-policy.ts";
import { isLive, type Plan } from "./plan.ts";

export type { BoundLimit } from "./bound-limit.ts";

/** Receives what a rule's estimate says beside the amount. */
export type TakeEstimate = (entry: CompiledEntry, estimate: LimitEstimate) => void;

/**
 * Binds the limits that a plan declares to the subjects of a call: one ledger item per limit and dimension. Calls of
 * one plan mostly mean the same subjects and amounts, so what was bound for the last one is used again where it fits.
 * @param planeId Keeps several planes on one store apart.
 * @param plan What matches.
 * @param context The call; its estimates are taken before the request is clamped to them.
 * @param note Called once per declared limit.
 */
export function bindLimits(
  planeId: string,
  plan: Plan,
  { context, note }: { readonly context: PolicyContext; readonly note: TakeEstimate },
): readonly BoundLimit[] {
  const bound: BoundLimit[] = [];
  const boundBefore = boundBeforeOf(plan, context.agent.id);
  for (const entry of plan.limited) {
    if (!isLive(entry, context)) continue;
    for (const declaration of entry.rule.limits ?? []) {
      const estimate = declaration.estimate(context);
      note(entry, estimate);
      if (estimate.unknown !== undefined) continue;
      for (const subject of declaration.per) {
        const of = { entry, declaration, amount: estimate.amount, value: subjectValue(subject, context) };
        const at = bound.length;
        const before = boundBefore[at];
        const one =
          before !== undefined && isSame(before, of, subject)
            ? before
            : bindOne(of, limitSpecOf({ planeId, entry, declaration, subject }, context), subject);
        boundBefore[at] = one;
        bound.push(one);
      }
    }
  }
  return bound;
}

/** More agents than this share one plan only where names are made up per call: then nothing is worth remembering. */
const MAX_REMEMBERED = 1_000;

function boundBeforeOf({ boundBefore }: Plan, agent: string): BoundLimit[] {
  const known = boundBefore.get(agent);
  if (known !== undefined) return known;
  if (boundBefore.size >= MAX_REMEMBERED) boundBefore.clear();
  const created: BoundLimit[] = [];
  boundBefore.set(agent, created);
  return created;
}

interface Binding {
  readonly entry: CompiledEntry;
  readonly declaration: LimitDeclaration;
  readonly amount: number;
  readonly value: string | undefined;
}

/** The tenant, which stands in every key too, is the plan's own. */
function isSame(
  before: BoundLimit,
  { entry, declaration, amount, value }: Binding,
  subject: LimitSubject,
): boolean {
  return (
    before.entry === entry &&
    before.declaration === declaration &&
    before.subject === subject &&
    before.value === value &&
    before.item.amount === amount
  );
}

function bindOne(
  { entry, declaration, amount, value }: Binding,
  spec: LimitSpec,
  subject: LimitSubject,
): BoundLimit {
  const isSoft = entry.policy.isShadow || entry.timing === "nonBlocking" || declaration.onBreach !== "block";
  return { entry, declaration, subject, value, item: { spec, amount, isSoft, expired: declaration.expired } };
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
    default:
      return assertNever(subject, "limit subject");
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
    default:
      return assertNever(window, "window");
  }
}
