import { getEventListeners } from "node:events";

import { PolicyBlocked, rule, type AgentPlane, type Policy } from "@agentplane/core";
import type { LanguageModelV4StreamPart } from "@ai-sdk/provider";
import * as sdk from "ai";
import { generateText, stepCountIs, streamText, ToolLoopAgent } from "ai";
import { describe, expect, it } from "vitest";

import { govern } from "../src/index.ts";
import { answered, asked, MIRA } from "./approval-chat.ts";
import { asking, askingPlane, countingTool, planeOf, WHO } from "./planes.ts";
import { runsOf } from "./run-records.ts";
import { ScriptedModel, USAGE } from "./scripted-model.ts";

const stopWhen = stepCountIs(5);
const BUDGET: Policy = { id: "b", blocking: [rule.tokenBudget({ maxTokens: 10_000, window: "1h" })] };
const RUNS: Policy = {
  id: "runs",
  selector: { hookpoints: ["before_agent"] },
  blocking: [rule.rate({ limit: 100, window: "1h", per: "agent" })],
};

/** Nothing is reserved any more: for tokens, and for runs. */
async function expectNothingHeld(plane: AgentPlane): Promise<void> {
  const tokens = await plane.limits.read({ policyId: "b", ruleId: "tokenBudget", agent: "a" });
  const runs = await plane.limits.read({ policyId: "runs", ruleId: "rate", agent: "a" });
  for (const { held } of [...tokens, ...runs]) expect(held).toBe(0);
}

/** An agent whose tool is running when its caller gives up. */
function abortedInTool() {
  const plane = planeOf([BUDGET, RUNS]);
  const controller = new AbortController();
  const slow = countingTool(() => {
    controller.abort(new Error("enough"));
    throw new Error("aborted");
  });
  const model = new ScriptedModel([{ calls: [{ name: "slow" }] }, { text: "never" }]);
  const settings = govern(plane, WHO, { model, tools: { slow: slow.tool }, stopWhen });
  return { plane, settings, model, slow, abortSignal: controller.signal };
}

type Aborted = ReturnType<typeof abortedInTool>;

const STYLES: Readonly<Record<string, (given: Aborted) => Promise<unknown>>> = {
  generateText: async ({ settings, abortSignal }) => generateText({ ...settings, abortSignal, prompt: "go" }),
  streamText: async ({ settings, abortSignal }) =>
    streamText({ ...settings, abortSignal, prompt: "go" }).consumeStream(),
  "ToolLoopAgent.generate": async ({ settings, abortSignal }) =>
    new ToolLoopAgent(settings).generate({ prompt: "go", abortSignal }),
  "ToolLoopAgent.stream": async ({ settings, abortSignal }) =>
    (await new ToolLoopAgent(settings).stream({ prompt: "go", abortSignal })).consumeStream(),
};

describe("a run that its caller aborts", () => {
  it.each(Object.entries(STYLES))(
    "in a tool has its end on record, and holds nothing: %s",
    async (_, play) => {
      const aborted = abortedInTool();
      const runs = runsOf(aborted.plane);
      await play(aborted).catch(() => undefined);
      expect(aborted.slow.runs).toHaveLength(1);
      expect(aborted.model.requests).toHaveLength(1);
      expect(runs()).toEqual([["a", "failed"]]);
      await expectNothingHeld(aborted.plane);
    },
  );

  it("in the middle of a stream has its end on record too", async () => {
    const plane = planeOf([BUDGET, RUNS]);
    const runs = runsOf(plane);
    const controller = new AbortController();
    const { fullStream } = streamText({
      ...govern(plane, WHO, { model: new ScriptedModel([{ text: "one two three" }]), prompt: "go" }),
      abortSignal: controller.signal,
    });
    for await (const part of fullStream) if (part.type === "text-delta") controller.abort();
    expect(runs()).toEqual([["a", "failed"]]);
    await expectNothingHeld(plane);
  });

  it.each(["generate", "stream"])("while it is being decided asks no model (%s)", async (how) => {
    const plane = planeOf([BUDGET, RUNS]);
    const runs = runsOf(plane);
    const controller = new AbortController();
    plane.hooks.on("before_agent", async () => controller.abort());
    const model = new ScriptedModel([]);
    const settings = {
      ...govern(plane, WHO, { model, prompt: "go" }),
      abortSignal: controller.signal,
      onError: () => undefined,
    };
    if (how === "stream") await streamText(settings).consumeStream();
    else await generateText(settings).catch(() => undefined);
    expect(model.requests).toEqual([]);
    expect(runs()).toEqual([["a", "failed"]]);
    await expectNothingHeld(plane);
  });

  it("is not listened to any more once it has ended, allowed or not", async () => {
    const { signal } = new AbortController();
    const none: Policy = {
      id: "none",
      selector: { hookpoints: ["before_agent"] },
      blocking: [rule.condition({ where: { agent: "a" }, reason: "a is retired" })],
    };
    for (const plane of [planeOf(), planeOf([none])]) {
      const settings = govern(plane, WHO, { model: new ScriptedModel([]), prompt: "go" });
      // oxlint-disable-next-line no-await-in-loop -- one run after the other
      await streamText({ ...settings, abortSignal: signal }).consumeStream();
    }
    const plain = new AbortController();
    const call = { prompt: "go", abortSignal: plain.signal };
    await streamText({ ...call, model: new ScriptedModel([]) }).consumeStream();
    await streamText({ ...call, model: new ScriptedModel([]) }).consumeStream();
    expect(getEventListeners(signal, "abort")).toHaveLength(getEventListeners(plain.signal, "abort").length);
  });

  it("in a tool that was approved, before its first step, as well", async () => {
    const plane = askingPlane([asking("pay"), RUNS]);
    const controller = new AbortController();
    const pay = countingTool(() => {
      controller.abort(new Error("enough"));
      throw new Error("aborted");
    });
    const messages = answered(await asked({ plane, tools: { pay: pay.tool } }));
    const runs = runsOf(plane);
    const settings = govern(plane, MIRA, {
      model: new ScriptedModel([]),
      tools: { pay: pay.tool },
      messages,
    });
    const result = streamText({ ...settings, abortSignal: controller.signal });
    await result.consumeStream();
    expect(pay.runs).toHaveLength(1);
    expect(runs()).toEqual([["a", "failed"]]);
  });
});

