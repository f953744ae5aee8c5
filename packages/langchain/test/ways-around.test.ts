import { defineRule, rule, type OutcomeRecord, type Policy, type RuleKind } from "@agentplane/core";
import { AIMessage } from "@langchain/core/messages";
import { Command } from "@langchain/langgraph";
import {
  createAgent,
  createMiddleware,
  humanInTheLoopMiddleware,
  tool,
  type AnyAgentMiddleware,
} from "langchain";
import { describe, expect, it, onTestFinished } from "vitest";
import * as z from "zod";

import { govern } from "../src/index.ts";
import { countingTool, governedAgent, planeOf } from "./governed-agent.ts";
import { PROVIDERS } from "./provider-models.ts";
import { startProvider } from "./provider-server.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

const input = { messages: [{ role: "user", content: "go" }] };
const BUDGET: Policy = {
  id: "budget",
  blocking: [rule.tokenBudget({ maxTokens: 100_000, window: "1h", per: "agent" })],
};

const text = (value: unknown): string => JSON.stringify(value) ?? "";

async function all(stream: AsyncIterable<unknown>): Promise<string> {
  const events: unknown[] = [];
  for await (const event of stream) events.push(event);
  return text(events);
}

function outcomesOf(plane: ReturnType<typeof planeOf>): OutcomeRecord[] {
  const outcomes: OutcomeRecord[] = [];
  plane.on("outcome", (record) => {
    if (record.model !== undefined) outcomes.push(record);
  });
  return outcomes;
}

