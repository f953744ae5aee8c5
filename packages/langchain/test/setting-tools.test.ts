import { rule, type AgentPlane } from "@agentplane/core";
import { createAgent, createMiddleware, type AnyAgentMiddleware } from "langchain";
import { afterEach, describe, expect, it } from "vitest";

import { govern } from "../src/index.ts";
import { keptSettings, settingTools } from "../src/offer/setting-tools.ts";
import { planeOf } from "./governed-agent.ts";
import { PROVIDERS } from "./provider-models.ts";
import { startProvider, type ProviderServer } from "./provider-server.ts";

const SEARCH = { type: "web_search_preview" };
const FETCH = { type: "function", function: { name: "fetch", parameters: {} } };
const READ_ONLY = { kind: "agent", id: "a" } as const;

describe("tools that settings of a call offer", () => {
  const servers: ProviderServer[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  /** What a provider is sent when a middleware gives a call these settings. */
  async function sent(name: string, plane: AgentPlane, modelSettings: object): Promise<string> {
    const provider = PROVIDERS.find((one) => one.name === name)!;
    const server = await startProvider(provider.events("ok"));
    servers.push(server);
    const offering = createMiddleware({
      name: "offering",
      wrapModelCall: (request, handler) => handler({ ...request, modelSettings: { ...modelSettings } }),
    });
    const agent = createAgent(
      govern(
        plane,
        { agent: "a" },
        {
          model: provider.model(server.url),
          tools: [],
          middleware: [offering as AnyAgentMiddleware],
        },
      ),
    );
    // The server streams, whatever it is asked for: what it was sent is all that counts here.
    await agent.invoke({ messages: [{ role: "user", content: "go" }] }).catch(() => undefined);
    expect(server.requests).toHaveLength(1);
    return JSON.stringify(server.requests[0]);
  }

  const [CHAT, RESPONSES, ANTHROPIC] = PROVIDERS.map(({ name }) => name) as [string, string, string];
  const denying = (...tools: string[]) => planeOf([{ id: "d", blocking: [rule.denylist({ tools })] }]);

  it.each([CHAT, RESPONSES])("are left out where they may not run: %s", async (name) => {
    const both = { tools: [SEARCH, FETCH] };
    expect(await sent(name, planeOf(), both)).toContain("web_search_preview");
    const body = await sent(name, denying("web_search_preview"), both);
    expect(body).not.toContain("web_search_preview");
    expect(body).toContain("fetch");
    expect(await sent(name, denying("*"), both)).not.toContain('"tools"');
  });

  it.each(["NO_EXTERNAL", "SAFE_TOOLS_ONLY"] as const)("are left out under %s", async (mode) => {
    const plane = planeOf();
    await plane.controls.degrade(READ_ONLY, mode, { by: "olga", reason: "drill" });
    expect(await sent(RESPONSES, plane, { tools: [SEARCH] })).not.toContain("web_search");
  });

  it("are known by their option where they have no name, and nothing else is touched", () => {
    const settings = {
      web_search_options: {},
      plugins: [{ id: "x" }],
      googleSearch: null,
      headers: { a: "b" },
    };
    expect(settingTools(settings).map(({ name }) => name)).toEqual(["web_search_options", "plugins"]);
    expect(keptSettings(settings, () => false)).toEqual({ googleSearch: null, headers: { a: "b" } });
    expect(keptSettings(settings, () => true)).toBe(settings);
  });

  it("are MCP servers, each by its name", async () => {
    const mcp = {
      mcp_servers: ["one", "two"].map((name) => ({ type: "url", name, url: "http://127.0.0.1" })),
    };
    const open = await sent(ANTHROPIC, planeOf(), mcp);
    const body = await sent(ANTHROPIC, denying("two"), mcp);
    expect([open.includes('"two"'), body.includes('"one"'), body.includes('"two"')]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it("are named to the rules that look at the call", async () => {
    const plane = planeOf();
    const offered: unknown[] = [];
    plane.hooks.on("before_model_call", ({ model }) => void offered.push(model?.tools));
    await sent(RESPONSES, plane, { tools: [SEARCH] });
    expect(offered).toEqual([["web_search_preview"]]);
  });
});
