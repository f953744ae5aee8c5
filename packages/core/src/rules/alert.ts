import * as z from "zod/mini";

import { assertNever } from "../base/assert-never.ts";
import { isAfter } from "../context/hookpoint.ts";
import type { Decision } from "../decision/decision.ts";
import { alertTargetSchema } from "../policy/alert-schema.ts";
import { choiceBy } from "../policy/choice-by.ts";
import type { AlertTarget } from "../policy/policy.ts";
import { defineRule, type Observation } from "./rule.ts";
import { someOf } from "./some-of.ts";

const occasionParam = z.enum(["breach", "block", "ask", "escalate", "degrade"]);
type Occasion = z.output<typeof occasionParam>;

/** A webhook with all its retries; see notify/webhook.ts. */
const TIMEOUT_MS = 30_000;

const shared = { on: z._default(someOf(occasionParam), ["breach"]) };
const [log, webhook, slack] = alertTargetSchema._zod.def.options;

/** Tells people about calls that were not simply allowed: in the log, by a signed webhook, or in Slack. */
export const alert = defineRule({
  kind: "alert",
  timing: "nonBlocking",
  hookpoints: ["*"],
  params: choiceBy("channel", [
    z.strictObject({ ...log.shape, ...shared }),
    z.strictObject({ ...webhook.shape, ...shared }),
    z.strictObject({ ...slack.shape, ...shared }),
  ]),
  isStateless: false,
  compile({ on, ...target }, tools) {
    // Copied JSON has no member that is undefined, which is all that the two types differ in.
    const notifier = tools.createNotifier(target as AlertTarget, tools.fail);
    return {
      timeoutMs: TIMEOUT_MS,
      observe(observation) {
        const { decision, context } = observation;
        if (!isNews(observation) || !on.some((occasion) => hasHappened(occasion, decision))) return undefined;
        return notifier.notify({
          kind: "decision",
          policyId: decision.policyId ?? tools.policyId,
          ruleId: decision.ruleId,
          agent: context.agent.id,
          tenant: context.tenant,
          hookpoint: context.hookpoint,
          tool: context.tool?.name,
          decisionId: decision.id,
          reason: decision.reason,
          text: `${happening(decision)}: ${context.tool?.name ?? context.hookpoint} of ${context.agent.id}`,
        });
      },
    };
  },
});

/** An outcome repeats the decision before the action; only the one on the result is new. */
function isNews({ phase, decision }: Observation): boolean {
  return phase === "decision" || isAfter(decision.hookpoint);
}

function happening({ verdict, effect }: Decision): string {
  if (effect === "block") return "blocked";
  if (effect === "ask") return "waiting for approval";
  return verdict === "degrade" ? "degraded" : "escalated";
}

function hasHappened(occasion: Occasion, { verdict, effect }: Decision): boolean {
  switch (occasion) {
    case "breach":
      return verdict !== "allow" || effect !== "allow";
    case "block":
    case "ask":
      return effect === occasion;
    case "escalate":
    case "degrade":
      return verdict === occasion;
    default:
      return assertNever(occasion, "occasion of an alert");
  }
}
