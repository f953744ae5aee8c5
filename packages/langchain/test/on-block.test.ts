import { ConfigError, PolicyBlocked, rule, type DecisionRecord, type Policy } from "@agentplane/core";
import { createAgent, modelRetryMiddleware, type AnyAgentMiddleware } from "langchain";
import { describe, expect, it } from "vitest";

import { govern, type GovernOptions } from "../src/index.ts";
import { countingTool, planeOf } from "./governed-agent.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

const input = { messages: [{ role: "user", content: "go" }] };

const NO_MODEL: Policy = {
  id: "no-model",
  blocking: [rule.condition({ where: { model: "*" }, reason: "no model today" })],
};
const NO_RUN: Policy = {
  id: "no-run",
  selector: { hookpoints: ["before_agent"] },
  blocking: [rule.condition({ where: { agent: "a" }, reason: "a is retired" })],
};
const NOT_SHOWN: Policy = {
  id: "not-shown",
  selector: { hookpoints: ["after_agent"] },
  blocking: [rule.condition({ where: { hookpoint: "after_agent" }, reason: "not shown" })],
};

/** What `invoke` throws. */
async function thrownBy(running: Promise<unknown>): Promise<unknown> {
  return running.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
}

describe("an agent that is to throw what is blocked", () => {
  it.each([
    ["a model call", NO_MODEL],
    ["the run", NO_RUN],
    ["the answer", NOT_SHOWN],
  ])("ends with the plane's error where %s is blocked, and tries nothing again", async (_, policy) => {
    const plane = planeOf([policy]);
    const decisions: DecisionRecord[] = [];
    plane.on("decision", (record) => void decisions.push(record));
    const model = new ScriptedChatModel({ text: "4711" });
    const retry = modelRetryMiddleware({ maxRetries: 3, initialDelayMs: 0, jitter: false });
    const middleware = [retry as AnyAgentMiddleware];
    const agent = createAgent(govern(plane, { agent: "a" }, { model, middleware }, { onBlock: "throw" }));
    const error = await thrownBy(agent.invoke(input));
    expect(error).toBeInstanceOf(PolicyBlocked);
    expect(error).toMatchObject({ policyId: policy.id });
    expect(
      decisions.filter(({ decision }) => decision.hookpoint === "before_model_call").length,
    ).toBeLessThan(2);
  });

  it("leaves a tool that is blocked to the model, which can react", async () => {
    const plane = planeOf([{ id: "no", blocking: [rule.denylist({ tools: ["pay"] })] }]);
    const model = new ScriptedChatModel({ calls: [{ name: "pay" }] }, { text: "then not" });
    const params = { model, tools: [countingTool("pay").tool] };
    const agent = createAgent(govern(plane, { agent: "a" }, params, { onBlock: "throw" }));
    expect((await agent.invoke(input)).messages.at(-1)?.text).toBe("then not");
  });

  it("is refused where the choice is misspelt", () => {
    const options = { onBlock: "trow" } as unknown as GovernOptions;
    expect(() => govern(planeOf(), { agent: "a" }, { model: new ScriptedChatModel() }, options)).toThrow(
      ConfigError,
    );
  });
});
