import { PolicyBlocked, rule, type Policy } from "@agentplane/core";
import type { LanguageModelV4StreamPart } from "@ai-sdk/provider";
import { generateText, stepCountIs, streamText } from "ai";
import { describe, expect, it } from "vitest";

import { govern } from "../src/index.ts";
import { answered, asked, call, MIRA } from "./approval-chat.ts";
import { asking, askingPlane, countingTool, denying, EMAIL, planeOf, WHO } from "./planes.ts";
import { runsOf } from "./run-records.ts";
import { ScriptedModel, USAGE, type Turn } from "./scripted-model.ts";

const stopWhen = stepCountIs(5);
const BEFORE = { hookpoints: ["before_agent"] };

describe("a run that goes on with an answer", () => {
  it("is one, from the approved tool to the last step", async () => {
    const pay = countingTool();
    const chat = { plane: askingPlane([asking("pay")]), tools: { pay: pay.tool } };
    const history = answered(await asked(chat));
    const runs = runsOf(chat.plane);
    await call(chat, history, new ScriptedModel([{ calls: [{ id: "c2", name: "read" }] }]));
    expect(pay.runs).toHaveLength(1);
    expect(runs()).toEqual([["a", "ran"]]);
  });

  it("is another when the very same settings are used again, while it lasts", async () => {
    const pay = countingTool();
    const plane = askingPlane([asking("pay")]);
    const tools = { pay: pay.tool };
    const messages = answered(await asked({ plane, tools }));
    const runs = runsOf(plane);
    const model = new ScriptedModel([]);
    const answer = model.doGenerate.bind(model);
    const settings = govern(plane, MIRA, { model, tools, messages });
    let goOn = (): void => undefined;
    const second = new Promise<void>((resolve) => (goOn = resolve));
    const isAsked = new Promise<void>((resolve) => {
      model.doGenerate = async (options) => {
        model.doGenerate = answer;
        resolve();
        await second;
        return answer(options);
      };
    });
    const first = generateText(settings);
    await isAsked;
    await generateText(settings);
    goOn();
    await first;
    expect(pay.runs).toHaveLength(1);
    expect(runs()).toEqual([
      ["a", "ran"],
      ["a", "ran"],
    ]);
  });
});

describe("the application's own callbacks", () => {
  it("that fail while a step is prepared end the run", async () => {
    const plane = planeOf();
    const runs = runsOf(plane);
    const model = new ScriptedModel([{ calls: [{ name: "read" }] }]);
    const prepareStep = ({ stepNumber }: { readonly stepNumber: number }) => {
      if (stepNumber > 0) throw new Error("not prepared");
      return {};
    };
    const tools = { read: countingTool().tool };
    const failing = generateText({
      ...govern(plane, WHO, { model, tools, prepareStep, prompt: "go" }),
      stopWhen,
    });
    await expect(failing).rejects.toThrow("not prepared");
    expect(runs()).toEqual([["a", "failed"]]);
  });

  it.each(["onEnd", "onFinish"] as const)("are told of the end of a run once: %s", async (name) => {
    const told: string[] = [];
    const note = ({ text }: { readonly text: string }) => void told.push(text);
    const settings = () =>
      govern(planeOf(), WHO, { model: new ScriptedModel([]), prompt: "go", [name]: note });
    await generateText(settings());
    await streamText(settings()).consumeStream();
    expect(told).toEqual(["done", "done"]);
  });
});

