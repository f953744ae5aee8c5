import type { BaseMessage } from "@langchain/core/messages";
import { MemorySaver, MessagesAnnotation, StateGraph } from "@langchain/langgraph";
import { ToolNode, toolsCondition } from "@langchain/langgraph/prebuilt";
import * as fc from "fast-check";
import { expect, it } from "vitest";

import { GuardedToolNode, guardModel, guardTool } from "../../src/langgraph.ts";
import { planeOf } from "../governed-agent.ts";
import { MODES, watched, type Watched, type Watching } from "../played-watch.ts";
import { TOOLS, toolsOf } from "../played-parts.ts";
import { ScriptedChatModel, type Turn } from "../scripted-chat-model.ts";

/** Who governs the graph: nobody, its model and its tool node, or its model and each tool of a plain node. */
type Way = "free" | "node" | "tools";

interface Script extends Watching {
  readonly turns: readonly Turn[];
}

async function play(script: Script, way: Way): Promise<unknown> {
  const [runs, identity, plane] = [[] as unknown[], { agent: "a" }, planeOf()];
  const { turns, hasThread } = script;
  const model = new ScriptedChatModel(...turns);
  const tools = toolsOf(runs, (_, params) => params) as ConstructorParameters<typeof ToolNode>[0];
  const asked = way === "free" ? model : guardModel(plane, identity, model);
  const node = {
    free: () => new ToolNode(tools),
    node: () => new GuardedToolNode(plane, identity, tools),
    tools: () => new ToolNode(tools.map((one) => guardTool(plane, identity, one as never))),
  }[way]();
  const graph: unknown = new StateGraph(MessagesAnnotation)
    .addNode("agent", async ({ messages }: { messages: BaseMessage[] }) => ({
      messages: [await asked.invoke(messages)],
    }))
    .addNode("tools", node)
    .addEdge("__start__", "agent")
    .addConditionalEdges("agent", toolsCondition, ["tools", "__end__"])
    .addEdge("tools", "agent")
    .compile(hasThread ? { checkpointer: new MemorySaver() } : {});
  const isParallel = turns.some(({ calls = [] }) => calls.length > 1);
  return watched(() => graph as Watched, script, { runs, told: [], model, isParallel });
}

const word = fc.constantFrom("hello ", "bob@example.com ", "", '{"a":1} ');
/** A plain ToolNode runs a turn again from the top after an interrupt, which the guarded one is there to prevent. */
const ASKING = ["asking", "agent", "agent of its own"];
const callOf = (names: readonly string[]) =>
  fc.record({ name: fc.constantFrom(...names), args: fc.record({ text: word, more: fc.integer() }) });
const calls = fc.oneof(
  fc.array(callOf(TOOLS.filter((name) => !ASKING.includes(name))), { maxLength: 3 }),
  fc.array(callOf(ASKING), { minLength: 1, maxLength: 1 }),
);
const turn: fc.Arbitrary<Turn> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ text: word, calls }) },
  { weight: 1, arbitrary: fc.constant({ error: new TypeError("the provider is down") }) },
);
const script: fc.Arbitrary<Script> = fc.record({
  turns: fc.array(turn, { minLength: 1, maxLength: 4 }),
  mode: fc.constantFrom(...MODES),
  hasThread: fc.boolean(),
  isRestarted: fc.constant(false),
});

it.each(["node", "tools"] as const)(
  "under a plane that allows everything a graph is what it is without it: guarded model and %s",
  async (way) => {
    await fc.assert(
      fc.asyncProperty(script, async (one) => {
        expect(await play(one, way)).toEqual(await play(one, "free"));
      }),
      { numRuns: 12 },
    );
  },
  120_000,
);
