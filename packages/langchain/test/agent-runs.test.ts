/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import { rule, type Policy } from "@agentplane/core";
import { createAgent, createMiddleware, tool, type AnyAgentMiddleware } from "langchain";
import { afterEach, describe, expect, it, vi } from "vitest";
import * as z from "zod";

import { govern } from "../src/index.ts";
import { countingTool, governedAgent, planeOf } from "./governed-agent.ts";
import { outcomesOfRuns, runsOf } from "./run-records.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

const input = { messages: [{ role: "user", content: "go" }] };
const before = { hookpoints: ["before_agent"] };
const after = { hookpoints: ["after_agent"] };

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

  it("fails where what it gave would have to be redacted at its end alone", async () => {
    const redact = rule.redact({ detect: ["email"], from: ["result"] });
    const plane = planeOf([{ id: "late", selector: after, blocking: [redact] }]);
    const model = new ScriptedChatModel({ text: "mail bob@example.com" });
    await expect(governedAgent({ plane, model }).run()).rejects.toThrow("cannot be rewritten at after_agent");
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
    await vi.waitFor(() => expect(slow.runs).toHaveLength(1), { timeout: 10_000 });
    await vi.advanceTimersByTimeAsync(600_000);
    expect(ends).toEqual([]);
    finish();
    await running;
    expect(ends).toEqual(["ran"]);
  });
});
