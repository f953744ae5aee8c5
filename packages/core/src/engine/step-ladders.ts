import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import { requireDurationMs } from "../base/duration.ts";
import { joinEffects } from "../decision/combine.ts";
import type { Effect } from "../decision/decision.ts";
import type { DegradeSpec } from "../policy/mode.ts";
import type { EscalationStep } from "../policy/policy.ts";
import { askedAs } from "./asked-as.ts";
import type { LadderGroup, PassAnswer } from "./compiled-policy.ts";
import type { EngineParts } from "./engine-parts.ts";
import { votersOfPass } from "./outcome-of-pass.ts";
import { setRare, type Pass } from "./pass.ts";
import { setEffect } from "./pass-answer.ts";
import { judgeModes } from "./step-gate.ts";
import { reserveThrottle } from "./step-throttle.ts";

/**
 * Lets breaches climb their policies' ladders and modes take hold: an `escalate` becomes what the current level says,
 * a `degrade` sets its mode, and this very call is judged by the modes that are then in force.
 */
export function climb(pass: Pass, parts: EngineParts): MaybePromise<void> {
  if (pass.intent === "peek") return;
  const voters = votersOfPass(pass, parts.settings.combine);
  if (voters.some(isBreach)) return climbAll(pass, parts, voters.filter(isBreach));
}

function isBreach({ answer }: PassAnswer): boolean {
  return answer !== "allow";
}

function climbAll(pass: Pass, parts: EngineParts, breaches: readonly PassAnswer[]): MaybePromise<void> {
  const before = parts.degradation.revision;
  const hadThrottle = pass.rare.throttle !== undefined;
  return andThen(climbEach(pass, parts, breaches), () => {
    if (parts.degradation.revision === before) return;
    judgeModes(pass, parts);
    if (pass.refusal === undefined && !hadThrottle && pass.rare.throttle !== undefined)
      return reserveThrottle(pass, parts);
    return undefined;
  });
}

function climbEach(
  pass: Pass,
  parts: EngineParts,
  breaches: readonly PassAnswer[],
  from = 0,
): MaybePromise<void> {
  const breach = breaches[from];
  if (breach === undefined) return;
  const set =
    breach.said.degrade === undefined ? undefined : setMode(pass, parts, breach, breach.said.degrade);
  // A mode of this policy that waits for quiet has not had it.
  const noted = andThen(set, () => parts.degradation.touch(`policy:${breach.policyId}`, pass.context));
  const climbed = andThen(noted, () => climbGroups(pass, parts, breach));
  return andThen(climbed, (effect) => {
    if (effect !== undefined)
      setEffect(pass, breach, breach.answer === "escalate" ? effect : joinEffects(breach.effect, effect));
    return climbEach(pass, parts, breaches, from + 1);
  });
}

/** The join of what the ladders of one breach say; undefined when the policy has none for it. */
function climbGroups(
  pass: Pass,
  parts: EngineParts,
  breach: PassAnswer,
  from = 0,
  joined?: Effect,
): MaybePromise<Effect | undefined> {
  const group = breach.entry.ladders[from];
  if (group === undefined) return joined;
  return andThen(climbOne(pass, parts, breach, group), (effect) =>
    climbGroups(pass, parts, breach, from + 1, joined === undefined ? effect : joinEffects(joined, effect)),
  );
}

function climbOne(
  pass: Pass,
  parts: EngineParts,
  breach: PassAnswer,
  group: LadderGroup,
): MaybePromise<Effect> {
  const { context } = pass;
  const recorded = parts.ladders.record({
    policyId: breach.policyId,
    steps: group.steps,
    trigger: group.trigger,
    agent: context.agent.id,
    tenant: context.tenant,
    breachId: askedAs(pass, parts),
    nowMs: parts.nowMs(),
  });
  return andThen(recorded, ({ level, step, hasChanged }) => {
    if (step === undefined) return "allow";
    if (hasChanged) recordLevel(pass, parts, { breach, group, level });
    return act(pass, parts, { breach, group, step, hasChanged });
  });
}

interface Climb {
  readonly breach: PassAnswer;
  readonly group: LadderGroup;
  readonly step: EscalationStep;
  readonly hasChanged: boolean;
}

function act(pass: Pass, parts: EngineParts, taken: Climb): MaybePromise<Effect> {
  const { breach, step, hasChanged } = taken;
  const { action } = step;
  if ("alert" in action) {
    if (hasChanged) parts.alert(action.alert, alertMessage(pass, taken));
    return "allow";
  }
  if ("hitl" in action) {
    const { policyId, entry } = breach;
    const ask = {
      policyId,
      policyVersion: entry.policy.version,
      ruleId: entry.ruleId,
      terms: action.hitl,
    };
    setRare(pass, { asks: [...pass.rare.asks, ask] });
    return "ask";
  }
  if ("degrade" in action)
    return andThen(setMode(pass, parts, breach, action.degrade), () => "allow" as const);
  const { for: lasting, reason } = action.block;
  if (lasting === undefined) return "block";
  requireDurationMs(lasting);
  const latch: DegradeSpec = { mode: "FULL_BLOCK", recover: { after: lasting }, scope: "agent" };
  return andThen(setMode(pass, parts, breach, latch, reason), () => "block" as const);
}

function setMode(
  pass: Pass,
  parts: EngineParts,
  breach: PassAnswer,
  degrade: DegradeSpec,
  reason = breach.said.reason,
): MaybePromise<void> {
  const { agent, tenant, user, session, tool } = pass.context;
  const kind = degrade.scope ?? "agent";
  const id = { agent: agent.id, tenant, session, global: undefined }[kind];
  return parts.degradation.set({
    scope: { kind, ...(id !== undefined && { id }), tenant: tenant ?? null },
    degrade,
    cause: `${breach.policyId}/${breach.entry.ruleId}: ${reason}`,
    by: `policy:${breach.policyId}`,
    whose: { agent, tenant, user, session, ...(tool && { tool: { name: tool.name } }) },
  });
}

function alertMessage(
  { context }: Pass,
  { breach, group, step }: Climb,
): Parameters<EngineParts["alert"]>[1] {
  return {
    kind: "ladder",
    policyId: breach.policyId,
    ruleId: breach.entry.ruleId,
    agent: context.agent.id,
    tenant: context.tenant,
    hookpoint: context.hookpoint,
    tool: context.tool?.name,
    reason: breach.said.reason,
    text: `"${group.trigger}" reached ${step.after} ${step.after === 1 ? "breach" : "breaches"} within ${step.within}`,
  };
}

function recordLevel(
  { context }: Pass,
  parts: EngineParts,
  { breach, group, level }: { breach: PassAnswer; group: LadderGroup; level: number },
): void {
  parts.recordControl({
    action: "ladder",
    by: `policy:${breach.policyId}`,
    subject: context.agent.id,
    reason: breach.said.reason,
    data: { trigger: group.trigger, level, tenant: context.tenant ?? null },
  });
}
