import { rule, type AgentPlane, type Policy } from "@agentplane/core";
import { BaseCallbackHandler } from "@langchain/core/callbacks/base";
import type { RunnableConfig } from "@langchain/core/runnables";
import { StructuredTool } from "@langchain/core/tools";
import { createAgent, tool } from "langchain";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import * as z from "zod";

import { govern } from "../src/index.ts";
import { guardTool } from "../src/langgraph.ts";
import { countingTool, planeOf } from "./governed-agent.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

const input = { messages: [{ role: "user", content: "go" }] };
const DENIED: Policy = { id: "d", blocking: [rule.denylist({ tools: ["wipe"] })] };

beforeEach(() => {
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  vi.spyOn(console, "error").mockImplementation(() => undefined);
});
afterEach(() => void vi.restoreAllMocks());

type Work = (config: RunnableConfig) => unknown;

/** A tool of a class of its own, which LangChain gives the configuration of the call itself. */
class WorkingTool extends StructuredTool {
  readonly name = "delegate";
  readonly description = "Delegates.";
  readonly schema = z.looseObject({});
  readonly #work: Work;

  constructor(work: Work) {
    super();
    this.#work = work;
  }

  override async _call(_: unknown, __: unknown, config: RunnableConfig): Promise<unknown> {
    return this.#work(config);
  }
}

/** The same, whose work is done before LangChain knows that it has started. */
class EarlyTool extends WorkingTool {
  readonly #early: Work;

  constructor(early: Work) {
    super(() => "ok");
    this.#early = early;
  }

  override async invoke(...given: Parameters<StructuredTool["invoke"]>): Promise<never> {
    await this.#early(given[1] ?? {});
    return super.invoke(...given) as never;
  }
}

const MADE: Readonly<Record<string, (work: Work) => StructuredTool>> = {
  "of a function": (work) =>
    tool((_: object, config: RunnableConfig) => work(config), {
      name: "delegate",
      description: "Delegates.",
      schema: z.looseObject({}),
    }) as never,
  "of a class": (work) => new WorkingTool(work),
  "of a class that works before it starts": (work) => new EarlyTool(work),
  "that shows its work": (work) =>
    new WorkingTool(async function* shown(config) {
      yield "working";
      await work(config);
      return "ok";
    }),
};

const HEARING: Readonly<Record<string, RunnableConfig>> = {
  "nobody hears of it": {},
  "a handler hears of it": { callbacks: [{ handleToolStart: () => undefined }] },
};

async function agentRun(plane: AgentPlane, working: StructuredTool, config: RunnableConfig): Promise<void> {
  const calls = [{ name: "delegate", args: { amount: 1 } }];
  const model = new ScriptedChatModel({ calls }, { text: "done" });
  await createAgent(govern(plane, { agent: "a" }, { model, tools: [working] })).invoke(input, config);
}

function decidedTools(plane: AgentPlane): string[] {
  const names: string[] = [];
  plane.on("decision", ({ tool: name }) => void (name !== undefined && names.push(name)));
  return names;
}

describe.each(Object.entries(MADE))("a tool %s that hands its configuration on", (_made, make) => {
  describe.each(Object.entries(HEARING))("where %s", (_heard, hearing) => {
    it("has the calls of tools decided that it makes with it, and its own call once", async () => {
      const wipe = countingTool("wipe");
      const working = make(async (config) => {
        await wipe.tool.invoke({}, config).catch(() => undefined);
        return "ok";
      });
      const allowing = planeOf();
      const names = decidedTools(allowing);
      await agentRun(allowing, working, hearing);
      expect(wipe.runs).toHaveLength(1);
      expect(names).toEqual(["delegate", "wipe"]);
      await agentRun(planeOf([DENIED]), working, hearing);
      expect(wipe.runs).toHaveLength(1);
    });

    it("has the calls of models charged that it makes with it", async () => {
      const plane = planeOf([
        { id: "b", blocking: [rule.tokenBudget({ maxTokens: 100_000, window: "1h" })] },
      ]);
      const working = make(async (config) => {
        await new ScriptedChatModel({ text: "hello" }).invoke("hello", config);
        return "ok";
      });
      await agentRun(plane, working, hearing);
      const [state] = await plane.limits.read({ policyId: "b", ruleId: "tokenBudget", agent: "a" });
      expect(state?.used).toBe(3 * 42);
    });
  });
});

it("what such a call gives is redacted for the tool, and for who hears of it, before the tool has ended", async () => {
  const read = countingTool("read", () => "mail bob@example.com");
  const heard: unknown[] = [];
  const given: unknown[] = [];
  const working = new WorkingTool(async (config) => {
    const toolCall = { type: "tool_call", id: "inner", name: "read", args: {} };
    given.push(await read.tool.invoke(toolCall as never, config), [...heard]);
    return "ok";
  });
  const plane = planeOf([{ id: "r", blocking: [rule.redact({ detect: ["email"] })] }]);
  const listener = { awaitHandlers: true, handleToolEnd: (output: unknown) => void heard.push(output) };
  await agentRun(plane, working, { callbacks: [BaseCallbackHandler.fromMethods(listener)] });
  expect(given.flat()).toHaveLength(2);
  expect(JSON.stringify([given, heard])).toContain("mail ");
  expect(JSON.stringify([given, heard])).not.toContain("bob@example.com");
});

it("a guarded tool inside a tool has the calls decided that it makes with its configuration", async () => {
  const plane = planeOf([DENIED]);
  const wipe = countingTool("wipe");
  const guarded = guardTool(
    plane,
    { agent: "inner" },
    new WorkingTool(async (config) => {
      await wipe.tool.invoke({}, config).catch(() => undefined);
      return "ok";
    }),
  );
  const outer = tool((_: object, config: RunnableConfig) => guarded.invoke({}, config), {
    name: "outer",
    description: "Delegates.",
    schema: z.looseObject({}),
  });
  const model = new ScriptedChatModel({ calls: [{ name: "outer" }] }, { text: "done" });
  await createAgent(govern(plane, { agent: "a" }, { model, tools: [outer] })).invoke(input);
  expect(wipe.runs).toEqual([]);
});

describe("a tool that calls another one of its own name before it has started", () => {
  const LARGE = rule.condition({ where: { tool: "delegate", input: { amount: { gt: 100 } } } });

  it.each(Object.entries(HEARING))(
    "has that call decided by its arguments, where %s",
    async (_heard, hearing) => {
      const other = countingTool("delegate");
      const make = (): StructuredTool =>
        new EarlyTool(async (config) => {
          await other.tool.invoke({ amount: 500 }, config).catch(() => undefined);
          return "ok";
        });
      const allowing = planeOf();
      const names = decidedTools(allowing);
      await agentRun(allowing, make(), hearing);
      expect(other.runs).toStrictEqual([{ amount: 500 }]);
      expect(names).toStrictEqual(["delegate", "delegate"]);
      const inputs: unknown[] = [];
      const denying = planeOf([{ id: "large", blocking: [LARGE] }]);
      denying.on(
        "decision",
        ({ tool: name, decision }) => void (name !== undefined && inputs.push(decision.effect)),
      );
      await agentRun(denying, make(), hearing);
      expect(inputs).toStrictEqual(["allow", "block"]);
      expect(other.runs).toHaveLength(1);
    },
  );
});
