import { rule, type Policy } from "@agentplane/core";
import { createAgent, createMiddleware } from "langchain";
import { describe, expect, it } from "vitest";

import { govern } from "../src/index.ts";
import { countingTool, governedAgent, planeOf } from "./governed-agent.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

const input = { messages: [{ role: "user", content: "go" }] };

describe("govern", () => {
  it("puts the model's interception first and the calls' last, and leaves the parameters alone", () => {
    const params = { model: new ScriptedChatModel(), middleware: [createMiddleware({ name: "mine" })] };
    const governed = govern(planeOf(), { agent: "a" }, params);
    expect(governed.middleware.map(({ name }) => name)).toEqual([
      "agentplane.model",
      "mine",
      "agentplane.calls",
    ]);
    expect(params.middleware).toHaveLength(1);
    expect(governed.model).toBe(params.model);
  });

  it("can be applied twice: two planes both decide", async () => {
    const deny: Policy = { id: "deny", blocking: [rule.denylist({ tools: ["wipe"] })] };
    const wipe = countingTool("wipe");
    const model = new ScriptedChatModel({ calls: [{ name: "wipe" }] });
    const inner = govern(planeOf([deny], { id: "inner" }), { agent: "a" }, { model, tools: [wipe.tool] });
    const agent = createAgent(govern(planeOf([], { id: "outer" }), { agent: "a" }, inner));
    await agent.invoke(input);
    expect(wipe.runs).toEqual([]);
  });

  it("keeps two agents of one plane apart", async () => {
    const deny: Policy = {
      id: "deny",
      selector: { agents: ["b"] },
      blocking: [rule.denylist({ tools: ["wipe"] })],
    };
    const plane = planeOf([deny]);
    const wipe = countingTool("wipe");
    for (const agent of ["a", "b"]) {
      const model = new ScriptedChatModel({ calls: [{ name: "wipe" }] });
      // oxlint-disable-next-line no-await-in-loop -- one agent after the other
      await governedAgent({ plane, model, tools: [wipe.tool], identity: { agent } }).run();
    }
    expect(wipe.runs).toHaveLength(1);
  });

  it("costs no step of the recursion limit and adds no entry to the updates", async () => {
    const { tool } = countingTool("read");
    const bare = await updates(createAgent({ model: twoReads(), tools: [tool] }));
    const governed = await updates(
      createAgent(govern(planeOf(), { agent: "a" }, { model: twoReads(), tools: [tool] })),
    );
    expect(governed).toEqual(bare);
  });
});

function twoReads(): ScriptedChatModel {
  return new ScriptedChatModel({ calls: [{ name: "read" }] }, { calls: [{ name: "read" }] }, { text: "end" });
}

async function updates(agent: {
  stream(
    given: typeof input,
    options: { streamMode: "updates"; recursionLimit: number },
  ): Promise<AsyncIterable<object>>;
}): Promise<string[]> {
  const names: string[] = [];
  for await (const update of await agent.stream(input, { streamMode: "updates", recursionLimit: 6 }))
    names.push(...Object.keys(update));
  return names;
}
