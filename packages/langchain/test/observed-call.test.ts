import { rule, type Policy } from "@agentplane/core";
import type { CallbackManagerForLLMRun } from "@langchain/core/callbacks/manager";
import type { BaseMessage } from "@langchain/core/messages";
import { createAgent } from "langchain";
import { describe, expect, it, onTestFinished } from "vitest";

import { govern } from "../src/index.ts";
import { countingTool, planeOf } from "./governed-agent.ts";
import { PROVIDERS } from "./provider-models.ts";
import { startProvider } from "./provider-server.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

const input = { messages: [{ role: "user", content: "go" }] };
const REDACT: Policy = { id: "r", blocking: [rule.redact({ detect: ["email"] })] };
const RAW = /bob@exa|mple\.com/;

const text = (value: unknown): string => JSON.stringify(value) ?? "";

async function all(stream: AsyncIterable<unknown>): Promise<unknown[]> {
  const events: unknown[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

describe.each(PROVIDERS)("what can be observed of $name", (kind) => {
  const start = async (policies: readonly Policy[]) => {
    const server = await startProvider(kind.events("mail bob@exa", "mple.com ", "now"));
    onTestFinished(() => server.close());
    const params = { model: kind.model(server.url), tools: [countingTool("read").tool] };
    return createAgent(govern(planeOf(policies), { agent: "a" }, params));
  };

  it("is redacted in every event of streamEvents v2", async () => {
    const events = await all((await start([REDACT])).streamEvents(input, { version: "v2" }));
    expect(text(events)).toContain("on_chat_model_end");
    expect(text(events)).toContain(" now");
    expect(text(events)).not.toMatch(RAW);
  });

  it("is redacted in every event of streamEvents v3", async () => {
    const run = await (await start([REDACT])).streamEvents(input, { version: "v3" });
    const events = await all(run);
    expect(text(events)).toContain(" now");
    expect(text(events)).not.toMatch(RAW);
  });

  it("is redacted where only the admission said so: no rule looks at the answer itself", async () => {
    const policy: Policy = {
      id: "asked",
      selector: { hookpoints: ["before_model_call"] },
      blocking: [rule.redact({ detect: ["email"], from: ["response"] })],
    };
    const events = await all((await start([policy])).streamEvents(input, { version: "v2" }));
    expect(text(events)).toContain(" now");
    expect(text(events)).not.toMatch(RAW);
  });

  it("is streamed as it comes where no rule looks at it", async () => {
    const events = await all((await start([])).streamEvents(input, { version: "v2" }));
    expect(text(events.filter((event) => text(event).includes("on_chat_model_stream")))).toContain(
      "mple.com ",
    );
  });
});

describe("what a callback handler is told", () => {
  const told = async (
    policies: readonly Policy[],
    work: () => unknown,
    answer: string,
  ): Promise<string[]> => {
    const events: string[] = [];
    const note = (event: string) => (value: unknown) => void events.push(`${event} ${text(shown(value))}`);
    const model = new ScriptedChatModel({ calls: [{ name: "read" }] }, { text: answer });
    const tools = [countingTool("read", work).tool];
    const agent = createAgent(govern(planeOf(policies), { agent: "a" }, { model, tools }));
    const handler = {
      handleLLMEnd: note("model ended"),
      handleLLMError: note("model failed"),
      handleToolEnd: note("tool ended"),
      handleToolError: note("tool failed"),
    };
    await agent.invoke(input, { callbacks: [handler] });
    return events;
  };

  it("is redacted, and comes in the order of the calls", async () => {
    const events = await told([REDACT], () => "mail bob@example.com", "bob@example.com wrote");
    expect(events.map((event) => event.split(" ", 2).join(" "))).toEqual([
      "model ended",
      "tool ended",
      "model ended",
    ]);
    expect(text(events)).toContain("wrote");
    expect(text(events)).not.toContain("bob@example.com");
  });

  it("is redacted in the error of a tool", async () => {
    const fail = (): never => {
      throw new Error("no mail to bob@example.com");
    };
    const events = await told([REDACT], fail, "done");
    expect(text(events)).toMatch(/tool failed .*no mail to /);
    expect(text(events)).not.toContain("bob@example.com");
  });

  it("is the refusal where a result is withheld", async () => {
    const where = { hookpoint: "after_tool_call" };
    const withhold: Policy = { id: "w", blocking: [rule.condition({ where, reason: "not shown" })] };
    const secret = "4711-0815";
    const events = await told([withhold], () => `the key is ${secret}`, "done");
    expect(text(events)).toContain("WAS executed");
    expect(text(events)).not.toContain(secret);
  });

  it("is what it was where nothing is judged", async () => {
    const events = await told([], () => "mail bob@example.com", "bob@example.com wrote");
    expect(events).toHaveLength(3);
    expect(events[1]).toContain("mail bob@example.com");
    expect(events[2]).toContain("bob@example.com wrote");
  });
});

/** Errors say nothing in JSON. */
function shown(value: unknown): unknown {
  return value instanceof Error ? value.message : value;
}

describe("a model call that fails while it streams", () => {
  const budget: Policy = {
    id: "b",
    blocking: [rule.tokenBudget({ id: "tokens", maxTokens: 10_000, window: "1h", maxOutput: 100 })],
  };

  it("is charged for what had come, and fails as it did", async () => {
    const plane = planeOf([budget]);
    const model = new BreakingModel({ text: "one two three four" });
    const agent = createAgent(govern(plane, { agent: "a" }, { model, tools: [] }));
    const stream = await agent.stream(input, { streamMode: "messages" });
    await expect(all(stream)).rejects.toThrow("connection lost");
    const [state] = await plane.limits.read({ policyId: "b", ruleId: "tokens", agent: "a" });
    expect(state?.held).toBe(0);
    expect(state?.used).toBeGreaterThan(0);
    expect(state?.used).toBeLessThan(200);
  });

  it("is charged for what had come where nobody listens", async () => {
    const plane = planeOf([budget]);
    const params = { model: new BreakingInside({ text: "one two three four" }), tools: [] };
    await expect(createAgent(govern(plane, { agent: "a" }, params)).invoke(input)).rejects.toThrow(
      "connection lost",
    );
    const [state] = await plane.limits.read({ policyId: "b", ruleId: "tokens", agent: "a" });
    expect(state?.used).toBeGreaterThan(0);
  });
});

/** A model whose connection breaks after two pieces. */
class BreakingModel extends ScriptedChatModel {
  override async *_streamResponseChunks(
    ...given: Parameters<ScriptedChatModel["_streamResponseChunks"]>
  ): ReturnType<ScriptedChatModel["_streamResponseChunks"]> {
    let count = 0;
    // oxlint-disable-next-line no-underscore-dangle -- the name is LangChain's
    for await (const chunk of super._streamResponseChunks(...given)) {
      yield chunk;
      if (++count === 2) throw new Error("connection lost");
    }
  }
}

/** The same, that streams inside of an answer as a whole, as `streaming: true` makes models do. */
class BreakingInside extends BreakingModel {
  override async _generate(
    messages: BaseMessage[],
    options?: this["ParsedCallOptions"],
    runManager?: CallbackManagerForLLMRun,
  ): Promise<never> {
    // oxlint-disable-next-line no-underscore-dangle -- the name is LangChain's
    for await (const _ of this._streamResponseChunks(messages, options ?? {}, runManager));
    throw new Error("it should have broken");
  }
}
