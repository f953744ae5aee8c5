import type { AgentPlane, Policy } from "@agentplane/core";
import { rule } from "@agentplane/core";
import { generateText, stepCountIs, streamText, tool, ToolLoopAgent, type Tool } from "ai";
import { describe, expect, it, vi } from "vitest";
import * as z from "zod";

import { govern } from "../src/index.ts";
import { asking, askingPlane, countingTool, WHO } from "./planes.ts";
import { runsOf } from "./run-records.ts";
import { ScriptedModel, type Turn } from "./scripted-model.ts";

const stopWhen = stepCountIs(5);
const PAYING: readonly Turn[] = [{ calls: [{ id: "i1", name: "pay" }] }, { text: "inner" }];

/** How an agent inside a tool is run. */
type Inner = (plane: AgentPlane, turns: readonly Turn[], pay: Tool, signal?: AbortSignal) => Promise<string>;

const HELPER = { agent: "helper", session: "s" };

const settingsOf = (plane: AgentPlane, turns: readonly Turn[], pay: Tool, who = HELPER) =>
  govern(plane, who, { model: new ScriptedModel(turns, "inner"), tools: { pay }, stopWhen });

const STYLES: Readonly<Record<string, Inner>> = {
  generateText: async (plane, turns, pay, abortSignal) => {
    const signal = abortSignal === undefined ? {} : { abortSignal };
    return (await generateText({ ...settingsOf(plane, turns, pay), prompt: "go", ...signal })).text;
  },
  streamText: async (plane, turns, pay, abortSignal) => {
    const signal = abortSignal === undefined ? {} : { abortSignal };
    return streamText({ ...settingsOf(plane, turns, pay), prompt: "go", ...signal }).text;
  },
  ToolLoopAgent: async (plane, turns, pay) =>
    (await new ToolLoopAgent(settingsOf(plane, turns, pay)).generate({ prompt: "go" })).text,
  "an agent of the same name": async (plane, turns, pay) =>
    (await generateText({ ...settingsOf(plane, turns, pay, { ...HELPER, agent: "a" }), prompt: "go" })).text,
};

function started(inner: Inner, { policies = [asking("pay")], turns = PAYING }: Partial<Started> = {}) {
  const plane = askingPlane(policies);
  const pay = countingTool();
  const controller = new AbortController();
  const ends: Promise<unknown>[] = [];
  const execute = async () => {
    const running = inner(plane, turns, pay.tool, controller.signal);
    ends.push(running.catch(() => undefined));
    return running;
  };
  const delegate = tool({ inputSchema: z.object({}), execute });
  const model = new ScriptedModel([{ calls: [{ id: "c1", name: "delegate" }] }, { text: "outer" }]);
  const result = generateText({
    ...govern(plane, WHO, { model, tools: { delegate }, prompt: "go" }),
    stopWhen,
  });
  return { plane, pay, model, controller, result, ends };
}

interface Started {
  readonly policies: readonly Policy[];
  readonly turns: readonly Turn[];
}

/** The requests of a plane, once there are as many as that. */
async function waiting(plane: AgentPlane, count = 1) {
  return vi.waitFor(
    async () => {
      const pending = await plane.approvals.list({ status: "pending" });
      expect(pending).toHaveLength(count);
      return pending;
    },
    { timeout: 10_000 },
  );
}

const OPERATOR = { by: "olga", role: "operator" } as const;

describe("a question of an agent inside a tool", () => {
  it.each(Object.entries(STYLES))(
    "waits for the plane's answer and goes on where it was: %s",
    async (_, inner) => {
      const { plane, pay, model, result } = started(inner);
      const [request] = await waiting(plane);
      expect(pay.runs).toEqual([]);
      expect(model.requests).toHaveLength(1);
      await plane.approvals.approve(request?.id ?? "", OPERATOR);
      expect((await result).text).toBe("outer");
      expect(model.told).toContain("inner");
      expect(pay.runs).toHaveLength(1);
      expect(await plane.approvals.list({ status: "consumed" })).toHaveLength(1);
    },
  );

  it("that is answered with no is a refusal to the inner model, and the call does not run", async () => {
    const { plane, pay, result } = started(STYLES["generateText"]!);
    const [request] = await waiting(plane);
    await plane.approvals.deny(request?.id ?? "", OPERATOR);
    expect((await result).text).toBe("outer");
    expect(pay.runs).toEqual([]);
  });

  it("waits once for each of two calls", async () => {
    const calls = ["i1", "i2"].map((id) => ({ id, name: "pay", input: { id } }));
    const { plane, pay, result } = started(STYLES["generateText"]!, {
      turns: [{ calls }, { text: "inner" }],
    });
    const [first, second] = await waiting(plane, 2);
    await plane.approvals.approve(first?.id ?? "", OPERATOR);
    await vi.waitFor(() => expect(pay.runs).toHaveLength(1), { timeout: 10_000 });
    await plane.approvals.deny(second?.id ?? "", OPERATOR);
    await result;
    expect(pay.runs).toEqual([first?.view["input"]]);
  });

  it("is not consent when the caller gives up, and stays open", async () => {
    const { plane, pay, controller, result } = started(STYLES["generateText"]!);
    await waiting(plane);
    controller.abort(new Error("enough"));
    await result;
    expect(pay.runs).toEqual([]);
    await waiting(plane);
  });

  it("is void when the agent outside was unplugged meanwhile", async () => {
    const { plane, pay, result, ends } = started(STYLES["generateText"]!);
    const [request] = await waiting(plane);
    await plane.controls.unplug({ kind: "agent", id: "a" }, { reason: "stop", by: "olga" });
    await plane.approvals.approve(request?.id ?? "", OPERATOR);
    await result.catch(() => undefined);
    await Promise.all(ends);
    expect(pay.runs).toEqual([]);
  });

  it("is asked of a model call too", async () => {
    // oxlint-disable-next-line unicorn/no-thenable -- a word of the policy language: a text, never a function
    const ask = rule.condition({ where: { agent: "helper" }, then: "escalate", reason: "a model" });
    const policies = [{ id: "m", selector: { hookpoints: ["before_model_call"] }, blocking: [ask] }];
    for (const style of ["generateText", "streamText"]) {
      const { plane, result } = started(STYLES[style]!, { policies, turns: [{ text: "inner" }] });
      // oxlint-disable-next-line no-await-in-loop -- one run after the other
      const [request] = await waiting(plane);
      // oxlint-disable-next-line no-await-in-loop
      await plane.approvals.approve(request?.id ?? "", OPERATOR);
      // oxlint-disable-next-line no-await-in-loop
      expect((await result).text).toBe("outer");
    }
  });

  it.each(["generateText", "streamText"])("ends its run when the caller gives up: %s", async (style) => {
    // oxlint-disable-next-line unicorn/no-thenable
    const ask = rule.condition({ where: { agent: "helper" }, then: "escalate", reason: "a model" });
    const policies = [{ id: "m", selector: { hookpoints: ["before_model_call"] }, blocking: [ask] }];
    const { plane, controller, result, ends } = started(STYLES[style]!, { policies });
    const runs = runsOf(plane);
    await waiting(plane);
    controller.abort(new Error("enough"));
    await result;
    await Promise.all(ends);
    expect(runs()).toContainEqual(["helper", "failed"]);
  });
});
