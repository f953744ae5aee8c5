import { PolicyBlocked, rule, type AgentPlane, type Policy } from "@agentplane/core";
import { generateObject, generateText, stepCountIs, streamText, tool, ToolLoopAgent } from "ai";
import { describe, expect, it } from "vitest";
import * as z from "zod";

import { govern } from "../src/index.ts";
import { answered, asked, call } from "./approval-chat.ts";
import { asking, askingPlane, countingTool, planeOf, WHO } from "./planes.ts";
import { runsOf } from "./run-records.ts";
import { ScriptedModel, type Turn } from "./scripted-model.ts";

const stopWhen = stepCountIs(5);
const TURNS: readonly Turn[] = [{ calls: [{ name: "read" }] }, { text: "done" }];

const governed = (plane: AgentPlane, turns = TURNS, agent = "a") =>
  govern(
    plane,
    { agent, session: "s" },
    { model: new ScriptedModel(turns), tools: { read: countingTool().tool }, stopWhen },
  );

const STYLES: Readonly<Record<string, (plane: AgentPlane) => Promise<string>>> = {
  generateText: async (plane) => (await generateText({ ...governed(plane), prompt: "go" })).text,
  streamText: async (plane) => streamText({ ...governed(plane), prompt: "go" }).text,
  "ToolLoopAgent.generate": async (plane) =>
    (await new ToolLoopAgent(governed(plane)).generate({ prompt: "go" })).text,
  "ToolLoopAgent.stream": async (plane) =>
    (await new ToolLoopAgent(governed(plane)).stream({ prompt: "go" })).text,
};

const refusing = (hookpoint: string): Policy => ({
  id: "refuse",
  selector: { hookpoints: [hookpoint] },
  blocking: [rule.condition({ where: { agent: "a" }, reason: "no" })],
});

describe("a run", () => {
  it.each(Object.entries(STYLES))("is begun once and ended once, whatever its steps: %s", async (_, run) => {
    const plane = planeOf();
    const runs = runsOf(plane);
    expect(await run(plane)).toBe("done");
    expect(runs()).toEqual([["a", "ran"]]);
  });

  it("of settings that are used twice, also at once, is two", async () => {
    const plane = planeOf();
    const runs = runsOf(plane);
    const settings = { ...governed(plane, [{ text: "one" }, { text: "two" }]), prompt: "go" };
    await Promise.all([generateText(settings), generateText(settings)]);
    expect(runs()).toEqual([
      ["a", "ran"],
      ["a", "ran"],
    ]);
  });

  it("inside a tool is one of its own", async () => {
    const plane = planeOf();
    const runs = runsOf(plane);
    const execute = async () => (await generateText({ ...governed(plane, TURNS, "b"), prompt: "go" })).text;
    const delegate = tool({ inputSchema: z.object({}), execute });
    const model = new ScriptedModel([{ calls: [{ name: "delegate" }] }, { text: "outer" }]);
    await generateText({ ...govern(plane, WHO, { model, tools: { delegate }, prompt: "go" }), stopWhen });
    expect(runs()).toEqual([
      ["a", "ran"],
      ["b", "ran"],
    ]);
  });

  it("that fails, is stopped by a condition, or is one call for an object, has an end too", async () => {
    const plane = planeOf();
    const runs = runsOf(plane);
    const failing = governed(plane, [{ error: new Error("down") }]);
    await expect(generateText({ ...failing, prompt: "go" })).rejects.toThrow("down");
    await generateText({ ...governed(plane), stopWhen: stepCountIs(1), prompt: "go" });
    const model = new ScriptedModel([{ text: '{"a":"b"}' }]);
    await generateObject(govern(plane, WHO, { model, prompt: "go", schema: z.object({ a: z.string() }) }));
    expect(runs()).toEqual([
      ["a", "failed"],
      ["a", "ran"],
      ["a", "ran"],
    ]);
  });

  it("that may not begin runs no approved tool and asks no model", async () => {
    const plane = askingPlane([asking("pay")]);
    const pay = countingTool();
    const chat = { plane, tools: { pay: pay.tool } };
    const history = answered(await asked(chat));
    plane.engine.addPolicy(refusing("before_agent"));
    const model = new ScriptedModel([]);
    await expect(call(chat, history, model)).rejects.toBeInstanceOf(PolicyBlocked);
    expect(pay.runs).toEqual([]);
    expect(model.requests).toEqual([]);
  });

  it("whose answer is refused at after_agent gives none, and a stream ends with content-filter", async () => {
    const plane = planeOf();
    plane.hooks.on("after_agent", () => {
      throw new Error("not this answer");
    });
    await expect(STYLES["generateText"]?.(plane)).rejects.toBeInstanceOf(PolicyBlocked);
    const streamed = streamText({ ...governed(plane), prompt: "go" });
    await streamed.consumeStream();
    expect(await streamed.finishReason).toBe("content-filter");
  });

  it("has its answer rewritten where that is one text, and refused where it cannot be", async () => {
    const plane = planeOf();
    plane.hooks.on("after_agent", () => ({ result: "in short" }));
    const play = async (turn: Turn) =>
      (await generateText(govern(plane, WHO, { model: new ScriptedModel([turn]), prompt: "go" }))).text;
    expect(await play({ text: "at length", reasoning: "hm" })).toBe("in short");
    const refused = { code: "content_refused" };
    await expect(play({ text: "one", content: [{ type: "text", text: "two" }] })).rejects.toMatchObject(
      refused,
    );
    await expect(play({ text: "one", structuredOutputText: '{"a":1}' })).rejects.toMatchObject(refused);
  });
});
