/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import { rule, type AgentPlane, type PlaneOptions, type Policy } from "@agentplane/core";
import { HumanMessage } from "@langchain/core/messages";
import { MemorySaver } from "@langchain/langgraph-checkpoint";
import { createAgent, createMiddleware, tool, type AnyAgentMiddleware } from "langchain";
import { afterEach, describe, expect, it, vi } from "vitest";
import * as z from "zod";

import { govern, type ApprovalRequest } from "../src/index.ts";
import { countingTool, governedAgent, planeOf } from "./governed-agent.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

const input = { messages: [{ role: "user", content: "go" }] };
const before = { hookpoints: ["before_agent"] };
const after = { hookpoints: ["after_agent"] };

/** What was recorded of runs: each decision, and each end. */
function runsOf(plane: AgentPlane): string[] {
  const seen: string[] = [];
  plane.hooks.on("before_agent", () => void seen.push("begins"));
  plane.hooks.on("after_agent", ({ result }) => void seen.push(`ends ${JSON.stringify(result)}`));
  return seen;
}

/** How runs ended, by their records. */
function outcomesOfRuns(plane: AgentPlane): string[] {
  const runs = new Set<string>();
  const ends: string[] = [];
  plane.on("decision", ({ decision: { id, hookpoint } }) => {
    if (hookpoint === "before_agent") runs.add(id);
  });
  plane.on("outcome", ({ decisionId, outcome }) => {
    if (runs.has(decisionId)) ends.push(outcome);
  });
  return ends;
}

/** How each decision on a run came out. */
function begunOf(plane: AgentPlane): string[] {
  const seen: string[] = [];
  plane.on("decision", ({ decision }) => {
    if (decision.hookpoint === "before_agent") seen.push(decision.effect);
  });
  return seen;
}

const calling = (): ScriptedChatModel =>
  new ScriptedChatModel({ calls: [{ name: "read" }] }, { calls: [{ name: "read" }] }, { text: "done" });

describe("a run of a governed agent", () => {
  it("begins once and ends once, however many model calls it takes", async () => {
    const plane = planeOf();
    const seen = runsOf(plane);
    const { run } = governedAgent({ plane, model: calling(), tools: [countingTool("read").tool] });
    await run();
    expect(seen).toEqual(["begins", expect.stringContaining('"done"')]);
    await run();
    expect(seen).toHaveLength(4);
  });

  it("does not begin where it is blocked: the model is not asked, and the reason is the answer", async () => {
    const no = rule.condition({ where: { agent: "a" }, then: "block", reason: "a is retired" });
    const model = calling();
    const plane = planeOf([{ id: "retired", selector: before, blocking: [no] }]);
    const { last } = await governedAgent({ plane, model }).run();
    expect(model.prompts).toEqual([]);
    expect(last.text).toMatch(/a is retired/);
    expect(last.response_metadata).toMatchObject({ agentplane: { policyId: "retired" } });
  });

  it("counts against a limit once, whatever it calls", async () => {
    const policy: Policy = {
      id: "runs",
      selector: before,
      blocking: [rule.rate({ limit: 1, window: "1h", per: "agent" })],
    };
    const plane = planeOf([policy]);
    const model = new ScriptedChatModel({ calls: [{ name: "read" }] }, { text: "done" }, { text: "again" });
    const { run } = governedAgent({ plane, model, tools: [countingTool("read").tool] });
    expect((await run()).last.text).toBe("done");
    expect((await run()).last.text).not.toBe("again");
    expect(model.prompts).toHaveLength(2);
  });

  it("waits for a human where one must allow it, and goes on once", async () => {
    const ask = rule.condition({ where: { agent: "a" }, then: "escalate", reason: "a needs a person" });
    const plane = planeOf([{ id: "ask", selector: before, blocking: [ask] }], {
      approvals: { resolver: "external" },
    });
    const model = new ScriptedChatModel({ text: "hello" });
    const { run, resume } = governedAgent({ plane, model, hasCheckpointer: true });
    const [request] = (await run()).waiting;
    expect(model.prompts).toEqual([]);
    const { last } = await resume({ approvalId: request?.approvalId, decision: "approve", by: "mira" });
    expect(last.text).toBe("hello");
  });

  it("is asked what the user said, as rules left it, in every model call", async () => {
    const policy: Policy = {
      id: "r",
      selector: before,
      blocking: [rule.redact({ detect: ["email"], from: ["input"] })],
    };
    const model = new ScriptedChatModel({ calls: [{ name: "read" }] }, { text: "done" });
    const { run } = governedAgent({ plane: planeOf([policy]), model, tools: [countingTool("read").tool] });
    const { messages } = await run("I am bob@example.com");
    expect(model.prompts).toHaveLength(2);
    expect(JSON.stringify(model.prompts)).toContain("I am ");
    expect(JSON.stringify(model.prompts)).not.toContain("bob@example.com");
    expect(messages[0]?.text).toBe("I am bob@example.com");
  });

  it("gives words in place of an answer that after_agent withholds", async () => {
    const no = rule.condition({ where: { hookpoint: "after_agent" }, then: "block", reason: "not shown" });
    const plane = planeOf([{ id: "w", selector: after, blocking: [no] }]);
    const { last } = await governedAgent({ plane, model: new ScriptedChatModel({ text: "4711" }) }).run();
    expect(last.text).not.toContain("4711");
    expect(last.response_metadata).toMatchObject({ agentplane: { policyId: "w" } });
  });

  it("ends when a model or a tool fails", async () => {
    const plane = planeOf();
    const seen = runsOf(plane);
    const failing = new ScriptedChatModel({ error: new Error("down") });
    await expect(governedAgent({ plane, model: failing }).run()).rejects.toThrow("down");
    expect(seen).toEqual(["begins", expect.stringMatching(/^ends .*down/)]);
    const broken = countingTool("read", () => {
      throw new Error("broken");
    });
    const throwing = createMiddleware({
      name: "throwing",
      wrapToolCall: (request, handler) => handler(request),
    });
    await expect(
      governedAgent({
        plane,
        model: calling(),
        tools: [broken.tool],
        middleware: [throwing as AnyAgentMiddleware],
      }).run(),
    ).rejects.toThrow("broken");
    expect(seen.slice(2)).toEqual(["begins", expect.stringMatching(/^ends .*broken/)]);
  });

  it("ends when a middleware jumps to the end", async () => {
    const plane = planeOf();
    const seen = runsOf(plane);
    const jumping = createMiddleware({
      name: "jumping",
      afterModel: { canJumpTo: ["end"], hook: () => ({ jumpTo: "end" as const }) },
    });
    await governedAgent({
      plane,
      model: calling(),
      tools: [countingTool("read").tool],
      middleware: [jumping as AnyAgentMiddleware],
    }).run();
    expect(seen).toEqual(["begins", "ends null"]);
  });

  it("is told apart from another one that shares its control, and from one inside its tools", async () => {
    const plane = planeOf();
    const seen: string[] = [];
    plane.hooks.on("before_agent", ({ agent }) => void seen.push(agent.id));
    const inner = createAgent(
      govern(plane, { agent: "inner" }, { model: new ScriptedChatModel(), tools: [] }),
    );
    const delegate = tool(
      async () => {
        await inner.invoke(input);
        await inner.invoke(input);
        return "ok";
      },
      { name: "read", description: "Delegates.", schema: z.looseObject({}) },
    );
    const model = new ScriptedChatModel({ calls: [{ name: "read" }] }, { text: "done" });
    await governedAgent({ plane, model, tools: [delegate] }).run();
    expect(seen).toEqual(["a", "inner", "inner"]);
  });
});

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

