/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { rule, type AgentPlane, type Policy } from "@agentplane/core";
import { sqliteState } from "@agentplane/core/node";
import { Command, INTERRUPT, isInterrupted } from "@langchain/langgraph";
import { MemorySaver } from "@langchain/langgraph-checkpoint";
import { createAgent } from "langchain";
import { describe, expect, it, onTestFinished } from "vitest";

import { govern, type ApprovalRequest } from "../src/index.ts";
import { countingTool, governedAgent, planeOf } from "./governed-agent.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

const external = { approvals: { resolver: "external" } } as const;

const ASK: Policy = {
  id: "ask",
  selector: { tools: ["pay"] },
  blocking: [rule.condition({ where: { tool: "pay" }, then: "escalate", reason: "paying needs a person" })],
};

/** One run in an hour, whatever it calls. */
const ONE_RUN: Policy = {
  id: "runs",
  selector: { hookpoints: ["before_agent"] },
  blocking: [rule.rate({ limit: 1, window: "1h", per: "agent" })],
};

const paying = (): ScriptedChatModel => new ScriptedChatModel({ calls: [{ name: "pay" }] }, { text: "done" });

function yes(request: ApprovalRequest | undefined): object {
  return { approvalId: request?.approvalId, decision: "approve", by: "mira" };
}

describe("a run that pauses", () => {
  it("is charged once, also by another process that has the state and the checkpoints", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "agentplane-"));
    const planes: AgentPlane[] = [];
    onTestFinished(async () => {
      await Promise.all(planes.map((plane) => plane.close()));
      rmSync(folder, { recursive: true });
    });
    const checkpointer = new MemorySaver();
    const tool = countingTool("pay");
    const agentOf = (model: ScriptedChatModel) => {
      const plane = planeOf([ASK, ONE_RUN], {
        approvals: { resolver: "external", key: "of-this-test-and-no-other" },
        state: sqliteState({ path: path.join(folder, "state.db") }),
      });
      planes.push(plane);
      return createAgent(govern(plane, { agent: "a" }, { model, tools: [tool.tool], checkpointer }));
    };
    const config = { configurable: { thread_id: "t1" } };
    const paused = await agentOf(paying()).invoke({ messages: [{ role: "user", content: "go" }] }, config);
    const [interrupt] = isInterrupted<ApprovalRequest>(paused) ? paused[INTERRUPT] : [];
    const after = agentOf(new ScriptedChatModel({ text: "done" }, { text: "again" }));
    const { messages } = await after.invoke(new Command({ resume: yes(interrupt?.value) }), config);
    expect(tool.runs).toHaveLength(1);
    // The script names its messages anew: LangGraph puts this one in the place of the first.
    expect(messages.map(({ text }) => text)).toContain("done");
    const another = await after.invoke({ messages: [{ role: "user", content: "more" }] }, config);
    expect(another.messages.at(-1)?.text).toMatch(/limit/);
  });

  it.each([
    [
      "unplugged",
      (plane: AgentPlane) =>
        plane.controls.unplug({ kind: "agent", id: "a" }, { reason: "stop", by: "mira" }),
    ],
    [
      "set to FULL_BLOCK",
      (plane: AgentPlane) =>
        plane.controls.degrade({ kind: "agent", id: "a" }, "FULL_BLOCK", { reason: "stop", by: "mira" }),
    ],
  ])("does not go on when it was %s meanwhile", async (_, stop) => {
    const tool = countingTool("pay");
    const plane = planeOf([ASK], external);
    const model = paying();
    const { run, resume } = governedAgent({ plane, model, tools: [tool.tool], hasCheckpointer: true });
    const [request] = (await run()).waiting;
    await stop(plane);
    await resume(yes(request));
    expect(tool.runs).toEqual([]);
    expect(model.prompts).toHaveLength(1);
  });

  it("takes the run around it along, and both go on as they were: each ends once", async () => {
    const plane = planeOf([ASK], external);
    const ends: string[] = [];
    plane.on("outcome", ({ identity, outcome, tool: called, model }) => {
      if (called === undefined && model === undefined) ends.push(`${identity.agent} ${outcome}`);
    });
    const pay = countingTool("pay");
    const inner = createAgent(
      govern(plane, { agent: "inner" }, { model: paying(), tools: [pay.tool], checkpointer: true }),
    );
    const delegate = countingTool("delegate", async () => {
      const { messages } = await inner.invoke({ messages: [{ role: "user", content: "pay" }] });
      return messages.at(-1)?.text;
    });
    const model = new ScriptedChatModel({ calls: [{ name: "delegate" }] }, { text: "all done" });
    const { run, resume } = governedAgent({ plane, model, tools: [delegate.tool], hasCheckpointer: true });
    const [request] = (await run()).waiting;
    expect(ends).toEqual(["inner suspended", "a suspended"]);
    expect((await resume(yes(request))).last.text).toBe("all done");
    expect(pay.runs).toHaveLength(1);
    expect(ends.slice(2)).toEqual(["inner ran", "a ran"]);
  });

  it("runs what waited once, however many go on with it at once, and each of them ends", async () => {
    const plane = planeOf([ASK], external);
    const ends: string[] = [];
    plane.on("outcome", ({ outcome, tool: called, model }) => {
      if (called === undefined && model === undefined) ends.push(outcome);
    });
    const pay = countingTool("pay");
    const model = new ScriptedChatModel({ calls: [{ name: "pay" }] }, { text: "one" }, { text: "two" });
    const { run, resume } = governedAgent({ plane, model, tools: [pay.tool], hasCheckpointer: true });
    const [request] = (await run()).waiting;
    await Promise.all([resume(yes(request)), resume(yes(request))]);
    expect(pay.runs).toHaveLength(1);
    expect(ends).toEqual(["suspended", "ran", "ran"]);
  });
});
