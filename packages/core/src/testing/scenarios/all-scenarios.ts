import { abortScenarios } from "./abort.ts";
import { askScenarios } from "./asks.ts";
import { auditScenarios } from "./audit.ts";
import { budgetScenarios } from "./budget.ts";
import { faultScenarios } from "./faults.ts";
import { isolationScenarios } from "./isolation.ts";
import { killScenarios } from "./kill.ts";
import { modelCallScenarios } from "./model-calls.ts";
import { partialRestrictionScenarios } from "./partial-restrictions.ts";
import { passthroughScenarios } from "./passthrough.ts";
import { rateScenarios } from "./rate.ts";
import { redactScenarios } from "./redact.ts";
import { rewriteScenarios } from "./rewrite.ts";
import type { Scenario } from "./scenario.ts";
import { throttleScenarios } from "./throttle.ts";
import { totalRestrictionScenarios } from "./total-restrictions.ts";

/** One scenario for every requirement. */
export const SCENARIOS: readonly Scenario[] = [
  ...partialRestrictionScenarios,
  ...totalRestrictionScenarios,
  ...killScenarios,
  ...abortScenarios,
  ...modelCallScenarios,
  ...askScenarios,
  ...redactScenarios,
  ...rewriteScenarios,
  ...throttleScenarios,
  ...rateScenarios,
  ...budgetScenarios,
  ...auditScenarios,
  ...faultScenarios,
  ...isolationScenarios,
  ...passthroughScenarios,
];
