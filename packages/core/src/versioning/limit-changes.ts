import { canonicalJson } from "../base/canonical-json.ts";
import { isJsonObject } from "../base/json.ts";
import type { Policy, RuleSpec } from "../policy/policy.ts";

/** They look back over a session's history, which no change of theirs empties. */
const COUNTS_NOTHING: ReadonlySet<string> = new Set(["idempotency", "loop"]);

/** Kinds whose defaults differ from those of the others. */
const DEFAULTS: Readonly<Record<string, object>> = { costTracking: { per: "tenant", window: "lifetime" } };

/**
 * Says which limits of a policy start anew when one version follows another: a count is kept under the policy, the rule,
 * the window and the subject, so a changed number keeps it and a changed window does not.
 * @returns One sentence per limit; empty when every count goes on.
 */
export function limitChanges(before: Policy, after: Policy): readonly string[] {
  const earlier = new Map(limitsOf(before).map((rule) => [nameOf(rule), rule]));
  const notes: string[] = [];
  for (const rule of limitsOf(after)) {
    const old = earlier.get(nameOf(rule));
    const why = old && reasonsOf([before, old], [after, rule]);
    if (why !== undefined && why.length > 0)
      notes.push(`limit "${nameOf(rule)}" starts anew: ${why.join(", ")}`);
  }
  return notes;
}

function limitsOf({ blocking = [], nonBlocking = [] }: Policy): readonly RuleSpec[] {
  const rules = [...blocking, ...nonBlocking].map((rule): RuleSpec => ({ ...DEFAULTS[rule.rule], ...rule }));
  return rules.filter((rule) => "window" in rule && !COUNTS_NOTHING.has(rule.rule));
}

function nameOf({ rule, id = rule }: RuleSpec): string {
  return id;
}

type Version = readonly [policy: Policy, rule: RuleSpec];

function reasonsOf([before, old]: Version, [after, rule]: Version): readonly string[] {
  const reasons: string[] = [];
  if (old.rule !== rule.rule) reasons.push(`it was ${old.rule} and is ${rule.rule}`);
  const windows = [windowText(old), windowText(rule)];
  if (windows[0] !== windows[1]) reasons.push(`window was ${windows[0]} and is ${windows[1]}`);
  // Subjects that stay keep their counts; only those that come begin at nothing.
  const known = subjectsOf(old);
  const added = subjectsOf(rule).filter((subject) => !known.includes(subject));
  if (added.length > 0) reasons.push(`per ${added.join(" and ")} is new`);
  if (isShadow(before) !== isShadow(after)) reasons.push("shadow policies count apart");
  return reasons;
}

function windowText({ window }: Readonly<Record<string, unknown>>): string {
  if (typeof window === "string") return window;
  // A calendar without a time zone means UTC, written or not.
  return canonicalJson(
    isJsonObject(window) && "calendar" in window ? { timeZone: "UTC", ...window } : window,
  );
}

function subjectsOf({ per = "agent" }: Readonly<Record<string, unknown>>): readonly unknown[] {
  return Array.isArray(per) ? per : [per];
}

function isShadow({ mode }: Policy): boolean {
  return mode === "shadow";
}
