import { requireList, requireObject } from "../base/argument.ts";
import { suggest } from "../base/did-you-mean.ts";
import { AgentplaneError } from "../base/errors.ts";
import type { Policy } from "../policy/policy.ts";
import { isCustom } from "./lint-condition.ts";
import type { LintFinding, LintOptions, LintedPolicy, LintedRule } from "./lint-finding.ts";
import { lintLadder } from "./lint-ladder.ts";
import { lintLimits } from "./lint-limits.ts";
import { lintReach } from "./lint-reach.ts";
import { lintSelector } from "./lint-selector.ts";
import { lintShadowing } from "./lint-shadowing.ts";
import { listCovers } from "./pattern-cover.ts";

export type { LintFinding, LintOptions } from "./lint-finding.ts";

/**
 * Finds what loads but does not do what its author probably meant: protections never in force, rules that others make
 * pointless, ladders that cannot climb.
 * @param policies Policies that `parsePolicies` accepted, from all sources together.
 * @returns Findings in the order of the policies; empty when there is nothing to say.
 * @throws AgentplaneError `usage_invalid` for a rule of a kind that the registry does not have: nothing could be said of it
 */
export function lint(policies: readonly Policy[], options: LintOptions): readonly LintFinding[] {
  requireList("lint: policies", policies);
  requireObject("lint: options", options, "{ registry, tools, hookpoints, hasResolver }");
  const findings: LintFinding[] = [];
  const linted = policies.map((policy) => prepare(policy, options, findings));
  for (const one of linted) {
    // What nothing can reach needs no second opinion.
    if (!lintSelector(one)) continue;
    lintReach(one, options);
    lintLimits(one);
    lintLadder(one, options);
  }
  lintShadowing(linted);
  return findings;
}

function prepare(policy: Policy, options: LintOptions, findings: LintFinding[]): LintedPolicy {
  const selector = policy.selector ?? {};
  return {
    policy,
    selector,
    rules: (["blocking", "nonBlocking"] as const).flatMap((timing) => rulesOf(policy, timing, options)),
    hookpoints: options.hookpoints.filter(
      (hookpoint) =>
        listCovers(selector.hookpoints, [hookpoint]) &&
        (selector.tools === undefined || isCustom(hookpoint) || hookpoint.endsWith("_tool_call")),
    ),
    report: (finding) => findings.push({ ...finding, policyId: policy.id }),
  };
}

function rulesOf(
  policy: Policy,
  timing: "blocking" | "nonBlocking",
  { registry }: LintOptions,
): readonly LintedRule[] {
  return (policy[timing] ?? []).flatMap((spec, position) => {
    const kind = registry.get(spec.rule);
    if (kind === undefined) throw unknownKind(policy.id, spec.rule, registry.kinds);
    return [{ spec, kind, name: spec.id ?? spec.rule, timing, path: `${timing}[${position}]` }];
  });
}

function unknownKind(policyId: string, kind: string, known: readonly string[]): AgentplaneError {
  const message = `lint: the registry has no kind "${kind}", which policy "${policyId}" uses`;
  return new AgentplaneError("usage_invalid", `${message}; ${suggest(kind, known)}`);
}
