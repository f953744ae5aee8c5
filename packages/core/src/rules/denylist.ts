import * as z from "zod/mini";

import { compilePatterns, matchesTool } from "../policy/compile-selector.ts";
import { patternsParam } from "./pattern-params.ts";
import { defineRule } from "./rule.ts";

/** Blocks the listed tools under every name they have; says nothing of others. */
export const denylist = defineRule({
  kind: "denylist",
  timing: "blocking",
  hookpoints: ["before_tool_call"],
  params: z.strictObject({ tools: patternsParam }),
  isStateless: true,
  isShared: true,
  compile({ tools: patterns }) {
    const test = compilePatterns(patterns);
    return {
      neverAsks: true,
      check({ tool }) {
        if (tool === undefined || !matchesTool(test, tool, "deny")) return undefined;
        return {
          answer: {
            answer: "block",
            reason: `tool "${tool.name}" is on the denylist`,
            message: `Tool "${tool.name}" must not be used here. Do not call it again; find another way or say that you cannot.`,
          },
        };
      },
    };
  },
});
