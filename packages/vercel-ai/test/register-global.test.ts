import { PolicyBlocked } from "@agentplane/core";
import { generateText, stepCountIs } from "ai";
import { afterEach, describe, expect, it } from "vitest";

import { govern, registerGlobal } from "../src/index.ts";
import {
  asking,
  askingPlane,
  countingTool,
  decisionsOf,
  denying,
  EMAIL,
  NO_EMAILS,
  planeOf,
  WHO,
} from "./planes.ts";
import { answered, asked, call } from "./approval-chat.ts";
import { ScriptedModel } from "./scripted-model.ts";

const stopWhen = stepCountIs(5);
let unregister: (() => void) | undefined;

afterEach(() => {
  unregister?.();
  unregister = undefined;
});

const wiping = (): ScriptedModel =>
  new ScriptedModel([{ calls: [{ id: "w1", name: "wipe" }] }, { text: "done" }]);

describe("the safety net", () => {
  it("stops a forbidden tool of an agent that nobody governs, and has it on record", async () => {
    const plane = planeOf([denying("wipe")]);
    const decisions = decisionsOf(plane);
    unregister = registerGlobal(plane, { agent: "app" });
    const wipe = countingTool();
    const { steps } = await generateText({
      model: wiping(),
      tools: { wipe: wipe.tool },
      prompt: "go",
      stopWhen,
    });
    expect(wipe.runs).toEqual([]);
    expect(steps[0]?.content).toContainEqual(expect.objectContaining({ type: "tool-error" }));
    expect(decisions.map(({ tool }) => tool)).toContain("wipe");
  });

  it("stops every model call of an application that was unplugged", async () => {
    const plane = planeOf();
    unregister = registerGlobal(plane, { agent: "app" });
    await plane.controls.unplug({ kind: "all" }, { by: "olga", reason: "stop" });
    const model = new ScriptedModel([]);
    await expect(generateText({ model, prompt: "go" })).rejects.toBeInstanceOf(PolicyBlocked);
    expect(model.requests).toEqual([]);
  });

  it("guards models that are asked for by name", async () => {
    const model = new ScriptedModel([{ text: EMAIL }]);
    const provider = {
      specificationVersion: "v4",
      languageModel: () => model,
      embeddingModel: never,
      imageModel: never,
    } as const;
    unregister = registerGlobal(planeOf([NO_EMAILS]), { agent: "app" }, { provider });
    expect((await generateText({ model: "any/name", prompt: "go" })).text).not.toContain(EMAIL);
  });

  it("is weakened by a call without telemetry, which a governed call is not", async () => {
    const plane = planeOf([denying("wipe")]);
    unregister = registerGlobal(plane, { agent: "app" });
    for (const telemetry of [{ isEnabled: false }, { integrations: [] }]) {
      const [open, closed] = [countingTool(), countingTool()];
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await generateText({ model: wiping(), tools: { wipe: open.tool }, prompt: "go", stopWhen, telemetry });
      expect(open.runs).toHaveLength(1);
      // oxlint-disable-next-line no-await-in-loop
      await generateText(
        govern(plane, WHO, {
          model: wiping(),
          tools: { wipe: closed.tool },
          prompt: "go",
          stopWhen,
          telemetry,
        }),
      );
      expect(closed.runs).toEqual([]);
    }
  });

  it("counts nothing of a governed call a second time, and lets it be approved", async () => {
    const plane = askingPlane([asking("wipe")]);
    unregister = registerGlobal(plane, { agent: "app" });
    const decisions = decisionsOf(plane);
    const read = countingTool();
    const model = new ScriptedModel([{ calls: [{ name: "read" }] }, { text: "done" }]);
    await generateText(govern(plane, WHO, { model, tools: { read: read.tool }, prompt: "go", stopWhen }));
    expect(read.runs).toHaveLength(1);
    expect(decisions.map(({ decision }) => decision.hookpoint)).toEqual([
      "before_agent",
      "before_model_call",
      "before_tool_call",
      "before_model_call",
    ]);
  });

  it("runs a tool that needs a human once the plane was answered, once", async () => {
    const plane = askingPlane([asking("wipe")]);
    unregister = registerGlobal(plane, { agent: "app" });
    const wipe = countingTool();
    const run = (id: string) => {
      const model = new ScriptedModel([{ calls: [{ id, name: "wipe" }] }, { text: "done" }]);
      return generateText({ model, tools: { wipe: wipe.tool }, prompt: "go", stopWhen });
    };
    const { steps } = await run("w1");
    expect(steps[0]?.content).toContainEqual(expect.objectContaining({ type: "tool-error" }));
    expect(wipe.runs).toEqual([]);
    const [request] = await plane.approvals.list({ status: "pending" });
    await plane.approvals.approve(request?.id ?? "", { by: "olga", role: "operator" });
    await run("w2");
    await run("w3");
    expect(wipe.runs).toHaveLength(1);
  });

  it("asks nothing of a governed call, whose own approval it is", async () => {
    const plane = askingPlane([asking("pay")]);
    unregister = registerGlobal(plane, { agent: "app" });
    const pay = countingTool();
    const chat = { plane, tools: { pay: pay.tool } };
    await call(chat, answered(await asked(chat)));
    expect(pay.runs).toHaveLength(1);
    expect(await plane.approvals.list({ status: "pending" })).toEqual([]);
  });

  it("is gone once it was taken away", async () => {
    const before = globalThis.AI_SDK_DEFAULT_PROVIDER;
    registerGlobal(planeOf([denying("wipe")]), { agent: "app" })();
    const wipe = countingTool();
    await generateText({ model: wiping(), tools: { wipe: wipe.tool }, prompt: "go", stopWhen });
    expect(wipe.runs).toHaveLength(1);
    expect(globalThis.AI_SDK_DEFAULT_PROVIDER).toBe(before);
  });
});

function never(): never {
  throw new Error("not asked for");
}

describe("a tool call that bears the id of another", () => {
  it("is asked about where nothing governs it, whatever became of the governed one", async () => {
    const plane = askingPlane([asking("wipe"), denying("read")]);
    unregister = registerGlobal(plane, WHO);
    const settings = { prompt: "go", stopWhen };
    for (const name of ["look", "read"]) {
      const model = new ScriptedModel([{ calls: [{ id: "w1", name }] }, { text: "done" }]);
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await generateText(govern(plane, WHO, { ...settings, model, tools: { [name]: countingTool().tool } }));
      const wipe = countingTool();
      // oxlint-disable-next-line no-await-in-loop
      await generateText({ ...settings, model: wiping(), tools: { wipe: wipe.tool } });
      expect(wipe.runs).toEqual([]);
    }
  });
});

it("two nets of one plane decide, ask and run a call once", async () => {
  const plane = askingPlane([asking("wipe")]);
  const stops = [registerGlobal(plane, WHO), registerGlobal(plane, WHO)];
  unregister = () => {
    for (const stop of stops) stop();
  };
  const wipe = countingTool();
  await generateText({ model: wiping(), tools: { wipe: wipe.tool }, prompt: "go", stopWhen });
  expect(wipe.runs).toEqual([]);
  const [open, ...more] = await plane.approvals.list();
  expect(more).toEqual([]);
  await plane.approvals.approve(open?.id ?? "", { by: "olga", role: "operator" });
  await generateText({ model: wiping(), tools: { wipe: wipe.tool }, prompt: "go", stopWhen });
  expect(wipe.runs).toHaveLength(1);
});
