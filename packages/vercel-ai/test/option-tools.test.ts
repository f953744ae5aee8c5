import { createAnthropic } from "@ai-sdk/anthropic";
import type { AgentPlane } from "@agentplane/core";
import { generateText, type ModelMessage } from "ai";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { govern } from "../src/index.ts";
import { startLoopback, type Loopback } from "./loopback.ts";
import { asking, askingPlane, denying, planeOf, WHO } from "./planes.ts";
import { ScriptedModel } from "./scripted-model.ts";

const MODES = ["NO_EXTERNAL", "SAFE_TOOLS_ONLY", "READ_ONLY"] as const;
type Options = NonNullable<Parameters<typeof generateText>[0]["providerOptions"]>;

async function degraded(mode: (typeof MODES)[number]): Promise<AgentPlane> {
  const plane = planeOf();
  await plane.controls.degrade({ kind: "agent", id: "a" }, mode, { by: "olga" });
  return plane;
}

/** What the provider is told beside the prompt. */
async function sent(plane: AgentPlane, providerOptions: Options): Promise<unknown> {
  const model = new ScriptedModel([]);
  await generateText(govern(plane, WHO, { model, prompt: "go", providerOptions }));
  return model.requests[0]?.providerOptions;
}

describe("MCP servers that the provider calls", () => {
  let server: Loopback;
  beforeEach(async () => {
    server = await startLoopback((_request, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      const content = [{ type: "text", text: "hi" }];
      const usage = { input_tokens: 3, output_tokens: 2 };
      const stop_reason = "end_turn";
      response.end(
        JSON.stringify({
          id: "m1",
          type: "message",
          role: "assistant",
          model: "c",
          content,
          stop_reason,
          usage,
        }),
      );
    });
  });
  afterEach(() => server.close());

  const ask = async (plane: AgentPlane): Promise<string> => {
    const anthropic = createAnthropic({ apiKey: "none", baseURL: `${server.url}/v1` });
    const github = { type: "url", name: "github", url: "https://mcp.example/github" };
    const providerOptions = { anthropic: { mcpServers: [github] } };
    await generateText(
      govern(plane, WHO, { model: anthropic("claude-test"), prompt: "go", providerOptions }),
    );
    return server.bodies[0] ?? "";
  };

  it("are in the request while nothing forbids them", async () => {
    expect(await ask(planeOf())).toContain("mcp.example");
  });

  for (const mode of MODES)
    it(`are taken out of it under ${mode}`, async () => {
      expect(await ask(await degraded(mode))).not.toContain("mcp.example");
    });

  it("keep the tools of their list that no policy forbids, and go with the last one", async () => {
    const listed = (...allowedTools: string[]) => ({
      anthropic: {
        mcpServers: [{ name: "github", url: "u", toolConfiguration: { allowedTools } }],
        speed: "fast",
      },
    });
    const plane = askingPlane([denying("wipe"), asking("pay")]);
    expect(await sent(plane, listed("wipe", "read", "pay"))).toEqual(listed("read"));
    expect(await sent(plane, listed("wipe", "pay"))).toEqual({ anthropic: { speed: "fast" } });
    expect(await sent(plane, listed("read"))).toEqual(listed("read"));
  });
});

describe("what else a provider does by an option", () => {
  const OPTIONS: readonly Options[] = [
    { xai: { searchParameters: { mode: "auto" } } },
    { google: { useSearchGrounding: true } },
    { "my-provider": { web_search_options: {} } },
    { openrouter: { extraBody: { plugins: [{ id: "web" }] } } },
    { custom: { mcp_servers: [{ name: "x", tool_configuration: { allowed_tools: ["read"] } }] } },
    { custom: { mcpServers: "all" } },
    { custom: { tools: [{ type: "web_search" }] } },
    { alibaba: { enableSearch: true } },
    { azure: { data_sources: [{ type: "azure_search" }] } },
  ];
  for (const options of OPTIONS)
    it(`is left out when a mode forbids it: ${JSON.stringify(options)}`, async () => {
      expect(await sent(planeOf(), options)).toEqual(options);
      for (const mode of MODES) {
        // oxlint-disable-next-line no-await-in-loop -- one mode after the other
        const left = JSON.stringify(await sent(await degraded(mode), options));
        expect(left).not.toMatch(/search|mcp|plugins|tools|sources/i);
      }
    });

  it("stays where it is off, and what is no tool stays beside it", async () => {
    const options = {
      xai: { searchParameters: { mode: "off" }, user: "u" },
      google: { useSearchGrounding: false },
    };
    expect(await sent(await degraded("NO_EXTERNAL"), options)).toEqual(options);
  });

  it("is known to policies by its name and its provider's", async () => {
    const options = { xai: { searchParameters: { mode: "on" }, user: "u" } };
    for (const name of ["searchParameters", "xai.searchParameters"])
      // oxlint-disable-next-line no-await-in-loop -- one policy after the other
      expect(await sent(planeOf([denying(name)]), options)).toEqual({ xai: { user: "u" } });
  });
});

it("is left as it is by a plane that forbids nothing, whatever it is called", async () => {
  const servers = ["my server", "ü/../x", "__proto__", "a".repeat(500)];
  const mcpServers = [
    {},
    "x",
    ...servers.map((name) => ({ name, toolConfiguration: { allowedTools: [name] } })),
  ];
  const options = { anthropic: { mcpServers }, agentplane: { session: "s" } } as Options;
  expect(await sent(planeOf(), options)).toEqual({ anthropic: { mcpServers } });
});

describe("a tool of the provider that a message brings", () => {
  const search = { type: "provider", id: "anthropic.web_search", name: "web_search", args: {} };
  const own = { type: "function", name: "read", inputSchema: {} };
  const added = (tool: typeof search | typeof own): ModelMessage[] => [
    { role: "user", content: "go" },
    {
      role: "user",
      content: [
        {
          type: "text",
          text: "more",
          providerOptions: { anthropic: { toolChanges: [{ type: "tool_addition", tool }] as never } },
        },
      ],
    },
  ];
  const system = (tool: object): ModelMessage[] => [
    { role: "user", content: "go", providerOptions: { openai: { additionalTools: [tool] as never } } },
  ];

  for (const [what, messages] of [
    ["a part", added(search)],
    ["a message", system({ type: "web_search" })],
    ["a message, as an MCP server", system({ type: "mcp", serverLabel: "github" })],
  ] as const)
    it(`is refused with the call under a mode: in ${what}`, async () => {
      const model = new ScriptedModel([]);
      const call = govern(await degraded("NO_EXTERNAL"), WHO, { model, messages: [...messages] });
      await expect(generateText(call)).rejects.toMatchObject({ code: "policy_degraded" });
      expect(model.requests).toEqual([]);
      await generateText(govern(planeOf(), WHO, { model, messages: [...messages] }));
      expect(model.requests).toHaveLength(1);
    });

  it("is no question where it runs here: its calls are decided", async () => {
    const model = new ScriptedModel([]);
    await generateText(govern(await degraded("NO_EXTERNAL"), WHO, { model, messages: added(own) }));
    expect(model.requests).toHaveLength(1);
  });
});
