import { rule, type AgentPlane } from "@agentplane/core";
import { ChatAnthropic } from "@langchain/anthropic";
import type { BaseChatModel } from "@langchain/core/language_models/chat_models";
import { ChatOpenAI } from "@langchain/openai";
import { createAgent, initChatModel } from "langchain";
import { describe, expect, it, onTestFinished } from "vitest";

import { govern } from "../src/index.ts";
import { guardModel } from "../src/langgraph.ts";
import { keptTool, toolsOf } from "../src/offer/setting-tools.ts";
import { countingTool, planeOf } from "./governed-agent.ts";
import { completionEvents, messageEvents, responseEvents, startProvider } from "./provider-server.ts";

const SEARCH = { type: "web_search_preview" };
const FUNCTION = { type: "function", function: { name: "fetch", parameters: {} } };
const mcp = (name: string) => ({ type: "url", name, url: "http://127.0.0.1" });
const denying = (...tools: string[]): AgentPlane =>
  planeOf([{ id: "d", blocking: [rule.denylist({ tools })] }]);

const openAI = (url: string, more: object = {}): ChatOpenAI =>
  new ChatOpenAI({
    model: "gpt-test",
    apiKey: "none",
    maxRetries: 0,
    configuration: { baseURL: `${url}/v1` },
    ...more,
  });
const anthropic = (url: string, more: object = {}): ChatAnthropic =>
  new ChatAnthropic({
    model: "claude-test",
    apiKey: "none",
    maxRetries: 0,
    anthropicApiUrl: url,
    ...more,
  });

interface Case {
  readonly events: Parameters<typeof startProvider>[0];
  readonly model: (url: string) => BaseChatModel | Promise<BaseChatModel>;
  /** What the provider is sent of it, and what of that may not be called. */
  readonly sent: string;
  readonly forbidden: string;
  /** What stays. */
  readonly stays?: string;
}

const CASES: Readonly<Record<string, Case>> = {
  "ChatOpenAI with modelKwargs": {
    events: completionEvents("ok"),
    model: (url) => openAI(url, { useResponsesApi: false, modelKwargs: { tools: [SEARCH, FUNCTION] } }),
    sent: "web_search_preview",
    forbidden: "web_search_preview",
    stays: "fetch",
  },
  "ChatOpenAI with a search option": {
    events: completionEvents("ok"),
    model: (url) => openAI(url, { useResponsesApi: false, modelKwargs: { web_search_options: {} } }),
    sent: "web_search_options",
    forbidden: "web_search_options",
  },
  "ChatOpenAI with responses": {
    events: responseEvents("ok"),
    model: (url) => openAI(url, { useResponsesApi: true, modelKwargs: { tools: [SEARCH, FUNCTION] } }),
    sent: "web_search_preview",
    forbidden: "web_search_preview",
    stays: "fetch",
  },
  "ChatOpenAI with a configuration": {
    events: completionEvents("ok"),
    model: (url) =>
      openAI(url, { useResponsesApi: false }).withConfig({
        tools: [FUNCTION],
        tool_choice: "fetch",
      }) as never,
    sent: "fetch",
    forbidden: "fetch",
  },
  "ChatAnthropic with invocationKwargs": {
    events: messageEvents("ok"),
    model: (url) =>
      anthropic(url, { invocationKwargs: { tools: [{ type: "web_search_20250305", name: "web_search" }] } }),
    sent: "web_search_20250305",
    forbidden: "web_search",
  },
  "ChatAnthropic with a configuration": {
    events: messageEvents("ok"),
    model: (url) => anthropic(url).withConfig({ mcp_servers: [mcp("one"), mcp("two")] } as never) as never,
    sent: '"two"',
    forbidden: "two",
    stays: '"one"',
  },
  "a model that is chosen by its name": {
    events: completionEvents("ok"),
    model: (url) =>
      initChatModel("gpt-test", {
        modelProvider: "openai",
        apiKey: "none",
        useResponsesApi: false,
        configuration: { baseURL: `${url}/v1` },
        modelKwargs: { web_search_options: {} },
      }),
    sent: "web_search_options",
    forbidden: "web_search_options",
  },
};

/** The server streams, whatever it is asked for: what it was sent is all that counts here. */
const whateverComes = async (answer: PromiseLike<unknown>): Promise<void> => {
  await answer.then(undefined, () => undefined);
};

type Ask = (plane: AgentPlane, model: BaseChatModel) => Promise<unknown>;

const ASKED: Readonly<Record<string, Ask>> = {
  "an agent": (plane, model) =>
    createAgent(govern(plane, { agent: "a" }, { model, tools: [] })).invoke({
      messages: [{ role: "user", content: "go" }],
    }),
  "a guarded model": async (plane, model) => guardModel(plane, { agent: "a" }, model).invoke("go"),
  "a guarded stream": async (plane, model) => {
    for await (const chunk of await guardModel(plane, { agent: "a" }, model).stream("go"))
      expect(chunk).toBeDefined();
  },
};

