import { ConfigError } from "../base/errors.ts";
import type { AlertTarget, EscalationStep } from "../policy/policy.ts";
import type { LoadedPolicy } from "../policy/loaded-policy.ts";

/** What a compiled policy is held to. */
interface Means {
  /** Whether a full input can be stored, encrypted, for whoever approves it. */
  readonly canShowInput: boolean;
  readonly tools: { createNotifier(target: AlertTarget, fail: Fail): unknown };
}

type Fail = (path: string, message: string, suggestion?: string) => never;

/**
 * Refuses what a ladder says and could never keep: an alert that could not be sent, an input that could not be shown. Else
 * it would be found out at the first breach, and that call be blocked.
 * @throws ConfigError naming the place
 */
export function checkLadder({ policy: { id, escalation = [] } }: LoadedPolicy, means: Means): void {
  for (const [position, { action }] of escalation.entries()) {
    checkAction(action, means, (path, message, suggestion) => {
      const where = `${id}.escalation[${position}].action.${path}`;
      throw new ConfigError(`policy ${id}`, [{ path: where, message, ...(suggestion && { suggestion }) }]);
    });
  }
}

function checkAction(action: EscalationStep["action"], { canShowInput, tools }: Means, fail: Fail): void {
  if ("alert" in action)
    tools.createNotifier(action.alert, (path, ...words) => fail(`alert.${path}`, ...words));
  // Nothing could be encrypted, and nothing is stored in the clear: an approver would wait for an input in vain.
  if ("hitl" in action && action.hitl.showInput === true && !canShowInput)
    fail(
      "hitl.showInput",
      "needs a seal, for what is shown is stored encrypted",
      "pass approvals: { seal: aesSeal(key) } of @agentplane/core/node, or leave it out",
    );
}
