import { isAfter } from "../context/hookpoint.ts";
import { placeText } from "./api-pattern.ts";
import { apiOf, apiParams, compileApiMatches } from "./api-rule.ts";
import { defineRule, NEEDS_NO_TEXT } from "./rule.ts";

/** Blocks the listed HTTP calls, however their URL is spelt; says nothing of tools that make none. */
export const apiDenylist = defineRule({
  kind: "apiDenylist",
  timing: "blocking",
  hookpoints: ["*"],
  params: apiParams,
  isStateless: true,
  compile({ rules }) {
    const matches = compileApiMatches(rules, "deny");
    return {
      span: NEEDS_NO_TEXT,
      neverAsks: true,
      reads: ["api"],
      check(context, { traits }) {
        if (isAfter(context.hookpoint)) return undefined;
        const call = apiOf(context, traits);
        if (call === undefined) return undefined;
        if ("refused" in call) {
          return { answer: { answer: "block", reason: `the URL cannot be judged: ${call.refused}` } };
        }
        if (!matches(call)) return undefined;
        const reason = `${placeText(call)} with this path is on the API denylist`;
        return { answer: { answer: "block", reason } };
      },
    };
  },
});