describe("a run whose last word is a tool's", () => {
  const direct = () =>
    tool(() => "4711", {
      name: "read",
      description: "Reads.",
      schema: z.looseObject({}),
      returnDirect: true,
    });

  it("ends with it, once", async () => {
    const plane = planeOf();
    const seen = runsOf(plane);
    const { run } = governedAgent({ plane, model: calling(), tools: [direct()] });
    expect((await run()).last.text).toBe("4711");
    expect(seen).toEqual(["begins", 'ends "4711"']);
  });

  it("gives words in its place where after_agent withholds it", async () => {
    const no = rule.condition({ where: { hookpoint: "after_agent" }, then: "block", reason: "not shown" });
    const plane = planeOf([{ id: "w", selector: after, blocking: [no] }]);
    const { last } = await governedAgent({ plane, model: calling(), tools: [direct()] }).run();
    expect(last.text).not.toContain("4711");
  });

  it("goes on where such a tool fails, or is not allowed: the model is asked again", async () => {
    const failing = tool(
      () => {
        throw new Error("not today");
      },
      { name: "read", description: "Reads.", schema: z.looseObject({}), returnDirect: true },
    );
    const model = () => new ScriptedChatModel({ calls: [{ name: "read" }] }, { text: "sorry" });
    for (const [plane, read] of [
      [planeOf(), failing],
      [planeOf([{ id: "no", blocking: [rule.denylist({ tools: ["read"] })] }]), direct()],
    ] as const) {
      const seen = runsOf(plane);
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect((await governedAgent({ plane, model: model(), tools: [read] }).run()).last.text).toBe("sorry");
      expect(seen).toEqual(["begins", expect.stringContaining("sorry")]);
    }
  });

  it("goes on where another call comes after that tool's", async () => {
    const plane = planeOf();
    const seen = runsOf(plane);
    const model = new ScriptedChatModel({ calls: [{ name: "read" }, { name: "write" }] }, { text: "both" });
    const { run } = governedAgent({ plane, model, tools: [direct(), countingTool("write").tool] });
    expect((await run()).last.text).toBe("both");
    expect(seen).toEqual(["begins", expect.stringContaining("both")]);
  });
});

describe("a run that ends where no call shows it", () => {
  afterEach(() => vi.useRealTimers());

  it("is recorded as failed after a minute without a call, and holds nothing", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const plane = planeOf();
    const ends = outcomesOfRuns(plane);
    const model = new ScriptedChatModel(...Array.from({ length: 9 }, () => ({ calls: [{ name: "read" }] })));
    const agent = createAgent(govern(plane, { agent: "a" }, { model, tools: [countingTool("read").tool] }));
    await expect(agent.invoke(input, { recursionLimit: 4 })).rejects.toThrow(/recursion/i);
    await vi.advanceTimersByTimeAsync(59_000);
    expect(ends).toEqual([]);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(ends).toEqual(["failed"]);
  });

  it("is not ended while a call of it takes its time", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const plane = planeOf();
    const ends = outcomesOfRuns(plane);
    let finish = (): void => undefined;
    const slow = countingTool("read", () => new Promise<void>((resolve) => (finish = resolve)));
    const model = new ScriptedChatModel({ calls: [{ name: "read" }] }, { text: "done" });
    const running = governedAgent({ plane, model, tools: [slow.tool] }).run();
    await vi.waitFor(() => expect(slow.runs).toHaveLength(1));
    await vi.advanceTimersByTimeAsync(600_000);
    expect(ends).toEqual([]);
    finish();
    await running;
    expect(ends).toEqual(["ran"]);
  });
});
