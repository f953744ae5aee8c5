import type { Policy } from "@agentplane/core";
import { createOpenAI } from "@ai-sdk/openai";
import { generateText } from "ai";
import { describe, expect, it } from "vitest";

import { govern } from "../src/index.ts";
import { asking, askingPlane, decisionsOf, denying, NO_EMAILS, planeOf, WHO } from "./planes.ts";
import { ScriptedModel } from "./scripted-model.ts";

type Options = NonNullable<Parameters<typeof generateText>[0]["providerOptions"]>;

const { tools: openai } = createOpenAI({ apiKey: "none" });
const server = (allowedTools?: Parameters<typeof openai.mcp>[0]["allowedTools"]) =>
  openai.mcp({
    serverLabel: "github",
    serverUrl: "https://mcp.example",
    ...(allowedTools && { allowedTools }),
  });

describe("a hosted MCP server that is a tool of the request", () => {
  const offered = async (plane: ReturnType<typeof planeOf>, hosted: ReturnType<typeof server>) => {
    const model = new ScriptedModel([]);
    await generateText(govern(plane, WHO, { model, tools: { hosted }, prompt: "go" }));
    const { tools = [] } = model.requests[0] ?? {};
    return tools.map((tool) => (tool.type === "provider" ? tool.args["allowedTools"] : tool));
  };

  it("keeps the tools of its list that no policy forbids or asks about, and goes with the last one", async () => {
    const plane = askingPlane([denying("wipe"), asking("pay")]);
    expect(await offered(plane, server(["wipe", "read", "pay"]))).toEqual([["read"]]);
    expect(await offered(plane, server({ toolNames: ["wipe", "read"] }))).toEqual([{ toolNames: ["read"] }]);
    expect(await offered(plane, server(["wipe"]))).toEqual([]);
    expect(await offered(plane, server({ toolNames: ["pay"] }))).toEqual([]);
    expect(await offered(plane, server(["read"]))).toEqual([["read"]]);
    expect(await offered(planeOf(), server(["wipe"]))).toEqual([["wipe"]]);
  });

  it("is known by its own name, the provider's and the application's, and by its tools behind its name", async () => {
    for (const name of ["hosted", "openai.mcp", "github/*"])
      // oxlint-disable-next-line no-await-in-loop -- one policy after the other
      expect(await offered(planeOf([{ ...denying(name), id: "p" }]), server())).toEqual([]);
    expect(await offered(planeOf([denying("github/wipe")]), server(["wipe", "read"]))).toEqual([["read"]]);
  });

  it("without a list goes where a policy, a plug or a hook could stop a tool of it, or ask", async () => {
    for (const policy of [denying("wipe"), asking("wipe"), asking("github/wipe")])
      // oxlint-disable-next-line no-await-in-loop -- one policy after the other
      expect(await offered(askingPlane([policy]), server())).toEqual([]);
    expect(await offered(askingPlane([denying("wipe")]), server({ readOnly: true }))).toEqual([]);
    const plane = planeOf();
    await plane.controls.unplug({ kind: "tool", id: "wipe" }, { by: "olga", reason: "stop" });
    expect(await offered(plane, server())).toEqual([]);
    const hooked = planeOf();
    hooked.hooks.on("before_tool_call", () => ({ block: "never" }), { filter: { tools: ["github/wipe"] } });
    expect(await offered(hooked, server())).toEqual([]);
    expect(await offered(planeOf([denying("other/wipe"), NO_EMAILS]), server(["read"]))).toHaveLength(1);
  });

  it("without a list stays where they could not", async () => {
    const shadow: Policy = { ...denying("wipe"), mode: "shadow" };
    for (const policies of [[], [NO_EMAILS], [asking("desk/wipe")], [shadow]])
      // oxlint-disable-next-line no-await-in-loop -- one plane after the other
      expect(await offered(askingPlane(policies), server())).toEqual([undefined]);
  });

  it("without a list denies a call that is forced to use it, and says what to do", async () => {
    const toolChoice = { type: "tool", toolName: "hosted" } as const;
    const tools = { hosted: server() };
    const model = new ScriptedModel([]);
    const plane = planeOf([denying("wipe")]);
    const decisions = decisionsOf(plane);
    const call = govern(plane, WHO, { model, tools, toolChoice, prompt: "go" });
    await expect(generateText(call)).rejects.toMatchObject({
      code: "policy_blocked",
      message: expect.stringContaining("List in the settings"),
    });
    expect(model.requests).toEqual([]);
    const refused = decisions.map(({ decision }) => decision).filter(({ effect }) => effect === "block");
    expect(refused).toMatchObject([
      { hookpoint: "before_tool_call", reason: expect.stringContaining("List in the settings") },
    ]);
  });

  it("says which of its tools denies a call that is forced to use it", async () => {
    const model = new ScriptedModel([]);
    const toolChoice = { type: "tool", toolName: "hosted" } as const;
    const call = govern(planeOf([denying("wipe")]), WHO, {
      model,
      tools: { hosted: server(["wipe"]) },
      toolChoice,
      prompt: "go",
    });
    await expect(generateText(call)).rejects.toMatchObject({
      code: "policy_blocked",
      message: expect.stringContaining("wipe"),
    });
    expect(model.requests).toEqual([]);
  });
});

