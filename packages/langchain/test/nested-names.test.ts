import { rule, type DecisionRecord, type Policy } from "@agentplane/core";
import { RunnableLambda, type Runnable } from "@langchain/core/runnables";
import { DynamicStructuredTool, DynamicTool, StructuredTool } from "@langchain/core/tools";
import { createAgent, createMiddleware, tool, type AnyAgentMiddleware } from "langchain";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { tool as otherTool } from "langchain-core-lowest/tools";
import * as z from "zod";

import { govern } from "../src/index.ts";
import { planeOf } from "./governed-agent.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

const input = { messages: [{ role: "user", content: "go" }] };
const schema = z.looseObject({});
const DENIED: Policy = { id: "d", blocking: [rule.denylist({ tools: ["wipe"] })] };

beforeEach(() => {
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  vi.spyOn(console, "error").mockImplementation(() => undefined);
});
afterEach(() => void vi.restoreAllMocks());

class Wiping extends StructuredTool {
  readonly name = "wipe";
  readonly description = "Wipes.";
  readonly schema = schema;
  readonly work: () => string;

  constructor(work: () => string) {
    super();
    this.work = work;
  }

  async _call(): Promise<string> {
    return this.work();
  }
}

/** Tells LangChain of itself with what it was made of. */
class Told extends Wiping {
  override lc_serializable = true;
}

/** Tells LangChain of itself in words of its own. */
class Worded extends Wiping {
  override toJSON(): never {
    return { lc: 1, type: "not_implemented", id: ["mine", "Look"] } as never;
  }
}

/** The same, by an object that all have in common, and a member of each. */
const WORDS = { lc: 1, type: "not_implemented", id: ["mine", "Look"] };
class Personal extends Wiping {
  override toJSON = (): never => WORDS as never;
}

/** Tools of one name, of every kind. */
const KINDS: Readonly<Record<string, (work: () => string) => unknown>> = {
  "made by tool()": (work: () => string) => tool(work, { name: "wipe", description: "Wipes.", schema }),
  "made by tool() of a text": (work: () => string) => tool(work, { name: "wipe", description: "Wipes." }),
  "a DynamicTool": (work: () => string) =>
    new DynamicTool({ name: "wipe", description: "Wipes.", func: async () => work() }),
  "of a class of its own": (work: () => string) => new Wiping(work),
  "of a class that tells of itself": (work: () => string) => new Told(work),
  "of a class with words of its own": (work: () => string) => new Worded(work),
  "with words of its own": (work: () => string) => new Personal(work),
  "made of a runnable": (work: () => string) =>
    RunnableLambda.from(work).asTool({ name: "wipe", description: "Wipes.", schema }),
};
/** What they have in common. */
type Wipe = Pick<Runnable<object, unknown>, "invoke" | "batch" | "stream" | "withConfig">;

const CALL = { type: "tool_call", id: "w1", name: "look", args: {} } as const;

/** Ways of calling it under another name. */
const WAYS: Readonly<Record<string, (wipe: Wipe) => unknown>> = {
  "by its own name": (wipe) => wipe.invoke({}),
  "under another run name": (wipe) => wipe.invoke({}, { runName: "look" }),
  "bound to another run name": (wipe) => wipe.withConfig({ runName: "look" }).invoke({}),
  "under another run name, in a batch": (wipe) => wipe.batch([{}], { runName: "look" }),
  "under another run name, as a stream": async (wipe) => {
    for await (const _ of await wipe.stream({}, { runName: "look" }));
  },
  "by a call of another name": (wipe) => wipe.invoke(CALL, { runName: "look" }),
  "with the configuration of a tool around it": (wipe) =>
    new DynamicStructuredTool({
      name: "look",
      description: "Looks.",
      schema,
      func: async (_given, _run, config) => String(await wipe.invoke({}, config)),
    }).invoke({}),
};

async function played(policies: readonly Policy[], wipe: Wipe, way: (wipe: Wipe) => unknown, place: string) {
  const plane = planeOf(policies);
  const decisions: DecisionRecord[] = [];
  plane.on("decision", (record) => void decisions.push(record));
  const work = async (): Promise<string> => {
    await Promise.resolve(way(wipe)).catch(() => undefined);
    return "ok";
  };
  const delegate = new DynamicStructuredTool({ name: "delegate", description: "Asks.", schema, func: work });
  const hook: AnyAgentMiddleware = createMiddleware({
    name: "hook",
    beforeAgent: async () => void (await work()),
  });
  const isTool = place === "tool";
  const model = new ScriptedChatModel({ calls: isTool ? [{ name: "delegate" }] : [] }, { text: "done" });
  const params = { model, tools: [delegate], middleware: isTool ? [] : [hook] };
  await createAgent(govern(plane, { agent: "a" }, params)).invoke(input);
  return decisions.filter((record) => record.tool !== undefined && record.tool !== "delegate");
}

