import { isAfter } from "../context/hookpoint.ts";
import { isCustom } from "./lint-condition.ts";
import { parameter, reportNever, type LintedPolicy, type LintedRule } from "./lint-finding.ts";

/** Finds redaction of what none of its hookpoints carries; what is imposed before an action holds for its result, too. */
export function lintRedact(linted: LintedPolicy, rule: LintedRule, hookpoints: readonly string[]): void {
  const from = [parameter(rule, "from") ?? "audit"].flat();
  const isReached = (hookpoint: string): boolean => {
    const [early, late] = hookpoint.endsWith("_model_call") ? ["prompt", "response"] : ["input", "result"];
    return (
      isCustom(hookpoint) ||
      from.some((one) => one === "audit" || one === late || (one === early && !isAfter(hookpoint)))
    );
  };
  if (!hookpoints.some(isReached)) reportNever(linted, rule, "no hookpoint carries it", { at: ".from" });
}
