/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import { rule, type PlaneOptions, type Policy } from "@agentplane/core";
import { HumanMessage } from "@langchain/core/messages";
import { MemorySaver } from "@langchain/langgraph-checkpoint";
import { createAgent } from "langchain";
import { describe, expect, it } from "vitest";

import { govern, type ApprovalRequest } from "../src/index.ts";
import { countingTool, governedAgent, planeOf } from "./governed-agent.ts";
import { begunOf, outcomesOfRuns, runsOf } from "./run-records.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

const before = { hookpoints: ["before_agent"] };

describe("a run that pauses", () => {
  const ASK: Policy = {
    id: "ask",
    selector: { tools: ["read"] },
    blocking: [rule.condition({ where: { tool: "read" }, then: "escalate", reason: "a person reads along" })],
  };
  const ONE_RUN: Policy = {
    id: "runs",
    selector: before,
    blocking: [rule.rate({ limit: 1, window: "1h", per: "agent" })],
  };
  const external: PlaneOptions = { approvals: { resolver: "external" } };
  const yes = (request: ApprovalRequest | undefined): object => ({
    approvalId: request?.approvalId,
    decision: "approve",
    by: "mira",
  });

  it("is suspended, and goes on as the same one: counted once, ended once", async () => {
    const plane = planeOf([ASK, ONE_RUN], external);
    const seen = runsOf(plane);
    const ends = outcomesOfRuns(plane);
    const read = countingTool("read");
    const { run, resume } = governedAgent({
      plane,
      model: new ScriptedChatModel({ calls: [{ name: "read" }] }, { text: "done" }),
      tools: [read.tool],
      hasCheckpointer: true,
    });
    const [request] = (await run()).waiting;
    expect(ends).toEqual(["suspended"]);
    const { last } = await resume(yes(request));
    expect(last.text).toBe("done");
    expect(read.runs).toHaveLength(1);
    expect(ends).toEqual(["suspended", "ran"]);
    expect(seen.filter((one) => one.startsWith("ends"))).toHaveLength(1);
    // The next message of the thread begins the second one.
    expect((await run("again")).last.text).toMatch(/at most 1/);
  });

  it("is decided before the tool runs with which it goes on: what was forbidden meanwhile wins", async () => {
    const plane = planeOf([ASK], external);
    const begun = begunOf(plane);
    const read = countingTool("read");
    const model = new ScriptedChatModel({ calls: [{ name: "read" }, { name: "read" }] }, { text: "done" });
    const { run, resume } = governedAgent({ plane, model, tools: [read.tool], hasCheckpointer: true });
    const [request] = (await run()).waiting;
    const no = rule.condition({ where: { agent: "a" }, then: "block", reason: "a is retired" });
    plane.engine.addPolicy({ id: "retired", selector: before, blocking: [no] });
    const { last, toolMessages } = await resume(yes(request));
    expect(read.runs).toEqual([]);
    expect(toolMessages.at(-1)?.text).toMatch(/a is retired/);
    expect(last.text).toMatch(/a is retired/);
    expect(model.prompts).toHaveLength(1);
    expect(begun).toEqual(["allow", "block"]);
  });

  it("pauses once for calls side by side, of which some wait and some run", async () => {
    const plane = planeOf([ASK, ONE_RUN], external);
    const ends = outcomesOfRuns(plane);
    const begun = begunOf(plane);
    const slow = countingTool("write", async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return "written";
    });
    const read = countingTool("read");
    const { run, resume } = governedAgent({
      plane,
      model: new ScriptedChatModel(
        { calls: [{ name: "read" }, { name: "read" }, { name: "write" }] },
        { text: "done" },
      ),
      tools: [read.tool, slow.tool],
      hasCheckpointer: true,
    });
    let seen = await run();
    expect(begun).toEqual(["allow"]);
    expect(ends).toEqual(["suspended"]);
    for (let turn = 0; seen.waiting.length > 0 && turn < 4; turn++)
      // oxlint-disable-next-line no-await-in-loop -- one answer after the other
      seen = await resume(yes(seen.waiting[0]));
    expect(seen.last.text).toBe("done");
    expect(read.runs).toHaveLength(2);
    expect(slow.runs).toHaveLength(1);
    expect(ends.at(-1)).toBe("ran");
    expect(ends.slice(0, -1).every((end) => end === "suspended")).toBe(true);
    expect(begun).toEqual(ends.map(() => "allow"));
  });

  it("that a crash cut off goes on as another one, and is not held up", async () => {
    const plane = planeOf();
    const checkpointer = new MemorySaver();
    const model = new ScriptedChatModel({ text: "done" }, { text: "done" });
    const agentOf = () => createAgent(govern(plane, { agent: "a" }, { model, tools: [], checkpointer }));
    const message = new HumanMessage({ id: "m1", content: "go" });
    const config = { configurable: { thread_id: "t" } };
    const admitted = await plane.guard.admit({
      hookpoint: "before_agent",
      agent: "a",
      session: "t",
      callId: JSON.stringify(["run", "t", "", "m1"]),
      target: { name: "a", input: [{ role: "human", content: "go" }] },
    });
    expect(admitted.status).toBe("admitted");
    const { messages } = await agentOf().invoke({ messages: [message] }, config);
    expect(messages.at(-1)?.text).toBe("done");
  });
});
