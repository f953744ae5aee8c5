import { rule, type AgentPlane, type Policy } from "@agentplane/core";
import type { BaseChatModel } from "@langchain/core/language_models/chat_models";
import { createAgent } from "langchain";
import { describe, expect, it, onTestFinished } from "vitest";

import { govern } from "../src/index.ts";
import { guardModel } from "../src/langgraph.ts";
import { countingTool, planeOf } from "./governed-agent.ts";
import { CHANNELS, type Channel } from "./provider-channels.ts";
import { PROVIDERS, type ProviderKind } from "./provider-models.ts";
import { startProvider, type ServerEvent } from "./provider-server.ts";

const SECRET = "bob@example.com";
const REDACT: Policy = { id: "r", blocking: [rule.redact({ detect: ["email"] })] };
const input = { messages: [{ role: "user", content: "go" }] };

async function all(stream: AsyncIterable<unknown>): Promise<string> {
  const events: unknown[] = [];
  for await (const event of stream) events.push(event);
  return JSON.stringify(events);
}

/** Everything that can be seen of a model call, by each way to make one. */
type Seen = () => Promise<string>;

/** The first turn of an agent: a call it asks for is answered by nothing more. */
function agentWays(kind: ProviderKind, plane: AgentPlane, url: string): readonly Seen[] {
  const { tool } = countingTool("note");
  const agent = createAgent(govern(plane, { agent: "a" }, { model: kind.model(url), tools: [tool] }));
  return [
    async () => all(await agent.stream(input, { streamMode: ["messages", "updates", "values"] })),
    async () => all(agent.streamEvents(input, { version: "v2" })),
    async () => all(await agent.streamEvents(input, { version: "v3" })),
  ];
}

function modelWays(kind: ProviderKind, plane: AgentPlane, url: string): readonly Seen[] {
  const told: unknown[] = [];
  const callbacks = [
    {
      handleLLMNewToken: (...args: unknown[]) => void told.push(args[0], args[4]),
      handleLLMEnd: (end: unknown) => void told.push(end),
    },
  ];
  // Each of the two has its own overloads of the same methods.
  const model: BaseChatModel = guardModel(plane, { agent: "a" }, kind.model(url));
  return [
    async () => (await all(await model.stream("go", { callbacks }))) + JSON.stringify(told),
    async () => all(model.streamEvents("go", { version: "v2" })),
    async () => all(model.streamEvents("go", { version: "v3" } as never) as never),
  ];
}

const CASES = PROVIDERS.flatMap((kind) =>
  Object.keys(CHANNELS[kind.name] ?? {}).flatMap((channel) =>
    [["an agent", agentWays] as const, ["a guarded model", modelWays] as const].map(([what, ways]) => ({
      kind,
      channel: channel as Channel,
      what,
      ways,
      name: kind.name,
    })),
  ),
);

describe.each(CASES)("the $channel that $name streams to $what", ({ kind, channel, ways }) => {
  it("shows nothing of a secret that is split at any place", async () => {
    const eventsOf = CHANNELS[kind.name]?.[channel];
    let events: readonly ServerEvent[] = [];
    // The turn after a tool call is an ordinary answer.
    let turn = 0;
    const server = await startProvider(() => (turn++ === 0 ? events : kind.events("done ", "now")));
    onTestFinished(() => server.close());
    for (let at = 1; at < SECRET.length; at++) {
      events = eventsOf?.(["mail ", SECRET.slice(0, at), SECRET.slice(at), " now"]) ?? [];
      for (const way of ways(kind, planeOf([REDACT]), server.url)) {
        turn = 0;
        // oxlint-disable-next-line no-await-in-loop -- one call after the other
        const seen = await way();
        expect(seen, `cut after ${at}`).toContain("mail ");
        expect(seen, `cut after ${at}`).toMatch(/ now/);
        expect(seen, `cut after ${at}`).not.toMatch(/bob|example\.c|@exa/);
      }
    }
  });
});
