import assert from "node:assert/strict";
import fs from "node:fs";

import { runAgent } from "../agent-run.ts";
import type { Stage } from "../stage.ts";
import { decisionsOn, type Step } from "./step.ts";

const BEFORE = "gt: 500";
const AFTER = "gt: 50";
const RELOAD_LIMIT_MS = 5_000;

/** Someone edits the policy file between two calls of one run: the second call is judged by the new rule. */
export const editPolicyLive: Step = {
  title: "The policy file edited while the agent runs",
  async play(stage) {
    const [, first, second] = stage.shop.ordersAbove(200);
    assert.ok(first && second, "the shop has two more orders");
    const run = await runAgent(stage, {
      agent: "support-agent",
      prompt: `Refund 100 of order ${first.id}, then 100 of order ${second.id} (wrong size). Go on when one is refused; never repeat one.`,
      script: [
        { call: "issue_refund", args: { orderId: first.id, amount: 100, reason: "wrong size" } },
        { call: "issue_refund", args: { orderId: second.id, amount: 100, reason: "wrong size" } },
        { say: "The first was refunded; the second is above my limit now." },
      ],
      beside: (modelCall) => (modelCall === 2 ? edit(stage) : undefined),
    });
    const [allowed, blocked] = decisionsOn(run, "issue_refund");
    assert.equal(allowed?.effect, "allow");
    assert.equal(blocked?.effect, "block", "the very next call meets the new limit");
    assert.equal(blocked.policyId, "shop.refunds");
    assert.notEqual(blocked.revision, allowed.revision);
    assert.deepEqual(stage.shop.refundsOf(first.id), [100]);
    assert.deepEqual(stage.shop.refundsOf(second.id), []);
    stage.shown("policy-edited-live", `the same refund: allowed, then blocked, without a restart`);
  },
};

async function edit({ plane, timeline, policyFile }: Stage): Promise<void> {
  timeline.say("operator", `edits agentplane.yaml: "${BEFORE}" becomes "${AFTER}"`);
  const hashOf = (): string | undefined =>
    plane.engine.policies().find(({ policy }) => policy.id === "shop.refunds")?.contentHash;
  const before = hashOf();
  const text = fs.readFileSync(policyFile, "utf8");
  assert.ok(text.includes(BEFORE), `the policy file says "${BEFORE}"`);
  fs.writeFileSync(policyFile, text.replace(BEFORE, AFTER));
  const isInForce = (): boolean => hashOf() !== before;
  assert.ok(
    await timeline.waitUntil("the plane has read the file", isInForce, RELOAD_LIMIT_MS),
    "the edit is in force",
  );
}
