import { memoryState, type AgentPlane } from "@agentplane/core";
import {
  Command,
  interrupt,
  MemorySaver,
  MessagesAnnotation,
  StateGraph,
  type LangGraphRunnableConfig,
} from "@langchain/langgraph";
import { describe, expect, it } from "vitest";

import { guardModel, guardTool } from "../../src/langgraph.ts";
import { countingTool, planeOf } from "../governed-agent.ts";
import { ScriptedChatModel } from "../scripted-chat-model.ts";

const identity = { agent: "a" };

/** A graph of one node, which does what a test says. */
function nodeOf(
  plane: AgentPlane,
  work: (config: LangGraphRunnableConfig) => Promise<unknown>,
  checkpointer = new MemorySaver(),
) {
  const effects: string[] = [];
  plane.on("decision", ({ decision }) => void effects.push(decision.effect));
  const graph = new StateGraph(MessagesAnnotation)
    .addNode("work", async (_state, config) => {
      await work(config);
      return {};
    })
    .addEdge("__start__", "work")
    .compile({ checkpointer });
  const config = { configurable: { thread_id: "t1" } };
  return {
    effects,
    run: () => graph.invoke({ messages: [] }, config),
    resume: () => graph.invoke(new Command({ resume: "yes" }), config),
  };
}

describe("calls without an id of their own in one node", () => {
  it("are told apart, also when they say the same to two models at once", async () => {
    const plane = planeOf();
    const bare = [new ScriptedChatModel(), new ScriptedChatModel()];
    const [one, two] = bare.map((model) => guardModel(plane, identity, model));
    const { run, effects } = nodeOf(plane, async () => {
      await Promise.all([one?.invoke("go"), two?.invoke("go"), one?.invoke("go")]);
      await one?.invoke("go");
    });
    await run();
    expect(bare.map(({ prompts }) => prompts.length)).toEqual([3, 1]);
    expect(effects).toEqual(["allow", "allow", "allow", "allow"]);
  });

  it("are made again when the node runs again after an interrupt of its own", async () => {
    const plane = planeOf();
    const model = new ScriptedChatModel();
    const { tool, runs } = countingTool("read");
    const [guarded, read] = [guardModel(plane, identity, model), guardTool(plane, identity, tool)];
    const { run, resume, effects } = nodeOf(plane, async (config) => {
      await guarded.invoke("go");
      await read.invoke({ id: 1 }, config);
      interrupt("go on?");
      await guarded.invoke("go");
    });
    await run();
    await resume();
    expect(model.prompts).toHaveLength(3);
    expect(runs).toHaveLength(2);
    expect(new Set(effects)).toEqual(new Set(["allow"]));
  });

  it("are made again when another process goes on with the node", async () => {
    const [state, checkpointer, model] = [memoryState(), new MemorySaver(), new ScriptedChatModel()];
    const inProcess = () => {
      const guarded = guardModel(planeOf([], { state }), identity, model);
      return nodeOf(
        planeOf(),
        async () => {
          await guarded.invoke("go");
          interrupt("go on?");
        },
        checkpointer,
      );
    };
    await inProcess().run();
    await inProcess().resume();
    expect(model.prompts).toHaveLength(2);
  });
});
