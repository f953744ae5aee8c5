import * as z from "zod/mini";

import { requireDurationMs } from "../base/duration.ts";
import { compilePatterns, matchesTool } from "../policy/compile-selector.ts";
import { durationSchema } from "../policy/duration-schema.ts";
import { omittable } from "../policy/omittable.ts";
import { requireHistory, sameCall } from "./history.ts";
import { patternsParam } from "./pattern-params.ts";
import { defineRule } from "./rule.ts";

/**
 * Does not let the same tool run twice with the same input within a window of one session: a call that ran or is
 * running counts, one that failed may be tried again.
 */
export const idempotency = defineRule({
  kind: "idempotency",
  timing: "blocking",
  hookpoints: ["before_tool_call"],
  params: z.strictObject({ window: durationSchema, tools: omittable(patternsParam) }),
  isStateless: false,
  compile({ window, tools: patterns }, tools) {
    const windowMs = requireDurationMs(window);
    const test = patterns === undefined ? undefined : compilePatterns(patterns);
    return {
      reads: ["session"],
      neverAsks: true,
      check(context, { session, nowMs }) {
        const { tool } = context;
        if (tool === undefined || (test !== undefined && !matchesTool(test, tool, "deny"))) return undefined;
        const isSame = sameCall(context, tool, tools.hash);
        const isDone = requireHistory(session, tools).some(
          (entry) =>
            isSame(entry) &&
            entry.effect === "allow" &&
            entry.isError !== true &&
            entry.at > nowMs - windowMs,
        );
        if (!isDone) return undefined;
        return {
          answer: {
            answer: "block",
            reason: `tool "${tool.name}" already ran with this input within ${window}`,
            message: `This exact call of "${tool.name}" has been made already; its effect stands. Do not repeat it.`,
          },
        };
      },
    };
  },
});
