import { requireMembers, requireObject, requireText } from "../base/argument.ts";

/** Who acts, and why. */
export interface OperatorAct {
  readonly by: string;
  readonly reason?: string;
}

/**
 * Refuses an act of nobody: its record would not say who did it.
 * @param verb What is done, such as `controls.recover`.
 * @param names What it may say.
 * @throws AgentplaneError `usage_invalid`
 */
export function requireAct(
  verb: string,
  act: unknown,
  names: readonly string[] = ACT,
): asserts act is OperatorAct {
  requireObject(`${verb}: act`, act, '{ by: "olga", reason: "drill" }');
  requireMembers(`${verb}: act`, act, names);
  const { by, reason } = act as { readonly by?: unknown; readonly reason?: unknown };
  requireText(`${verb}: by`, by);
  if (reason !== undefined) requireText(`${verb}: reason`, reason);
}

/** Who answers approvals too is often one object: it says its role, of which nothing depends here. */
const ACT: readonly string[] = ["by", "reason", "role"];
