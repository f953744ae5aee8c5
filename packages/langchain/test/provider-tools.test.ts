import { createAgent } from "langchain";
import { describe, expect, it, onTestFinished } from "vitest";

import { govern } from "../src/index.ts";
import { countingTool, planeOf } from "./governed-agent.ts";
import { PROVIDERS } from "./provider-models.ts";
import { startProvider } from "./provider-server.ts";

const input = { messages: [{ role: "user", content: "go" }] };
const OPERATOR = { by: "olga", reason: "a leak" };

/** A tool that runs at the provider, in the words of each that has one: chat completions have none. */
const HOSTED: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "ChatOpenAI with responses": { type: "web_search_preview" },
  ChatAnthropic: { type: "web_search_20250305", name: "web_search" },
};

describe.each(PROVIDERS.filter(({ name }) => name in HOSTED))("a tool that $name runs itself", (kind) => {
  const hosted = HOSTED[kind.name]!;

  /** What the provider is sent of tools, before and after the mode. */
  async function offered(change: (plane: ReturnType<typeof planeOf>) => unknown): Promise<readonly string[]> {
    const server = await startProvider(kind.events("ok"));
    onTestFinished(() => server.close());
    const plane = planeOf([], { tools: { read: { access: "read", external: false } } });
    const tools = [countingTool("read").tool, countingTool("fetch").tool, hosted];
    const agent = createAgent(
      govern(plane, { agent: "a" }, { model: kind.model(server.url), tools: tools as never }),
    );
    const run = async (): Promise<void> => {
      for await (const _ of await agent.stream(input, { streamMode: "messages" }));
    };
    await run();
    await change(plane);
    await run();
    expect(server.requests).toHaveLength(2);
    return server.requests.map(({ tools: sent }) => JSON.stringify(sent));
  }

  it("is not offered to the model under NO_EXTERNAL, nor is what may be external; the rest is", async () => {
    const [open, degraded] = await offered(({ controls }) =>
      controls.degrade({ kind: "agent", id: "a" }, "NO_EXTERNAL", OPERATOR),
    );
    for (const name of [String(hosted["type"]), '"read"', '"fetch"']) expect(open).toContain(name);
    expect(degraded).toContain('"read"');
    expect(degraded).not.toContain(String(hosted["type"]));
    expect(degraded).not.toContain('"fetch"');
  });

  it("is offered where the mode is another agent's", async () => {
    const [, degraded] = await offered(({ controls }) =>
      controls.degrade({ kind: "agent", id: "b" }, "NO_EXTERNAL", OPERATOR),
    );
    expect(degraded).toContain(String(hosted["type"]));
  });
});