it("that goes on with an answer ends when the application's own approval fails", async () => {
  const plane = askingPlane([asking("pay"), RUNS]);
  const pay = countingTool();
  const tools = { pay: pay.tool };
  let isBroken = false;
  const toolApproval = () => {
    if (isBroken) throw new Error("the application's");
    return undefined;
  };
  const messages = answered(await asked({ plane, tools, more: { toolApproval } }));
  isBroken = true;
  const runs = runsOf(plane);
  const model = new ScriptedModel([]);
  const failing = generateText(govern(plane, MIRA, { model, tools, messages, toolApproval }));
  await expect(failing).rejects.toThrow("the application's");
  expect(pay.runs).toEqual([]);
  expect(runs()).toEqual([["a", "failed"]]);
});

const BROKEN: readonly LanguageModelV4StreamPart[] = [
  { type: "stream-start", warnings: [] },
  { type: "text-start", id: "t" },
  { type: "text-delta", id: "t", delta: "half " },
  { type: "error", error: new Error("broken") },
  { type: "finish", finishReason: { unified: "error", raw: undefined }, usage: USAGE },
];

// Absent in older versions of the SDK, which have nothing to show then.
const isNew = "experimental_createSteering" in sdk;

describe("a run that goes on after an answer", () => {
  it.runIf(isNew)("because its stream broke is judged at its end", async () => {
    const plane = planeOf();
    const answers: unknown[] = [];
    plane.hooks.on("after_agent", ({ result }) => void answers.push(result));
    const model = new ScriptedModel([{ parts: BROKEN }, { text: "whole" }]);
    const result = streamText({
      ...govern(plane, WHO, { model, prompt: "go" }),
      streamRetries: 1,
      onError: () => undefined,
    });
    await result.consumeStream();
    expect(model.requests).toHaveLength(2);
    expect(answers.at(-1)).toBe("whole");
  });

  it.runIf(isNew)("because its reader was told more is judged again", async () => {
    const plane = planeOf();
    const runs = runsOf(plane);
    const answers: unknown[] = [];
    plane.hooks.on("after_agent", ({ result }) => void answers.push(result));
    const steering = sdk.experimental_createSteering();
    const model = new ScriptedModel([{ text: "first" }, { text: "second" }]);
    const settings = govern(plane, WHO, { model, prompt: "go" });
    await generateText({
      ...settings,
      stopWhen,
      experimental_steering: steering,
      onStepEnd: ({ stepNumber }) => void (stepNumber === 0 && steering.steer("and now?")),
    });
    expect(model.requests).toHaveLength(2);
    expect(answers).toEqual(["first", "second"]);
    expect(runs()).toEqual([
      ["a", "ran"],
      ["a", "ran"],
    ]);
  });

  it.runIf(isNew)("does not ask the model again what a policy has withheld", async () => {
    const plane = planeOf();
    plane.hooks.on("after_agent", () => {
      throw new Error("not this answer");
    });
    const model = new ScriptedModel([{ text: "one" }, { text: "two" }]);
    const settings = govern(plane, WHO, { model, prompt: "go" }, { onDenied: "throw" });
    const errors: unknown[] = [];
    const onError = ({ error }: { readonly error: unknown }) => void errors.push(error);
    await streamText({ ...settings, streamRetries: 2, onError }).consumeStream();
    expect(model.requests).toHaveLength(1);
    expect(errors.length).toBeGreaterThan(0);
    for (const error of errors) expect(error).toBeInstanceOf(PolicyBlocked);
  });
});
