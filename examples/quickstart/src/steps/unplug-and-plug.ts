import assert from "node:assert/strict";

import { runAgent, type Task } from "../agent-run.ts";
import type { Stage } from "../stage.ts";
import { decisionsOn, type Step } from "./step.ts";

const AGENT = "support-agent";

/** An operator pulls the plug while the agent works: nothing of it runs any more, until the plug is back in. */
export const unplugAndPlug: Step = {
  title: "Unplug in the middle of a run, and plug again",
  async play(stage) {
    const { plane, timeline } = stage;
    const cut = await runAgent(
      stage,
      lookUp((modelCall) => (modelCall === 2 ? unplug(stage) : undefined)),
    );
    assert.equal(decisionsOn(cut, "search_files")[0]?.effect, "allow", "it was at work before");
    assert.equal(cut.modelCalls, 2, "the second model call was running when the plug was pulled");
    const withheld = cut.outcomes.find(({ outcome }) => outcome === "withheld");
    assert.equal(withheld?.after?.cause, "unplugged", "the running call was cut");
    const refused = await runAgent(stage, lookUp());
    assert.equal(refused.modelCalls, 0, "no model is asked");
    assert.deepEqual(
      refused.decisions.map(({ decision }) => [decision.hookpoint, decision.cause]),
      [["before_agent", "unplugged"]],
    );
    stage.shown("unplugged-mid-run", withheld.after.reason);
    timeline.say("operator", `plugs ${AGENT} in again`);
    await plane.controls.plug({ kind: "agent", id: AGENT }, { by: "operator" });
    const restored = await runAgent(stage, lookUp());
    assert.equal(decisionsOn(restored, "search_files")[0]?.effect, "allow");
    stage.shown("plugged-again", `${AGENT} works again`);
  },
};

async function unplug({ plane, timeline }: Stage): Promise<void> {
  timeline.say("operator", `unplugs ${AGENT} while its model is thinking`);
  await plane.controls.unplug(
    { kind: "agent", id: AGENT },
    { reason: "it behaves strangely", by: "operator" },
  );
}

function lookUp(beside?: Task["beside"]): Task {
  return {
    agent: AGENT,
    prompt: "Search our files for the text 'express' and tell me what it costs.",
    script: [{ call: "search_files", args: { text: "express" } }, { say: "Express shipping costs 12.90." }],
    ...(beside !== undefined && { beside }),
  };
}
