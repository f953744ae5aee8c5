import assert from "node:assert/strict";

import { runAgent } from "../agent-run.ts";
import { modelDecisions, type Step } from "./step.ts";

/** The estimate of the next model call no longer fits: it is stopped before a single token is paid for. */
export const budget: Step = {
  title: "A budget that stops a model call before it is made",
  async play(stage) {
    const run = await runAgent(stage, {
      agent: "report-agent",
      prompt: "Read return-policy.md and write a report about it.",
      script: [
        { call: "read_file", args: { name: "return-policy.md" } },
        { say: "This report is never written." },
      ],
    });
    const [first, second] = modelDecisions(run);
    assert.equal(first?.effect, "allow", "the first call fits");
    assert.equal(second?.effect, "block", "the second would not");
    assert.equal(`${second.policyId}/${second.ruleId}`, "shop.report-budget/tokens");
    assert.equal(run.modelCalls, 1, "the provider was asked once, not twice");
    assert.doesNotMatch(run.text, /never written/);
    const [state] = await stage.plane.limits.read({
      policyId: "shop.report-budget",
      ruleId: "tokens",
      agent: "report-agent",
      tenant: "shop",
    });
    assert.ok(
      state !== undefined && state.used > 0 && state.held === 0,
      "the first call is settled, nothing is held",
    );
    stage.shown("budget-stops-model-call", `${second.reason} (used: ${state.used})`);
  },
};
