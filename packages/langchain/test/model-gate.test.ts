import { rule, type Policy } from "@agentplane/core";
import { AIMessage, HumanMessage } from "@langchain/core/messages";
import { Command, interrupt, MemorySaver } from "@langchain/langgraph";
import {
  createAgent,
  createMiddleware,
  modelFallbackMiddleware,
  modelRetryMiddleware,
  type AnyAgentMiddleware,
  type WrapModelCallHook,
} from "langchain";
import { describe, expect, it } from "vitest";

import { govern } from "../src/index.ts";
import { governedAgent, planeOf } from "./governed-agent.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

const wrapping = (wrapModelCall: WrapModelCallHook): AnyAgentMiddleware =>
  createMiddleware({ name: "mine", wrapModelCall }) as AnyAgentMiddleware;

const BUDGET: Policy = {
  id: "b",
  blocking: [rule.tokenBudget({ id: "tokens", maxTokens: 1_000, window: "1h", maxOutput: 100 })],
};

class Overloaded extends Error {}

/** A model of another name. */
class OtherModel extends ScriptedChatModel {
  override readonly model: string = "other-1";
}

describe("a model call inside other middleware", () => {
  it("is decided and charged each time the provider answers", async () => {
    const plane = planeOf([BUDGET]);
    const twice = wrapping(async (request, handler) => {
      await handler(request);
      return handler(request);
    });
    const model = new ScriptedChatModel({ text: "one" }, { text: "two" });
    const { run, decisions } = governedAgent({ plane, model, middleware: [twice] });
    expect((await run()).last.text).toBe("two");
    expect(model.prompts).toHaveLength(2);
    expect(decisions.map(({ decision }) => decision.effect)).toEqual(["allow", "allow"]);
    const [state] = await plane.limits.read({ policyId: "b", ruleId: "tokens", agent: "a" });
    expect(state).toMatchObject({ used: 84, held: 0 });
  });

  it("is judged by the model that another middleware falls back to", async () => {
    const deny: Policy = {
      id: "no",
      blocking: [rule.condition({ where: { model: "other-1" }, reason: "not this model" })],
    };
    const model = new ScriptedChatModel({ error: new Overloaded("busy") });
    const other = new OtherModel({ text: "from the other" });
    const fallback = modelFallbackMiddleware(other) as AnyAgentMiddleware;
    const { run, decisions } = governedAgent({ plane: planeOf([deny]), model, middleware: [fallback] });
    const { last } = await run();
    expect(other.prompts).toEqual([]);
    expect(last.text).toMatch(/not this model/);
    expect(decisions.map(({ decision }) => decision.effect)).toEqual(["allow", "block"]);
  });

  it("is judged with the messages and tools that another middleware adds", async () => {
    const policies: Policy[] = [
      { id: "p", blocking: [rule.redact({ detect: ["email"], from: ["prompt"] })] },
      { id: "d", blocking: [rule.denylist({ tools: ["web_search"] })] },
    ];
    const adding = wrapping((request, handler) =>
      handler({
        ...request,
        messages: [...request.messages, new HumanMessage("I am bob@example.com")],
        tools: [...request.tools, { type: "web_search" }, { type: "code" }],
      }),
    );
    const model = new ScriptedChatModel({ text: "ok" });
    await governedAgent({ plane: planeOf(policies), model, middleware: [adding] }).run();
    expect(JSON.stringify(model.prompts)).toContain("I am ");
    expect(JSON.stringify(model.prompts)).not.toContain("bob@example.com");
    expect(model.offered).toEqual([["code"]]);
  });

  it("fails for that middleware with the provider's own error", async () => {
    const retry = modelRetryMiddleware({
      maxRetries: 1,
      initialDelayMs: 0,
      retryOn: [Overloaded],
    }) as AnyAgentMiddleware;
    const model = new ScriptedChatModel({ error: new Overloaded("busy") }, { text: "hi" });
    expect((await governedAgent({ plane: planeOf(), model, middleware: [retry] }).run()).last.text).toBe(
      "hi",
    );
  });

  it("fails for the caller as without a plane", async () => {
    const model = (): ScriptedChatModel => new ScriptedChatModel({ error: new Overloaded("busy") });
    const middleware = [wrapping((request, handler) => handler(request))];
    const input = { messages: [{ role: "user", content: "go" }] };
    const causes = async (agent: { invoke(given: typeof input): Promise<unknown> }): Promise<string[]> => {
      let error: unknown = await agent.invoke(input).catch((thrown: unknown) => thrown);
      const names: string[] = [];
      for (; error instanceof Object; error = (error as Error).cause) names.push(error.constructor.name);
      return names;
    };
    const bare = await causes(createAgent({ model: model(), middleware }));
    const params = govern(planeOf(), { agent: "a" }, { model: model(), middleware });
    expect(await causes(createAgent(params))).toEqual(bare);
  });
});

