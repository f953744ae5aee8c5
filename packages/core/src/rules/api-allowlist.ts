import type { RuleAnswer } from "../decision/answer.ts";
import { isAfter } from "../context/hookpoint.ts";
import { placeText } from "./api-pattern.ts";
import { apiOf, apiParams, compileApiMatches } from "./api-rule.ts";
import { defineRule, NEEDS_NO_TEXT } from "./rule.ts";

/** Lets a tool make only the listed HTTP calls; one whose HTTP call is not known is blocked. */
export const apiAllowlist = defineRule({
  kind: "apiAllowlist",
  timing: "blocking",
  hookpoints: ["*"],
  params: apiParams,
  isStateless: true,
  compile({ rules }) {
    const matches = compileApiMatches(rules, "allow");
    return {
      span: NEEDS_NO_TEXT,
      neverAsks: true,
      reads: ["api"],
      check(context, { traits }) {
        if (isAfter(context.hookpoint)) return undefined;
        const call = apiOf(context, traits);
        if (call === undefined) return context.tool === undefined ? undefined : UNKNOWN;
        if ("refused" in call) return blocked(`the URL cannot be judged: ${call.refused}`);
        if (matches(call)) return ALLOWED;
        return blocked(`${placeText(call)} with this path is not on the API allowlist`);
      },
    };
  },
});

const ALLOWED: RuleAnswer = Object.freeze({
  answer: Object.freeze({ answer: "allow", reason: "the HTTP call is on the API allowlist" }),
});

const UNKNOWN: RuleAnswer = Object.freeze({
  answer: Object.freeze({
    answer: "block",
    reason:
      "the API allowlist cannot judge this tool: no HTTP call is known of it (map it in tools: { api })",
  }),
});

function blocked(reason: string): RuleAnswer {
  return { answer: { answer: "block", reason } };
}