/** An agent gives its model a configuration of its own, which has the agent's tools. */
const PAIRS = Object.keys(CASES)
  .flatMap((what) => Object.keys(ASKED).map((how) => [what, how] as const))
  .filter(([what, how]) => what !== "ChatOpenAI with a configuration" || how !== "an agent");

describe("what a model offers by itself", () => {
  it.each(PAIRS)("is left out where it may not run: %s, in %s", async (what, how) => {
    const { events, model, sent, forbidden, stays } = CASES[what]!;
    const server = await startProvider(events);
    onTestFinished(() => server.close());
    const made = await model(server.url);
    for (const plane of [planeOf(), denying(forbidden)]) {
      const asked = ASKED[how]?.(plane, made);
      // oxlint-disable-next-line no-await-in-loop -- one request after the other
      if (asked !== undefined) await whateverComes(asked);
    }
    const [open, governed] = server.requests.map((body) => JSON.stringify(body));
    expect(open).toContain(sent);
    expect(governed).not.toContain(sent);
    expect(governed).toContain(stays ?? "test");
    expect(governed).not.toContain("tool_choice");
  });

  it("is not offered again by the model's own configuration, streamed or not", async () => {
    const server = await startProvider(completionEvents("ok"));
    onTestFinished(() => server.close());
    const { tool: wipe } = countingTool("wipe");
    const bound = guardModel(
      denying("wipe"),
      { agent: "a" },
      openAI(server.url, { useResponsesApi: false }),
    ).bindTools([wipe]);
    for await (const chunk of await bound.stream("go")) expect(chunk).toBeDefined();
    await whateverComes(bound.invoke("go"));
    expect(server.requests).toHaveLength(2);
    expect(JSON.stringify(server.requests)).not.toContain("wipe");
  });

  it("stops the call where the model cannot be copied without it", async () => {
    class PrivateModel extends ChatOpenAI {
      readonly #own = "x";
      own(): string {
        return this.#own;
      }
    }
    const server = await startProvider(completionEvents("ok"));
    onTestFinished(() => server.close());
    const model = new PrivateModel({
      model: "gpt-test",
      apiKey: "none",
      configuration: { baseURL: `${server.url}/v1` },
      modelKwargs: { web_search_options: {} },
    });
    await expect(ASKED["an agent"]?.(denying("*"), model)).rejects.toThrow(/cannot be copied without it/);
    expect(server.requests).toEqual([]);
  });
});

const HOSTED = { type: "mcp", server_label: "wiki", server_url: "http://127.0.0.1" };

describe("the tools of a remote server that a call names", () => {
  const keep = ({ name }: { readonly name: string }) => name !== "wipe";

  it.each([
    ["a list", { ...HOSTED, allowed_tools: ["read", "wipe"] }, { ...HOSTED, allowed_tools: ["read"] }],
    [
      "a filter",
      { ...HOSTED, allowed_tools: { tool_names: ["read", "wipe"] } },
      { ...HOSTED, allowed_tools: { tool_names: ["read"] } },
    ],
    [
      "a configuration",
      {
        type: "mcp",
        server_label: "w",
        tool_configuration: { enabled: true, allowed_tools: ["wipe", "read"] },
      },
      { type: "mcp", server_label: "w", tool_configuration: { enabled: true, allowed_tools: ["read"] } },
    ],
    [
      "a set",
      {
        type: "mcp_toolset",
        mcp_server_name: "w",
        default_config: { enabled: false },
        configs: { read: {}, wipe: { enabled: true } },
      },
      {
        type: "mcp_toolset",
        mcp_server_name: "w",
        default_config: { enabled: false },
        configs: { read: {} },
      },
    ],
  ])("are those alone that may be called, in %s", (_what, given, left) => {
    expect(keptTool(given, keep)).toEqual(left);
    expect(keptTool(given, ({ name }) => name !== "wipe" && name !== "read")).toBeUndefined();
    expect(keptTool(given, () => true)).toBe(given);
    expect(toolsOf(given).map(({ name }) => name)).toEqual(expect.arrayContaining(["wipe", "read"]));
  });

  it("reach the provider without the forbidden one", async () => {
    const server = await startProvider(responseEvents("ok"));
    onTestFinished(() => server.close());
    const model = openAI(server.url, { useResponsesApi: true });
    const tools = [{ ...HOSTED, allowed_tools: ["read", "wipe"] }];
    const plane = denying("wiki/wipe");
    const agent = createAgent(govern(plane, { agent: "a" }, { model, tools: tools as never }));
    await whateverComes(agent.invoke({ messages: [{ role: "user", content: "go" }] }));
    await whateverComes(guardModel(plane, { agent: "a" }, model).invoke("go", { tools }));
    expect(server.requests).toHaveLength(2);
    for (const request of server.requests)
      expect(request["tools"]).toMatchObject([{ server_label: "wiki", allowed_tools: ["read"] }]);
  });
});
