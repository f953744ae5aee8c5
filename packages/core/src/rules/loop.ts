import { ownMember } from "../base/own-member.ts";
import * as z from "zod/mini";

import { requireDurationMs } from "../base/duration.ts";
import type { RuleAnswer } from "../decision/answer.ts";
import { between } from "../policy/between.ts";
import { durationSchema } from "../policy/duration-schema.ts";
import { omittable } from "../policy/omittable.ts";
import { mustHold } from "../policy/schema-check.ts";
import { wholeNumber } from "../policy/whole-number.ts";
import { breachAnswer } from "./breach-answer.ts";
import { breachParams, DEGRADE_NEEDS } from "./limit-params.ts";
import { requireHistory, sameCall } from "./history.ts";
import { defineRule } from "./rule.ts";

/** The longest history a session keeps one by one. */
const MAX_COUNT = 1_000;

/** Stops an agent that goes in circles: too many turns of the model, or the same call again and again. */
export const loop = defineRule({
  kind: "loop",
  timing: "blocking",
  // It acts before the next step: a result that is there already is not judged by it.
  hookpoints: ["before_*"],
  params: z
    .strictObject({
      maxIterations: omittable(wholeNumber.check(between(1, MAX_COUNT))),
      /** How often the same tool call (name and input) may run. */
      maxRepeats: omittable(wholeNumber.check(between(1, MAX_COUNT))),
      /** Count only this far back; default: the whole session. */
      within: omittable(durationSchema),
      ...breachParams,
    })
    .check(
      mustHold(
        ({ maxIterations, maxRepeats }) => maxIterations !== undefined || maxRepeats !== undefined,
        "limits nothing",
        { suggestion: "set maxIterations or maxRepeats" },
      ),
      DEGRADE_NEEDS,
    ),
  isStateless: false,
  compile({ maxIterations = Infinity, maxRepeats = Infinity, within, ...breach }, tools) {
    const withinMs = within === undefined ? Infinity : requireDurationMs(within);
    return {
      reads: ["session"],
      neverAsks: breach.onBreach === "block",
      check(context, { session, nowMs }): RuleAnswer | undefined {
        const recent = requireHistory(session, tools).filter(
          (entry) =>
            entry.agent === context.agent.id && entry.effect === "allow" && entry.at > nowMs - withinMs,
        );
        const { hookpoint, agent } = context;
        const turns = recent.filter((entry) => entry.hookpoint === "before_model_call").length;
        // Entries are kept for so long, the count for the whole session.
        const known = within === undefined ? ownMember(session?.counts.turns ?? {}, agent.id) : 0;
        if (hookpoint === "before_model_call" && Math.max(turns, known ?? 0) >= maxIterations) {
          return breachAnswer(`the agent has made ${maxIterations} model calls`, STOP, breach);
        }
        // Only tool calls keep a digest in the history; hashing whole prompts would find nothing.
        if (maxRepeats === Infinity || context.tool === undefined) return undefined;
        if (recent.filter(sameCall(context, context.tool, tools.hash)).length < maxRepeats) return undefined;
        return breachAnswer(`the same call ran ${maxRepeats} times already`, CHANGE, breach);
      },
    };
  },
});

const STOP = "You have taken too many steps. Stop and report what you have.";
const CHANGE = "You have made this very call several times. Do not repeat it; change the input or stop.";