describe("a run ends", () => {
  const search = { toolCallId: "p1", toolName: "search", dynamic: true } as const;
  const used = { type: "tool-call", ...search, input: "{}", providerExecuted: true } as const;
  const found = { type: "tool-result", ...search, result: "found" } as const;

  it.each(["generate", "stream"])("with an answer for which its provider ran a tool (%s)", async (how) => {
    const plane = planeOf();
    const answers: unknown[] = [];
    plane.hooks.on("after_agent", ({ result }) => void answers.push(result));
    const parts: readonly LanguageModelV4StreamPart[] = [
      { type: "stream-start", warnings: [] },
      used,
      found,
      { type: "text-start", id: "t" },
      { type: "text-delta", id: "t", delta: "found it" },
      { type: "text-end", id: "t" },
      { type: "finish", finishReason: { unified: "stop", raw: undefined }, usage: USAGE },
    ];
    const text = { type: "text", text: "found it" } as const;
    const turn: Turn = how === "stream" ? { parts } : { content: [used, found, text] };
    const settings = govern(plane, WHO, { model: new ScriptedModel([turn]), prompt: "go" });
    if (how === "stream") await streamText(settings).consumeStream();
    else await generateText(settings);
    expect(answers).toEqual(["found it"]);
  });

  it("when its stream breaks, and holds nothing then", async () => {
    const plane = planeOf([
      { id: "runs", selector: BEFORE, blocking: [rule.rate({ limit: 9, window: "1h", per: "agent" })] },
    ]);
    const runs = runsOf(plane);
    const model = new ScriptedModel([]);
    model.doStream = async () => ({
      stream: new ReadableStream<LanguageModelV4StreamPart>({
        pull: (controller) => controller.error(new Error("line is dead")),
      }),
    });
    await streamText(govern(plane, WHO, { model, prompt: "go" })).consumeStream({ onError: () => undefined });
    expect(runs()).toEqual([["a", "failed"]]);
    const [limit] = await plane.limits.read({ policyId: "runs", ruleId: "rate", agent: "a" });
    expect(limit?.held).toBe(0);
  });

  it("with the first answer that is withheld, however often its stream would be tried again", async () => {
    const no = rule.piiBlock({ detect: ["email"], channels: ["model_output"] });
    const plane = planeOf([{ id: "no-people", blocking: [no] }]);
    const runs = runsOf(plane);
    const model = new ScriptedModel([{ text: `write to ${EMAIL}` }, { text: "fine" }]);
    const settings = govern(plane, WHO, { model, prompt: "go" }, { onDenied: "throw" });
    await streamText({ ...settings, streamRetries: 2, onError: () => undefined }).consumeStream();
    expect(runs()).toHaveLength(1);
    expect(model.requests).toHaveLength(1);
  });

  const NO_MODEL: Policy = {
    id: "no",
    blocking: [rule.condition({ where: { model: "*" }, reason: "no models today" })],
  };
  it.each([
    ["generate", "throw", "failed"],
    ["generate", "substitute", "ran"],
    ["stream", "throw", "failed"],
    ["stream", "substitute", "ran"],
  ] as const)("with the one call that it is, where that is denied (%s, %s)", async (how, onDenied, end) => {
    const plane = planeOf([NO_MODEL]);
    const runs = runsOf(plane);
    const { model } = govern(plane, WHO, { model: new ScriptedModel([]) }, { onDenied });
    if (how === "generate") await model.doGenerate({ prompt: [] }).catch(() => undefined);
    else await model.doStream({ prompt: [] }).catch(() => undefined);
    expect(runs()).toEqual([["a", end]]);
  });

  it("when it is told to call what it may not call", async () => {
    const plane = planeOf([denying("wipe")]);
    const runs = runsOf(plane);
    const tools = { wipe: countingTool().tool };
    const model = new ScriptedModel([]);
    const failing = generateText(
      govern(plane, WHO, { model, tools, toolChoice: { type: "tool", toolName: "wipe" }, prompt: "go" }),
    );
    await expect(failing).rejects.toBeInstanceOf(PolicyBlocked);
    expect(runs()).toEqual([["a", "failed"]]);
  });

  it("when its provider refuses to stream", async () => {
    const plane = planeOf();
    const runs = runsOf(plane);
    const { model } = govern(plane, WHO, { model: new ScriptedModel([{ error: new Error("down") }]) });
    await expect(model.doStream({ prompt: [] })).rejects.toThrow("down");
    expect(runs()).toEqual([["a", "failed"]]);
  });
});