describe.each(PROVIDERS)("a card number with spaces that $name streams", (kind) => {
  const CARD = "4242 4242 4242 4242";

  it("is on no surface, wherever it is split", async () => {
    const plane = planeOf([{ id: "r", blocking: [rule.redact({ detect: ["card"] })] }]);
    for (const at of [1, 4, 5, 9, 12, 18]) {
      // oxlint-disable-next-line no-await-in-loop -- one server after the other
      const server = await startProvider(kind.events("pay ", CARD.slice(0, at), CARD.slice(at), " now"));
      onTestFinished(() => server.close());
      const agent = createAgent(govern(plane, { agent: "a" }, { model: kind.model(server.url), tools: [] }));
      // oxlint-disable-next-line no-await-in-loop
      const stream = await agent.stream(input, { streamMode: ["messages", "updates", "values"] });
      const events = agent.streamEvents(input, { version: "v2" });
      // oxlint-disable-next-line no-await-in-loop
      for (const seen of [await all(stream), await all(events)]) {
        expect(seen).toContain(" now");
        // A random id may hold these digits by chance.
        expect(seen.replaceAll(/[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/g, "")).not.toMatch(/4242/);
      }
    }
  });
});

/** Imposes a redaction by its answer before the call; no rule looks at what comes back. */
const imposing: RuleKind = defineRule({
  kind: "imposing",
  summary: "Imposes a redaction before the call.",
  timing: "blocking",
  hookpoints: ["before_model_call"],
  params: z.strictObject({}),
  example: {},
  isStateless: true,
  compile: () => ({
    check: () => ({
      obligations: [
        { kind: "redact", from: ["response"], fields: [], detect: ["email"], treatment: "mask" } as const,
      ],
    }),
  }),
});

describe("an answer that is looked at by no rule after the call", () => {
  const streamed = async (plane: ReturnType<typeof planeOf>): Promise<string> => {
    const model = new ScriptedChatModel({ text: "mail bob@example.com now" });
    const agent = createAgent(govern(plane, { agent: "a" }, { model, tools: [] }));
    return (
      (await all(await agent.stream(input, { streamMode: ["messages", "values"] }))) +
      (await all(agent.streamEvents(input, { version: "v2" })))
    );
  };

  it("leaks nothing where the admission imposed a redaction", async () => {
    const policies: Policy[] = [{ id: "p", blocking: [{ rule: "imposing" }] }];
    expect(await streamed(planeOf(policies, { rules: [imposing] }))).not.toContain("bob@example.com");
  });

  it("leaks nothing where a hook refuses it", async () => {
    const plane = planeOf();
    plane.hooks.on("after_model_call", () => {
      throw new Error("not this");
    });
    expect(await streamed(plane)).not.toContain("bob@example.com");
  });
});

describe("usage", () => {
  it("is estimated and flagged where the provider does not tell", async () => {
    const plane = planeOf([BUDGET]);
    const outcomes = outcomesOf(plane);
    const silent = createMiddleware({
      name: "silent",
      wrapModelCall: async () => new AIMessage("an answer without usage"),
    });
    await governedAgent({ plane, model: new ScriptedChatModel(), middleware: [silent] }).run();
    expect(outcomes).toMatchObject([{ isEstimated: true }]);
  });

  it("is charged with what came from the cache, also where the answer is held back", async () => {
    const plane = planeOf([BUDGET, { id: "r", blocking: [rule.redact({ detect: ["email"] })] }]);
    const outcomes = outcomesOf(plane);
    const model = new ScriptedChatModel({ text: "mail bob@example.com now" });
    const agent = createAgent(govern(plane, { agent: "a" }, { model, tools: [] }));
    await all(await agent.stream(input, { streamMode: "messages" }));
    expect(outcomes).toMatchObject([{ usage: { inputTokens: 30, outputTokens: 12, cacheReadTokens: 5 } }]);
  });
});

describe("arguments that a human edits", () => {
  it("are decided as they will run", async () => {
    const pay = countingTool("pay");
    const policy: Policy = {
      id: "p",
      blocking: [
        rule.condition({ where: { tool: "pay", input: { amount: { gt: 500 } } }, reason: "too much" }),
      ],
    };
    const { run, agent } = governedAgent({
      plane: planeOf([policy]),
      model: new ScriptedChatModel({ calls: [{ name: "pay", args: { amount: 5 } }] }),
      tools: [pay.tool],
      middleware: [humanInTheLoopMiddleware({ interruptOn: { pay: true } } as never) as AnyAgentMiddleware],
      hasCheckpointer: true,
    });
    await run();
    const edited = { type: "edit", editedAction: { name: "pay", args: { amount: 900 } } };
    const { messages } = await agent.invoke(new Command({ resume: { decisions: [edited] } }), {
      configurable: { thread_id: "t1" },
    });
    expect(pay.runs).toEqual([]);
    expect(text(messages)).toContain("too much");
  });
});

describe("a call with a member named __proto__", () => {
  it("does not run with values that no rule can see", async () => {
    const pay = countingTool("pay");
    const args = JSON.parse('{"order":{"__proto__":{"amount":900}}}') as object;
    const { run } = governedAgent({
      plane: planeOf([{ id: "p", blocking: [rule.denylist({ tools: ["refund"] })] }]),
      model: new ScriptedChatModel({ calls: [{ name: "pay", args }] }),
      tools: [pay.tool],
    });
    const { toolMessages } = await run();
    expect(pay.runs).toEqual([]);
    expect(toolMessages[0]?.status).toBe("error");
  });
});

describe("a call whose rewritten arguments the tool refuses", () => {
  it("is an error the model can recover from", async () => {
    const ran: unknown[] = [];
    const send = tool((args) => (ran.push(args), "sent"), {
      name: "send",
      description: "Sends.",
      schema: z.object({ to: z.email() }),
    });
    const { run } = governedAgent({
      plane: planeOf([{ id: "r", blocking: [rule.redact({ detect: ["email"], from: ["input"] })] }]),
      model: new ScriptedChatModel({ calls: [{ name: "send", args: { to: "bob@example.com" } }] }),
      tools: [send],
    });
    const { toolMessages, last } = await run();
    expect(ran).toEqual([]);
    expect(toolMessages[0]?.status).toBe("error");
    expect(last.text).toBe("done");
  });
});

describe("an approval that nobody waits for any more", () => {
  it("leaves no call without an answer for the provider", async () => {
    const model = new ScriptedChatModel({ calls: [{ name: "pay", args: { amount: 5 } }] });
    const { run } = governedAgent({
      plane: planeOf(
        [{ id: "ask", blocking: [rule.condition({ where: { tool: "pay" }, then: "escalate" })] }],
        {
          approvals: { resolver: "external" },
        },
      ),
      model,
      tools: [countingTool("pay").tool],
      hasCheckpointer: true,
    });
    await run();
    await run("never mind");
    const kinds = model.prompts.at(-1)?.map(({ type }) => type);
    expect(kinds).toEqual(["human", "ai", "tool", "human"]);
  });
});
