import { PolicyBlocked, rule } from "@agentplane/core";
import { generateText, stepCountIs, streamText, tool, type ToolExecutionOptions } from "ai";
import { describe, expect, it } from "vitest";
import * as z from "zod";

import { govern, guardTools } from "../src/index.ts";
import { countingTool, decisionsOf, denying, planeOf, WHO } from "./planes.ts";
import { ScriptedModel } from "./scripted-model.ts";

const OPTIONS: ToolExecutionOptions<unknown> = { toolCallId: "c1", messages: [], context: undefined };
const stopWhen = stepCountIs(5);

const calling = (...names: readonly string[]): ScriptedModel =>
  new ScriptedModel([{ calls: names.map((name) => ({ name })) }, { text: "done" }]);

describe("a tool behind the plane", () => {
  it("does not run when it is hidden by policy and the model calls it all the same", async () => {
    const wipe = countingTool();
    const model = calling("wipe");
    const tools = { wipe: wipe.tool, read: countingTool().tool };
    const { text } = await generateText(
      govern(planeOf([denying("wipe")]), WHO, { model, tools, prompt: "go", stopWhen }),
    );
    expect(model.offered[0]).toEqual(["read"]);
    expect(wipe.runs).toEqual([]);
    expect(text).toBe("done");
    expect(model.told).toContain('"execution-denied"');
  });

  it("is decided again by whoever calls its execute", async () => {
    const wipe = countingTool();
    const { wipe: guarded } = guardTools(planeOf([denying("wipe")]), WHO, { wipe: wipe.tool });
    await expect(async () => guarded.execute?.({}, OPTIONS)).rejects.toBeInstanceOf(PolicyBlocked);
    expect(wipe.runs).toEqual([]);
  });

  it("shows a denial to the model as a tool-error with the policy error", async () => {
    const plane = planeOf([denying("wipe")]);
    const tools = guardTools(plane, WHO, { wipe: countingTool().tool });
    const { steps } = await generateText({ model: calling("wipe"), tools, prompt: "go", stopWhen });
    const output = steps[0]?.content.find(({ type }) => type === "tool-error");
    expect(output).toMatchObject({ type: "tool-error", error: { code: "policy_blocked" } });
  });

  it("runs exactly twice of four parallel calls against a limit of two", async () => {
    const limit = {
      id: "two",
      blocking: [rule.rate({ limit: 2, window: "1h" })],
      selector: { tools: ["read"] },
    };
    const read = countingTool();
    const model = calling("read", "read", "read", "read");
    await generateText(
      govern(planeOf([limit]), WHO, { model, tools: { read: read.tool }, prompt: "go", stopWhen }),
    );
    expect(read.runs).toHaveLength(2);
  });

  it("gets the input that experimental_refineToolInput made, which is what is decided", async () => {
    const plane = planeOf([
      {
        id: "cap",
        blocking: [
          rule.condition({ where: { tool: "pay", input: { amount: { gt: 10 } } }, reason: "too much" }),
        ],
      },
    ]);
    const pay = countingTool();
    const pays = (amount: number): Promise<unknown> =>
      generateText(
        govern(plane, WHO, {
          model: new ScriptedModel([{ calls: [{ id: `p${amount}`, name: "pay", input: { amount: 5 } }] }]),
          tools: { pay: pay.tool },
          prompt: "go",
          experimental_refineToolInput: { pay: (input: Record<string, unknown>) => ({ ...input, amount }) },
        }),
      );
    await pays(50);
    expect(pay.runs).toEqual([]);
    await pays(7);
    expect(pay.runs).toEqual([{ amount: 7 }]);
  });

  it("gets one signal that fires for the caller's abort and for an operator's cut", async () => {
    for (const isCut of [false, true]) {
      const plane = planeOf();
      const controller = new AbortController();
      const seen: (AbortSignal | undefined)[] = [];
      const work = tool({
        inputSchema: z.object({}),
        execute: async (_input, { abortSignal }) => {
          seen.push(abortSignal);
          const stop = { by: "olga", reason: "stop" };
          if (isCut) await plane.controls.unplug({ kind: "agent", id: "a" }, stop);
          else controller.abort();
        },
      });
      const settings = govern(plane, WHO, { model: calling("work"), tools: { work }, prompt: "go" });
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await generateText({ ...settings, abortSignal: controller.signal }).catch(() => undefined);
      expect(seen.map((signal) => signal?.aborted)).toEqual([true]);
    }
  });

  it.each(["generate", "stream"])(
    "that is aborted while it works has its end on record, as its run has: %s",
    async (how) => {
      const plane = planeOf([{ id: "r", blocking: [rule.rate({ limit: 5, window: "1h", per: "global" })] }]);
      const ends: string[] = [];
      plane.on(
        "outcome",
        ({ tool: name, model, outcome }) => void ends.push(`${name ?? model ?? "run"} ${outcome}`),
      );
      const controller = new AbortController();
      const slow = tool({
        inputSchema: z.object({}),
        execute: async (_input, { abortSignal }) => {
          controller.abort(new Error("enough"));
          abortSignal?.throwIfAborted();
        },
      });
      const model = new ScriptedModel([{ calls: [{ name: "slow" }] }]);
      const settings = {
        ...govern(plane, WHO, { model, tools: { slow }, prompt: "go" }),
        stopWhen,
        abortSignal: controller.signal,
      };
      if (how === "stream") await streamText(settings).consumeStream();
      else await generateText(settings).catch(() => undefined);
      await expect.poll(() => ends).toHaveLength(3);
      expect(ends.toSorted((a, b) => a.localeCompare(b))).toEqual([
        "run failed",
        "scripted ran",
        "slow failed",
      ]);
      expect(model.requests).toHaveLength(1);
    },
  );

  it("does not run whatever the application's own callbacks do: nothing depends on them", async () => {
    const fail = (): never => {
      throw new Error("the application's callback failed");
    };
    const wipe = countingTool();
    const settings = govern(planeOf([denying("wipe")]), WHO, {
      model: calling("wipe"),
      tools: { wipe: wipe.tool },
      prompt: "go",
      stopWhen,
      onStart: fail,
      onStepStart: fail,
      onToolExecutionStart: fail,
      onStepEnd: fail,
      onEnd: fail,
    });
    expect((await generateText(settings)).text).toBe("done");
    expect(wipe.runs).toEqual([]);
  });

  it("leaves what it was told in its input alone, and records the decision", async () => {
    const plane = planeOf();
    const decisions = decisionsOf(plane);
    const read = countingTool();
    await generateText(
      govern(plane, WHO, { model: calling("read"), tools: { read: read.tool }, prompt: "go", stopWhen }),
    );
    expect(read.runs).toEqual([{}]);
    expect(decisions.filter(({ decision }) => decision.hookpoint === "before_tool_call")).toHaveLength(1);
  });
});

