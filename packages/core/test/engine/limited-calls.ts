import { rule } from "../../src/rules/rule-factory.ts";
import { blocking, type Bench } from "../plane/bench.ts";

/** A limit that few calls exhaust. */
export const LIMIT = blocking("limits", [rule.rate({ limit: 3, window: "1h" })]);

/** Calls that count against the limit, running ones included. */
export async function takenOf({ plane }: Bench): Promise<number> {
  const [state] = await plane.limits.read({
    policyId: "limits",
    ruleId: "rate",
    agent: "bot",
    tenant: "acme",
  });
  return (state?.used ?? 0) + (state?.held ?? 0);
}
