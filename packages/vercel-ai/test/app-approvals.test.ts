import type { AgentPlane } from "@agentplane/core";
import { type ToolSet } from "ai";
import { describe, expect, it } from "vitest";

import { type GovernableSettings } from "../src/index.ts";
import { answered, asked, call, PAY, requestsIn } from "./approval-chat.ts";
import { asking, askingPlane, countingTool, decisionsOf, denying, planeOf } from "./planes.ts";
import { ScriptedModel } from "./scripted-model.ts";

describe("the application's own approvals", () => {
  const forms: readonly (readonly [string, GovernableSettings["toolApproval"], boolean])[] = [
    ["needsApproval: true", undefined, true],
    ["a map", { pay: "user-approval" }, false],
    ["a map of functions", { pay: () => "user-approval" }, false],
    ["a function", () => ({ type: "user-approval", reason: "mine" }), false],
  ];
  for (const [form, toolApproval, needsApproval] of forms)
    it(`still ask under the plane: ${form}`, async () => {
      const { tool, runs } = countingTool();
      const pay = { ...tool, ...(needsApproval && { needsApproval: true as const }) };
      const more = toolApproval === undefined ? {} : { toolApproval };
      const chat = { plane: planeOf(), tools: { pay } as ToolSet, more };
      const history = await asked(chat);
      expect(requestsIn(history)).toHaveLength(1);
      expect(runs).toEqual([]);
      await call(chat, answered(history));
      expect(runs).toHaveLength(1);
    });

  const denials: readonly (readonly [string, NonNullable<GovernableSettings["toolApproval"]>])[] = [
    ["a function", () => "denied"],
    ["a function that says why", () => ({ type: "denied", reason: "mine" })],
    ["a map", { pay: "denied" }],
    ["a map of functions", { pay: () => "denied" }],
  ];
  for (const [form, toolApproval] of denials)
    it(`deny together with the plane, a no of either is a no: ${form}`, async () => {
      for (const plane of [askingPlane([asking("pay")]), planeOf()]) {
        const pay = countingTool();
        const chat = { plane, tools: { pay: pay.tool }, more: { toolApproval } };
        // oxlint-disable-next-line no-await-in-loop -- one plane after the other
        expect(requestsIn(await asked(chat)).every(({ isAutomatic }) => isAutomatic === true)).toBe(true);
        expect(pay.runs).toEqual([]);
      }
    });

  it("may deny when the answer comes what they asked about before", async () => {
    const pay = countingTool();
    let verdict: "user-approval" | "denied" = "user-approval";
    const chat = { plane: planeOf(), tools: { pay: pay.tool }, more: { toolApproval: () => verdict } };
    const history = await asked(chat);
    expect(requestsIn(history)).toHaveLength(1);
    verdict = "denied";
    await call(chat, answered(history)).catch(() => undefined);
    expect(pay.runs).toEqual([]);
  });

  it("are found by own names alone", async () => {
    const own = countingTool();
    const tools = Object.fromEntries([["constructor", own.tool]]);
    const model = new ScriptedModel([{ calls: [{ name: "constructor" }] }]);
    const history = await asked({ plane: planeOf(), tools, more: { toolApproval: {} } }, model);
    expect(requestsIn(history)).toEqual([]);
    expect(own.runs).toHaveLength(1);
    const asks = { constructor: { ...own.tool, needsApproval: true } } as unknown as ToolSet;
    const turns = [{ calls: [{ id: "c2", name: "constructor" }] }];
    const more = { toolApproval: {} };
    const again = await asked({ plane: planeOf(), tools: asks, more }, new ScriptedModel(turns));
    expect(requestsIn(again)).toHaveLength(1);
    expect(own.runs).toHaveLength(1);
  });

  it("are not asked about a blocked call: nobody is", async () => {
    const pay = countingTool();
    let questions = 0;
    const toolApproval = () => {
      questions += 1;
      return "user-approval" as const;
    };
    const chat = { plane: planeOf([denying("pay")]), tools: { pay: pay.tool }, more: { toolApproval } };
    const history = await asked(chat);
    expect(requestsIn(history).every(({ isAutomatic }) => isAutomatic === true)).toBe(true);
    expect(questions).toBe(0);
    expect(pay.runs).toEqual([]);
  });
});

describe("a failure of the engine", () => {
  it("denies the one call, and the others of the turn go on", async () => {
    const plane = planeOf();
    const decisions = decisionsOf(plane);
    plane.hooks.on("before_tool_call", ({ tool }) => {
      if (tool?.name === "pay") throw new Error("broken hook");
    });
    const [pay, read] = [countingTool(), countingTool()];
    const model = new ScriptedModel([{ calls: [PAY, { name: "read" }] }]);
    await asked({ plane, tools: { pay: pay.tool, read: read.tool } }, model);
    expect(pay.runs).toEqual([]);
    expect(read.runs).toHaveLength(1);
    expect(decisions.some(({ decision }) => decision.cause === "hook")).toBe(true);
  });

  it("in taking an answer denies the call, and says nothing of what failed", async () => {
    const pay = countingTool();
    const plane = askingPlane([asking("pay")]);
    const approve = async () => {
      throw new Error("no route to db.internal");
    };
    const approvals = Object.create(plane.approvals, {
      approve: { value: approve },
    }) as AgentPlane["approvals"];
    const chat = { plane: { ...plane, approvals }, tools: { pay: pay.tool } };
    const model = new ScriptedModel([]);
    await call(chat, answered(await asked(chat)), model);
    expect(pay.runs).toEqual([]);
    expect(model.told).toContain("could not be decided");
    expect(model.told).not.toContain("db.internal");
  });

  it("in finding out who acts denies it too", async () => {
    const pay = countingTool();
    const plane = planeOf([], {
      identity: {
        current: () => {
          throw new Error("no identity");
        },
      },
    });
    const model = new ScriptedModel([{ calls: [PAY] }]);
    const chat = { plane, tools: { pay: pay.tool } };
    // The model call is refused first; the tool's approval is asked as the SDK would.
    await asked(chat, model).catch(() => undefined);
    expect(pay.runs).toEqual([]);
  });
});
