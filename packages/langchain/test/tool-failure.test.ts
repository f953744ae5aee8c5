import { ToolMessage } from "@langchain/core/messages";
import { type AnyAgentMiddleware, createAgent, createMiddleware, tool, toolRetryMiddleware } from "langchain";
import { describe, expect, it } from "vitest";
import * as z from "zod";

import { govern } from "../src/index.ts";
import { countingTool, governedAgent, planeOf } from "./governed-agent.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

const call = (name: string, args: object = {}) => ({ calls: [{ name, args }] });

describe("a tool that fails", () => {
  const boom = tool(() => fail(), { name: "boom", description: "Fails.", schema: z.object({}) });
  const strict = tool(() => "ok", {
    name: "strict",
    description: "Is strict.",
    schema: z.object({ amount: z.number() }),
  });
  const wrapper = createMiddleware({ name: "user", wrapToolCall: (request, handler) => handler(request) });

  const cases = [
    { what: "an exception", name: "boom", middleware: [] },
    { what: "invalid arguments", name: "strict", middleware: [] },
    { what: "an exception under another wrapToolCall", name: "boom", middleware: [wrapper] },
    { what: "invalid arguments under another wrapToolCall", name: "strict", middleware: [wrapper] },
  ];
  it.each(cases)("stays what it was without us: $what", async ({ name, middleware }) => {
    const tools = [boom, strict];
    const script = (): ScriptedChatModel =>
      new ScriptedChatModel({ calls: [{ id: "c1", name, args: { amount: "many" } }] });
    const input = { messages: [{ role: "user", content: "go" }] };
    const bare = await settled(createAgent({ model: script(), tools, middleware }).invoke(input));
    const governed = governedAgent({ plane: planeOf(), model: script(), tools, middleware });
    expect(await settled(governed.agent.invoke(input))).toEqual(bare);
  });

  it("ends the run, as without us, once the agent's own signal has fired", async () => {
    const input = { messages: [{ role: "user", content: "go" }] };
    const bare = await settled(createAgent(stoppingParts()).invoke(input));
    expect(bare).toHaveProperty("thrown");
    const governed = createAgent(govern(planeOf(), { agent: "a" }, stoppingParts()));
    expect(await settled(governed.invoke(input))).toEqual(bare);
  });

  it("is tried again by a retry middleware, each attempt decided", async () => {
    let attempts = 0;
    const flaky = tool(() => (++attempts < 3 ? fail() : "ok"), {
      name: "flaky",
      description: "Fails twice.",
      schema: z.object({}),
    });
    // LangChain types its own middleware so that exactOptionalPropertyTypes refuses it.
    const retry = toolRetryMiddleware({
      maxRetries: 3,
      initialDelayMs: 0,
      jitter: false,
    }) as AnyAgentMiddleware;
    const { run, decisions } = governedAgent({
      plane: planeOf(),
      model: new ScriptedChatModel(call("flaky")),
      tools: [flaky],
      middleware: [retry],
    });
    const { toolMessages } = await run();
    expect(toolMessages[0]?.text).toBe("ok");
    expect(decisions.filter((one) => one.tool === "flaky").map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
  });
});

function fail(): never {
  throw new Error("a broken tool");
}

/** How a run ended, without the stack that LangChain shows the model: it names every function on the way. */
async function settled(run: Promise<{ messages: readonly { getType(): string }[] }>): Promise<unknown> {
  try {
    const { messages } = await run;
    return messages
      .filter((message) => message instanceof ToolMessage)
      .map(({ text, status, name, tool_call_id: id }) => ({
        text: text.replaceAll(/^ {4}at .*\n/gm, ""),
        status,
        name,
        id,
      }));
  } catch (error) {
    return { thrown: error instanceof Error ? `${error.name}: ${error.message}` : error };
  }
}

/** An agent whose only tool fires the agent's signal and then fails. */
function stoppingParts() {
  const stop = new AbortController();
  const stopping = countingTool("stopping", () => {
    stop.abort(new Error("enough"));
    throw new Error("stopped");
  });
  return { model: new ScriptedChatModel(call("stopping")), tools: [stopping.tool], signal: stop.signal };
}