describe.each(["tool", "hook"])("a tool that code of a %s calls", (place) => {
  describe.each(Object.entries(KINDS))("%s", (_, kind) => {
    it.each(Object.entries(WAYS))("is decided by its name where it is called %s", async (__, way) => {
      const work = vi.fn<() => string>(() => "wiped");
      const free = await played([], kind(work) as Wipe, way, place);
      expect(work).toHaveBeenCalledTimes(1);
      expect(free.filter((record) => record.tool === "wipe")).toHaveLength(1);
      await played([DENIED], kind(work) as Wipe, way, place);
      expect(work).toHaveBeenCalledTimes(1);
    });
  });
});

it("a tool that hands its own configuration on does not lend its name", async () => {
  const work = vi.fn<() => string>(() => "wiped");
  const wipe = tool(work, { name: "wipe", description: "Wipes.", schema });
  const delegate = new DynamicStructuredTool({
    name: "delegate",
    description: "Asks.",
    schema,
    func: async (_given, _run, config) => wipe.invoke({}, config),
  });
  const agent = (policies: readonly Policy[]) =>
    createAgent(
      govern(
        planeOf(policies),
        { agent: "a" },
        { model: new ScriptedChatModel({ calls: [{ name: "delegate" }] }), tools: [delegate] },
      ),
    );
  await agent([]).invoke(input);
  expect(work).toHaveBeenCalledTimes(1);
  await agent([DENIED])
    .invoke(input, { callbacks: [{ handleToolStart: () => undefined }] })
    .catch(() => undefined);
  await agent([DENIED])
    .invoke(input)
    .catch(() => undefined);
  expect(work).toHaveBeenCalledTimes(1);
});

it("the name of its run can deny a tool as well", async () => {
  const work = vi.fn<() => string>(() => "seen");
  const look = tool(work, { name: "look", description: "Looks.", schema });
  await played([DENIED], look, (given) => given.invoke({}, { runName: "wipe" }), "tool");
  expect(work).not.toHaveBeenCalled();
});

describe("a tool of another copy of @langchain/core", () => {
  const wipeOf = (work: () => string) =>
    otherTool(work, { name: "wipe", description: "Wipes.", schema }) as unknown as Wipe;

  it.each(Object.entries(WAYS))(
    "is decided by its name in a tool of that copy, called %s",
    async (_, way) => {
      const work = vi.fn<() => string>(() => "wiped");
      const inOther = async (policies: readonly Policy[]): Promise<void> => {
        const delegate = otherTool(
          async () => void (await Promise.resolve(way(wipeOf(work))).catch(() => "")),
          {
            name: "delegate",
            description: "Asks.",
            schema,
          },
        );
        const model = new ScriptedChatModel({ calls: [{ name: "delegate" }] }, { text: "done" });
        const tools = [delegate as unknown as StructuredTool];
        await createAgent(govern(planeOf(policies), { agent: "a" }, { model, tools })).invoke(input);
      };
      await inOther([]);
      expect(work).toHaveBeenCalledTimes(1);
      await inOther([DENIED]);
      expect(work).toHaveBeenCalledTimes(1);
    },
  );

  it.each(Object.entries(WAYS))("does not run where its name is not known, called %s", async (_, way) => {
    const work = vi.fn<() => string>(() => "wiped");
    await played([DENIED], wipeOf(work), way, "tool");
    expect(work).not.toHaveBeenCalled();
  });
});

it("a tool whose own name cannot be known does not run, and says what to do", async () => {
  const work = vi.fn<() => string>(() => "wiped");
  const errors: unknown[] = [];
  const ask = (wipe: Wipe) =>
    wipe.invoke({}, { runName: "look" }).catch((error: unknown) => errors.push(error));
  await played([DENIED], Object.freeze(new Personal(work)), ask, "tool");
  expect(work).not.toHaveBeenCalled();
  expect(errors).toMatchObject([
    { code: "usage_invalid", message: expect.stringMatching(/put it under guardTool/) },
  ]);
});
