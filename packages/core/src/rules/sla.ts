import * as z from "zod/mini";

import { formatDuration } from "../base/duration.ts";
import type { RuleAnswer } from "../decision/answer.ts";
import { between } from "../policy/between.ts";
import { omittable } from "../policy/omittable.ts";
import { mustHold } from "../policy/schema-check.ts";
import { wholeNumber } from "../policy/whole-number.ts";
import { breachAnswer } from "./breach-answer.ts";
import { requireHistory } from "./history.ts";
import { breachParams, DEGRADE_NEEDS } from "./limit-params.ts";
import { defineRule } from "./rule.ts";
import type { SessionEntry } from "./session-view.ts";

/**
 * Acts on an agent that takes too long. Both times are judged before the next step: a result that is already there is
 * not withheld for being late.
 */
export const sla = defineRule({
  kind: "sla",
  timing: "blocking",
  // It acts before the next step: a result that is there already is not judged by it.
  hookpoints: ["before_*"],
  params: z
    .strictObject({
      maxStepMs: omittable(wholeNumber.check(between(1))),
      maxRunMs: omittable(wholeNumber.check(between(1))),
      ...breachParams,
    })
    .check(
      mustHold(
        ({ maxStepMs, maxRunMs }) => maxStepMs !== undefined || maxRunMs !== undefined,
        "limits nothing",
        { suggestion: "set maxStepMs or maxRunMs" },
      ),
      DEGRADE_NEEDS,
    ),
  isStateless: false,
  compile({ maxStepMs, maxRunMs, ...breach }, tools) {
    return {
      reads: ["session"],
      neverAsks: breach.onBreach === "block",
      check({ hookpoint, agent }, { session, nowMs }): RuleAnswer | undefined {
        // A new run is not late for the one before.
        if (hookpoint === "before_agent") return undefined;
        const entries = requireHistory(session, tools).filter((entry) => entry.agent === agent.id);
        const start = entries.findLastIndex((entry) => entry.hookpoint === "before_agent");
        const startMs = entries[start]?.at ?? session?.startedAtMs ?? nowMs;
        if (maxRunMs !== undefined && nowMs - startMs > maxRunMs) {
          return breachAnswer(`the run takes longer than ${formatDuration(maxRunMs)}`, TOO_LATE, breach);
        }
        const last = entries.slice(start + 1).findLast(({ durationMs }) => durationMs !== undefined);
        if (maxStepMs === undefined || (last?.durationMs ?? 0) <= maxStepMs) return undefined;
        return breachAnswer(
          `${stepName(last)} took longer than ${formatDuration(maxStepMs)}`,
          TOO_LATE,
          breach,
        );
      },
    };
  },
});

const TOO_LATE = "There is no time for another step. Stop and report what you have.";

function stepName(step: SessionEntry | undefined): string {
  return step?.name === undefined ? "the last step" : `the last step, "${step.name}",`;
}
