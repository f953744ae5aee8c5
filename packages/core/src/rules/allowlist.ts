import * as z from "zod/mini";

import type { RuleAnswer } from "../decision/answer.ts";
import { compilePatterns, matchesTool } from "../policy/compile-selector.ts";
import { patternsParam } from "./pattern-params.ts";
import { defineRule } from "./rule.ts";

/** Lets only the listed tools run: a listed one is allowed, any other blocked. */
export const allowlist = defineRule({
  kind: "allowlist",
  timing: "blocking",
  hookpoints: ["before_tool_call"],
  params: z.strictObject({ tools: patternsParam }),
  isStateless: true,
  isShared: true,
  compile({ tools: patterns }) {
    const test = compilePatterns(patterns);
    const allowed: RuleAnswer = Object.freeze({
      answer: Object.freeze({ answer: "allow", reason: "the tool is on the allowlist" }),
    });
    return {
      neverAsks: true,
      check({ tool }) {
        // A tool call that names no tool cannot be on the list.
        if (tool === undefined) return blockedAnswer("a call that names no tool", patterns);
        return matchesTool(test, tool, "allow") ? allowed : blockedAnswer(`tool "${tool.name}"`, patterns);
      },
    };
  },
});

function blockedAnswer(what: string, patterns: readonly string[]): RuleAnswer {
  const listed = patterns.length > 10 ? `${patterns.slice(0, 10).join(", ")}, …` : patterns.join(", ");
  return {
    answer: {
      answer: "block",
      reason: `${what} is not on the allowlist`,
      message: `${what} is not allowed here. Allowed: ${listed}`,
    },
  };
}
