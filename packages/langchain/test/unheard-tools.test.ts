import { AsyncLocalStorage } from "node:async_hooks";

import { rule } from "@agentplane/core";
import { setContextVariable } from "@langchain/core/context";
import type { RunnableConfig } from "@langchain/core/runnables";
import { AsyncLocalStorageProviderSingleton } from "@langchain/core/singletons";
import { DynamicStructuredTool, tool, type StructuredToolInterface } from "@langchain/core/tools";
import { registerConfigureHook as registerOtherHook } from "langchain-core-lowest/context";
import { FakeListChatModel } from "langchain-core-lowest/utils/testing";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import * as z from "zod";

import { governedAgent, planeOf } from "./governed-agent.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

const about = { name: "work", description: "Works.", schema: z.object({ note: z.string() }) };
const outside = AsyncLocalStorage.snapshot();

beforeEach(() => void vi.spyOn(console, "warn").mockImplementation(() => undefined));
afterEach(() => void vi.restoreAllMocks());

/** Runs a tool in an agent that nobody listens to. @returns How many calls of models the plane has charged, the agent's two among them. */
async function charged(tools: readonly StructuredToolInterface[]): Promise<number> {
  const maxTokens = rule.tokenBudget({ maxTokens: 1_000_000, window: "1h", per: "agent" });
  const plane = planeOf([{ id: "budget", blocking: [maxTokens] }]);
  let used = 0;
  plane.on("outcome", ({ usage }) => void (usage?.outputTokens !== undefined && used++));
  const model = new ScriptedChatModel({ calls: [{ name: "work", args: { note: "n" } }] }, { text: "done" });
  const { toolMessages } = await governedAgent({ plane, model, tools }).run();
  expect(toolMessages.map(({ status, text }) => [status, text])).toStrictEqual([["success", "ok"]]);
  return used;
}

describe("a tool that nobody hears of is charged for a model", () => {
  const inner = () => new ScriptedChatModel({ text: "fine" });

  it("that its function asks, with the configuration around it or with none", async () => {
    const work = tool(async () => {
      await inner().invoke("a");
      await inner().invoke("b", { callbacks: [] });
      return "ok";
    }, about);
    expect(await charged([work])).toBe(4);
  });

  it("that is asked with its configuration alone, outside of all that runs around", async () => {
    const work = tool(async (_input, config: RunnableConfig) => {
      await outside(() => inner().invoke("a", config));
      return "ok";
    }, about);
    expect(await charged([work])).toBe(3);
    const bare = new DynamicStructuredTool({
      ...about,
      async func(_input, runManager) {
        const callbacks = runManager?.getChild();
        await outside(() => inner().invoke("a", { ...(callbacks && { callbacks }) }));
        return "ok";
      },
    });
    expect(await charged([bare])).toBe(3);
    const handing = new DynamicStructuredTool({
      ...about,
      async func(_input, _run, config) {
        await outside(() => inner().invoke("a", config));
        return "ok";
      },
    });
    expect(await charged([handing])).toBe(3);
  });

  it("that a step of its generator asks", async () => {
    const work = tool(async function* steps() {
      yield "working";
      await inner().invoke("a");
      return "ok";
    }, about);
    expect(await charged([work])).toBe(3);
    const bare = new DynamicStructuredTool({
      ...about,
      async *func() {
        yield "working";
        await inner().invoke("a");
        return "ok";
      },
    });
    expect(await charged([bare])).toBe(3);
  });

  it("that its schema asks", async () => {
    const asks = async () => (await inner().invoke("is it fine?")).text === "fine";
    const refined = z.object({ note: z.string().refine(asks) });
    expect(await charged([tool(() => "ok", { ...about, schema: refined })])).toBe(3);
    const within = z.object({ note: z.string(), deep: z.array(refined).optional() }).refine(asks);
    expect(await charged([tool(() => "ok", { ...about, schema: within })])).toBe(3);
    const byDefault = z.object({ note: z.string(), more: z.unknown().default(() => void asks()) });
    expect(
      await charged([
        tool(async () => (await new Promise(setImmediate), "ok"), { ...about, schema: byDefault }),
      ]),
    ).toBe(3);
  });

  it("that the console is told of, where the tool is verbose", async () => {
    vi.spyOn(console, "log").mockImplementation(() => undefined);
    const work = tool(
      async (_input, config: RunnableConfig) => {
        await outside(() => inner().invoke("a", config));
        return "ok";
      },
      { ...about, verbose: true },
    );
    expect(await charged([work])).toBe(3);
  });
});

describe("a tool that nobody hears of", () => {
  it("may set variables for what it calls, which keeps its configuration", async () => {
    let thread: unknown;
    const work = new DynamicStructuredTool({
      ...about,
      async func() {
        setContextVariable("mine", 1);
        thread = AsyncLocalStorageProviderSingleton.getRunnableConfig()?.configurable?.["thread_id"];
        await new ScriptedChatModel().invoke("a");
        return "ok";
      },
    });
    expect(await charged([work])).toBe(3);
    expect(thread).toBe("t1");
  });

  it("has a model of another copy of @langchain/core decided, also beside hooks that are registered there", async () => {
    const ask = (text: string) =>
      new FakeListChatModel({ responses: ["fine"] }).invoke(text, { callbacks: [] });
    const work = new DynamicStructuredTool({
      ...about,
      async func() {
        await ask("a");
        registerOtherHook({ contextVar: "theirs" });
        await ask("b");
        return "ok";
      },
    });
    registerOtherHook({ contextVar: "theirs" });
    const model = new ScriptedChatModel({ calls: [{ name: "work", args: { note: "n" } }] }, { text: "done" });
    const { run, decisions } = governedAgent({ plane: planeOf(), model, tools: [work] });
    await run();
    const asked = decisions.filter(({ decision }) => decision.hookpoint === "before_model_call");
    expect(asked).toHaveLength(4);
  });

  it("is given no name of its run, by which what it calls with its configuration would go", async () => {
    const names: unknown[] = [];
    const look = (_input: unknown, config: RunnableConfig) => (names.push(config.runName), "ok");
    await charged([tool(look, about)]);
    expect(names).toStrictEqual([undefined]);
  });
});