describe("an input that a policy changed", () => {
  const strict = { amount: z.number().max(100) };
  const planeWith = (amount: unknown) => {
    const plane = planeOf();
    plane.hooks.on("before_tool_call", () => ({ input: { amount } }));
    return plane;
  };

  it("is validated again before the tool gets it", async () => {
    const runs: unknown[] = [];
    const pay = tool({ inputSchema: z.object(strict), execute: async (input) => void runs.push(input) });
    const model = () => new ScriptedModel([{ calls: [{ name: "pay", input: { amount: 1 } }] }]);
    await generateText(govern(planeWith(50), WHO, { model: model(), tools: { pay }, prompt: "go" }));
    expect(runs).toEqual([{ amount: 50 }]);
    const bad = await generateText(
      govern(planeWith("none"), WHO, { model: model(), tools: { pay }, prompt: "go" }),
    );
    expect(runs).toHaveLength(1);
    expect(bad.steps[0]?.content.some(({ type }) => type === "tool-error")).toBe(true);
  });

  it("reaches a generator tool too, which stays one", async () => {
    const seen: unknown[] = [];
    const pay = tool({
      inputSchema: z.object(strict),
      async *execute(input) {
        seen.push(input);
        yield 1;
        yield 2;
      },
    });
    const { pay: guarded } = guardTools(planeWith(50), WHO, { pay });
    const values: unknown[] = [];
    const begun = guarded.execute({ amount: 1 }, { ...OPTIONS, context: {} });
    for await (const value of begun as AsyncIterable<number>) values.push(value);
    expect(values).toEqual([1, 2]);
    expect(seen).toEqual([{ amount: 50 }]);
  });
});