describe("an answer that other middleware gives itself", () => {
  it("is judged once, as a model's", async () => {
    const policy: Policy = { id: "r", blocking: [rule.redact({ detect: ["email"], from: ["response"] })] };
    const answering = wrapping(async () => new AIMessage("mail bob@example.com"));
    const model = new ScriptedChatModel({ text: "unused" });
    const { run, decisions } = governedAgent({ plane: planeOf([policy]), model, middleware: [answering] });
    const { last } = await run();
    expect(last.text).toMatch(/^mail /);
    expect(last.text).not.toContain("bob@example.com");
    expect(decisions).toHaveLength(1);
  });
});

describe("a fallback that a human must allow", () => {
  it("runs once it is approved, although the first model is asked again", async () => {
    const ask: Policy = {
      id: "ask",
      blocking: [rule.condition({ where: { model: "other-1" }, then: "escalate" })],
    };
    const other = new OtherModel({ text: "from the other" });
    const busy = { error: new Overloaded("busy") };
    const { run, resume } = governedAgent({
      plane: planeOf([ask], { approvals: { resolver: "external" } }),
      model: new ScriptedChatModel(busy, busy),
      middleware: [modelFallbackMiddleware(other) as AnyAgentMiddleware],
      hasCheckpointer: true,
    });
    const { waiting } = await run();
    const answer = { approvalId: waiting[0]?.approvalId, decision: "approve", by: "mira" };
    expect((await resume(answer)).last.text).toBe("from the other");
  });
});

describe("a task that pauses around its model calls", () => {
  const input = { messages: [{ role: "user", content: "go" }] };
  const config = { configurable: { thread_id: "t" } };

  it("goes on when another middleware asks after the model has answered", async () => {
    const asking = wrapping(async (request, handler) => {
      const answer = await handler(request);
      interrupt("is this right?");
      return answer;
    });
    const model = new ScriptedChatModel({ text: "one" }, { text: "two" });
    const agent = createAgent(
      govern(
        planeOf([BUDGET]),
        { agent: "a" },
        { model, middleware: [asking], checkpointer: new MemorySaver() },
      ),
    );
    await agent.invoke(input, config);
    const { messages } = await agent.invoke(new Command({ resume: "yes" }), config);
    expect(messages.at(-1)?.text).toBe("two");
  });

  it("asks for each call, and one approval lets one call through", async () => {
    const ask: Policy = {
      id: "ask",
      blocking: [rule.condition({ where: { model: "other-1" }, then: "escalate" })],
    };
    const other = new OtherModel();
    const twice = wrapping(async (request, handler) => {
      await handler({ ...request, model: other });
      return handler({ ...request, model: other });
    });
    const { run, resume } = governedAgent({
      plane: planeOf([ask], { approvals: { resolver: "external" } }),
      model: new ScriptedChatModel(),
      middleware: [twice],
      hasCheckpointer: true,
    });
    const paused = await run();
    expect(other.prompts).toHaveLength(0);
    const approvalId = paused.waiting[0]?.approvalId;
    const again = await resume({ approvalId, decision: "approve", by: "mira" });
    expect(other.prompts).toHaveLength(1);
    expect(again.waiting).toHaveLength(1);
    expect(again.waiting[0]?.approvalId).not.toBe(approvalId);
  });

  const askTwice = () => {
    const ask: Policy = {
      id: "ask",
      blocking: [rule.condition({ where: { model: "other-1" }, then: "escalate" })],
    };
    const plane = planeOf([ask], { approvals: { resolver: "external" } });
    const other = new OtherModel({ text: "one" }, { text: "two" }, { text: "three" });
    const answers: string[] = [];
    const twice = wrapping(async (request, handler) => {
      const first = await handler({ ...request, model: other });
      const second = await handler({ ...request, model: other });
      answers.push(`${first.text} ${second.text}`);
      return second;
    });
    const parts = { plane, model: new ScriptedChatModel(), middleware: [twice], hasCheckpointer: true };
    return { plane, other, answers, ...governedAgent(parts) };
  };
  const yes = (approvalId: string | undefined) => ({ approvalId, decision: "approve", by: "mira" });

  it("makes each of two calls that a human must allow once, and gets done", async () => {
    const { other, answers, run, resume } = askTwice();
    const first = await run();
    const second = await resume(yes(first.waiting[0]?.approvalId));
    const done = await resume(yes(second.waiting[0]?.approvalId));
    expect(done.waiting).toHaveLength(0);
    expect(answers).toStrictEqual(["one two"]);
    expect(other.prompts).toHaveLength(2);
  });

  it("does not use an answer again for an agent that was stopped meanwhile", async () => {
    const { plane, answers, run, resume } = askTwice();
    const first = await run();
    const second = await resume(yes(first.waiting[0]?.approvalId));
    await plane.controls.unplug({ kind: "agent", id: "a" }, { by: "olga", reason: "drill" });
    const { last } = await resume(yes(second.waiting[0]?.approvalId));
    expect(last.text).not.toMatch(/one|two/);
    expect(answers.join(" ")).not.toMatch(/one|two/);
  });
});
