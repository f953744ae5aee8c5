import assert from "node:assert/strict";

import { runAgent } from "../agent-run.ts";
import { decisionsOn, type Step } from "./step.ts";

/** Nothing objects: the tool runs, and its result reaches the model as it is. */
export const plainAllow: Step = {
  title: "A plain allow",
  async play(stage) {
    const run = await runAgent(stage, {
      agent: "support-agent",
      prompt: "Search our files for the text 'within 30 days' and tell me what it says.",
      script: [
        { call: "search_files", args: { text: "within 30 days" } },
        { say: "Customers may return any article within 30 days of delivery." },
      ],
    });
    const [decision] = decisionsOn(run, "search_files");
    assert.equal(decision?.effect, "allow");
    assert.equal(decision.verdict, "allow");
    assert.match(run.toolResults[0]?.text ?? "", /return-policy\.md:3: Customers may return/);
    stage.shown("plain-allow", decision.reason);
  },
};
