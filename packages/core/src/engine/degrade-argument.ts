import { requireObject } from "../base/argument.ts";
import { IssueList } from "../load/issue-list.ts";
import { checkAgainst } from "../load/zod-issues.ts";
import { degradeSchema } from "../policy/degrade-schema.ts";
import type { DegradeSpec, Mode } from "../policy/mode.ts";

/**
 * Reads the mode that an operator sets, by the rules that hold in a policy: a misspelt recovery would be a mode that
 * never ends.
 * @returns A copy: what the caller changes later changes nothing.
 * @throws ConfigError naming every issue, AgentplaneError `usage_invalid` for what is neither a mode nor describes one
 */
export function readDegrade(given: DegradeSpec | Mode): DegradeSpec {
  const spec: object = typeof given === "string" ? { mode: given } : given;
  requireObject("controls.degrade: mode", spec, '{ mode: "READ_ONLY" }');
  const issues = new IssueList();
  const read = checkAgainst(degradeSchema, spec, { path: [], issues });
  if ("scope" in spec) issues.add(["scope"], "stands beside the scope that is given first", "leave it out");
  issues.throwIfAny("controls.degrade");
  // Checked by the schema of just this type.
  return read as DegradeSpec;
}