it("lists of a server's tools are read in the provider's spelling too, each of several", async () => {
  const listed = (...names: string[]): Options => ({
    custom: { mcp_servers: [{ name: "github", tool_configuration: { allowed_tools: names } }] },
  });
  const sent = async (providerOptions: Options) => {
    const model = new ScriptedModel([]);
    await generateText(govern(planeOf([denying("wipe")]), WHO, { model, prompt: "go", providerOptions }));
    return model.requests[0]?.providerOptions;
  };
  expect(await sent(listed("wipe", "read"))).toEqual(listed("read"));
  expect(await sent(listed("wipe"))).toEqual({ custom: {} });
  const twice = { name: "github", allowedTools: ["read"], tool_configuration: { allowed_tools: ["wipe"] } };
  expect(await sent({ custom: { mcpServers: [twice] } })).toEqual({ custom: {} });
});

it("servers without a list go from the options where a policy could stop a tool of them", async () => {
  const sent = async (policy: Policy, providerOptions: Options) => {
    const model = new ScriptedModel([]);
    await generateText(govern(planeOf([policy]), WHO, { model, prompt: "go", providerOptions }));
    return model.requests[0]?.providerOptions;
  };
  const listed = { name: "desk", toolConfiguration: { allowedTools: ["read"] } };
  const both = { anthropic: { mcpServers: [{ name: "github" }, listed] } };
  expect(await sent(denying("wipe"), both)).toEqual({ anthropic: { mcpServers: [listed] } });
  expect(await sent(NO_EMAILS, both)).toEqual(both);
  expect(await sent(denying("wipe"), { custom: { mcpServers: "all", a: 1 } })).toEqual({ custom: { a: 1 } });
});

it("servers that are members by name, and one that is no list, are known by their names", async () => {
  const sent = async (providerOptions: Options) => {
    const model = new ScriptedModel([]);
    const plane = planeOf([{ ...denying("github/wipe"), selector: { tools: ["github/*"] } }]);
    await generateText(govern(plane, WHO, { model, prompt: "go", providerOptions }));
    return model.requests[0]?.providerOptions;
  };
  const desk = { url: "https://desk.example" };
  const listed = { url: "https://github.example", allowed_tools: ["read", "wipe"] };
  const servers = { github: { url: "https://github.example" }, desk };
  expect(await sent({ custom: { mcpServers: servers } })).toEqual({ custom: { mcpServers: { desk } } });
  expect(await sent({ custom: { mcp_servers: { github: listed } } })).toEqual({
    custom: { mcp_servers: { github: { ...listed, allowed_tools: ["read"] } } },
  });
  expect(await sent({ custom: { mcpServers: { github: desk } } })).toEqual({ custom: {} });
  for (const one of [
    { name: "github", ...desk },
    { server_label: "github", ...desk },
  ])
    // oxlint-disable-next-line no-await-in-loop -- one request after the other
    expect(await sent({ custom: { mcpServers: one } })).toEqual({ custom: {} });
  const other = { custom: { mcpServers: { name: "desk", ...desk } } };
  expect(await sent(other)).toEqual(other);
});

it("a server that nobody names may be any", async () => {
  const url = "https://mcp.example";
  const servers = ["all", [{ url }], { url }, [{ url, allowed_tools: ["read"] }]];
  const sent = async (policy: Policy, mcpServers: (typeof servers)[number]) => {
    const model = new ScriptedModel([]);
    const providerOptions = { custom: { mcpServers } };
    await generateText(govern(planeOf([policy]), WHO, { model, prompt: "go", providerOptions }));
    return model.requests[0]?.providerOptions;
  };
  const selecting = { ...denying("desk/wipe"), selector: { tools: ["desk/*"] } };
  for (const one of servers) {
    // oxlint-disable-next-line no-await-in-loop -- one request after the other
    expect(await sent(selecting, one)).toEqual({ custom: {} });
    // oxlint-disable-next-line no-await-in-loop
    expect(await sent(NO_EMAILS, one)).toEqual({ custom: { mcpServers: one } });
  }
});
