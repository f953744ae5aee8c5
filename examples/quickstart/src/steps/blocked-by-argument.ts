import assert from "node:assert/strict";

import { runAgent } from "../agent-run.ts";
import { decisionsOn, type Step } from "./step.ts";

/** The same tool, two amounts: the one above the limit never runs, and the model learns why. */
export const blockedByArgument: Step = {
  title: "An argument condition that blocks a refund above the limit",
  async play(stage) {
    const [order] = stage.shop.ordersAbove(900);
    assert.ok(order, "the shop has a large order");
    const { id: orderId, customerId } = order;
    const run = await runAgent(stage, {
      agent: "support-agent",
      prompt: `Refund 900 of order ${orderId} (faulty). If that is refused, refund 80 instead and e-mail customer ${customerId} that 80 were refunded.`,
      script: [
        { call: "issue_refund", args: { orderId, amount: 900, reason: "faulty" } },
        { call: "issue_refund", args: { orderId, amount: 80, reason: "faulty" } },
        { call: "send_email", args: { customerId, subject: "Your refund", body: "We have refunded 80." } },
        { say: "900 is above my limit; I refunded 80 and told the customer." },
      ],
    });
    const [large, small] = decisionsOn(run, "issue_refund");
    assert.equal(large?.effect, "block");
    assert.equal(`${large.policyId}/${large.ruleId}`, "shop.refunds/refund-limit");
    assert.equal(run.toolResults[0]?.status, "error", "the model gets an error it can react to");
    assert.equal(small?.effect, "allow");
    assert.equal(decisionsOn(run, "send_email")[0]?.effect, "allow");
    assert.deepEqual(stage.shop.refundsOf(orderId), [80], "only the small refund was paid");
    stage.shown("blocked-by-argument", large.reason);
  },
};
