import { assertNever } from "../base/assert-never.ts";
import { tupleKey } from "../context/call-key.ts";
import type { PolicyContext } from "../context/context.ts";
import type { LimitSpec, LimitSubject, LimitSubjects, Window } from "../policy/limit.ts";
import type { LimitDeclaration, LimitEstimate } from "../rules/rule.ts";
import { NO_LIMITS, type BoundLimit, type BoundLimits } from "./bound-limit.ts";
import type { CompiledEntry } from "./compiled-policy.ts";
import type { Pass } from "./pass.ts";
import { isLive, type Plan } from "./plan.ts";

/** Receives what a rule's estimate says beside the amount. */
export type TakeEstimate = (pass: Pass, entry: CompiledEntry, estimate: LimitEstimate) => void;

/**
 * Binds the limits that a plan declares to the subjects of a call: one ledger item per limit and dimension. Calls of
 * one plan mostly mean the same subjects and amounts, so what was bound for the last one is used again where it fits.
 * @param planeId Keeps several planes on one store apart.
 * @param plan What matches.
 * @param of The call; its estimates are taken before the request is clamped to them. `note` is called for an estimate
 *   that says more than an amount.
 */
export function bindLimits(
  planeId: string,
  plan: Plan,
  { pass, note }: { readonly pass: Pass; readonly note: TakeEstimate },
): BoundLimits {
  const { context } = pass;
  const latest = plan.bound;
  if (latest?.isWhole === true && isSameSubjects(latest, context)) {
    if (isSameAmounts(latest, context)) return latest;
    // Estimates may cost more than to bind anew: where they vary, they are made once.
    plan.hasFixedAmounts = false;
    plan.bound = undefined;
  }
  const before = plan.boundBefore.get(context.agent.id);
  let bound: BoundLimit[] | undefined;
  let isWhole = !plan.isDynamic;
  let at = 0;
  for (const entry of plan.limited) {
    if (plan.isDynamic && !isLive(entry, context)) continue;
    for (const declaration of entry.rule.limits ?? []) {
      const estimate = declaration.estimate(context);
      const { amount, unknown } = estimate;
      if (isMore(estimate)) {
        isWhole = false;
        note(pass, entry, estimate);
      }
      if (unknown !== undefined) continue;
      for (const subject of declaration.per) {
        const value = subjectValue(subject, context);
        let one = before?.list[at];
        // The tenant, which stands in every key too, is the plan's own.
        const isSame =
          one !== undefined &&
          one.declaration === declaration &&
          one.entry === entry &&
          one.subject === subject &&
          one.value === value &&
          one.item.amount === amount;
        if (!isSame || one === undefined) {
          bound ??= before?.list.slice(0, at) ?? [];
          one = bindOne({ entry, declaration, amount, value, subject }, planeId, context);
        }
        bound?.push(one);
        at++;
      }
    }
  }
  if (bound === undefined && before !== undefined && before.list.length === at) return latestOf(plan, before);
  return remember(plan, context.agent.id, { list: bound ?? before?.list.slice(0, at) ?? [], isWhole });
}

function isMore({ unknown, clampOutputTokens }: LimitEstimate): boolean {
  return unknown !== undefined || clampOutputTokens !== undefined;
}

function isSameSubjects({ isBySubject, list }: BoundLimits, context: PolicyContext): boolean {
  if (!isBySubject) return true;
  for (let at = 0; at < list.length; at++) {
    const { subject, value } = list[at]!;
    if (subjectValue(subject, context) !== value) return false;
  }
  return true;
}

function isSameAmounts({ declarations, items }: BoundLimits, context: PolicyContext): boolean {
  let amount: number | undefined;
  let asked: LimitDeclaration | undefined;
  for (let at = 0; at < declarations.length; at++) {
    const declaration = declarations[at]!;
    if (declaration !== asked) {
      const estimate = declaration.estimate(context);
      if (isMore(estimate)) return false;
      ({ amount } = estimate);
      asked = declaration;
    }
    if (items[at]!.amount !== amount) return false;
  }
  return true;
}

/** More agents than this share one plan only where names are made up per call: then nothing is worth remembering. */
const MAX_REMEMBERED = 1_000;

function remember(
  plan: Plan,
  agent: string,
  { list, isWhole }: Pick<BoundLimits, "list" | "isWhole">,
): BoundLimits {
  if (list.length === 0) return NO_LIMITS;
  const limits: BoundLimits = {
    list,
    items: list.map(({ item }) => item),
    declarations: list.map(({ declaration }) => declaration),
    isBySubject: list.some(({ subject }) => !PLAN_SUBJECTS.has(subject)),
    isWhole,
  };
  const { boundBefore } = plan;
  if (boundBefore.size >= MAX_REMEMBERED) boundBefore.clear();
  boundBefore.set(agent, limits);
  return latestOf(plan, limits);
}

/** What is the same for all calls of a plan. */
const PLAN_SUBJECTS: ReadonlySet<LimitSubject> = new Set(["global", "tenant", "tool"]);

function latestOf(plan: Plan, limits: BoundLimits): BoundLimits {
  if (plan.hasFixedAmounts) plan.bound = limits;
  return limits;
}

interface Binding {
  readonly entry: CompiledEntry;
  readonly declaration: LimitDeclaration;
  readonly subject: LimitSubject;
  readonly value: string | undefined;
  readonly amount: number;
}

function bindOne(of: Binding, planeId: string, context: PolicyContext): BoundLimit {
  const { entry, declaration, amount, value, subject } = of;
  const spec = limitSpecOf({ planeId, entry, declaration, subject }, context);
  const isSoft = entry.policy.isShadow || entry.timing === "nonBlocking" || declaration.onBreach !== "block";
  return { entry, declaration, subject, value, item: { spec, amount, isSoft, expired: declaration.expired } };
}

/** Names one limit for one subject, also for operators who grant, reset or read it. */
export function limitSpecOf(
  of: { planeId: string; entry: CompiledEntry; declaration: LimitDeclaration; subject: LimitSubject },
  context: LimitSubjects,
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
  return new RoomySpec(key, declaration);
}

/** With room for what a store remembers about it: see `createContext`. */
const RoomySpec = function (this: LimitSpecDraft, key: string, of: LimitDeclaration): void {
  this.key = key;
  this.measure = of.measure;
  this.limit = of.limit;
  this.window = of.window;
  // TypeScript has no type for a function that is called with `new`.
} as unknown as new (key: string, of: LimitDeclaration) => LimitSpec;
RoomySpec.prototype = Object.prototype;

type LimitSpecDraft = { -readonly [Field in keyof LimitSpec]: LimitSpec[Field] };

function subjectValue(subject: LimitSubject, context: LimitSubjects): string | undefined {
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
