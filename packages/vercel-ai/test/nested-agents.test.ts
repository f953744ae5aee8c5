import { createAsyncIdentity } from "@agentplane/core/node";
import { generateText, stepCountIs, tool } from "ai";
import { describe, expect, it } from "vitest";
import * as z from "zod";

import { govern } from "../src/index.ts";
import { countingTool, decisionsOf, denying, planeOf, WHO } from "./planes.ts";
import { ScriptedModel } from "./scripted-model.ts";

const stopWhen = stepCountIs(5);

describe("an agent inside a tool", () => {
  const run = async (isGoverned: boolean) => {
    const plane = planeOf([denying("wipe")]);
    const decisions = decisionsOf(plane);
    const wipe = countingTool();
    const inner = new ScriptedModel([{ calls: [{ id: "i1", name: "wipe" }] }, { text: "inner" }], "inner");
    const settings = { model: inner, tools: { wipe: wipe.tool }, prompt: "go", stopWhen };
    const delegate = tool({
      inputSchema: z.object({}),
      execute: async () =>
        (
          await generateText(
            isGoverned ? govern(plane, { agent: "researcher", session: "s" }, settings) : settings,
          )
        ).text,
    });
    const model = new ScriptedModel([{ calls: [{ name: "delegate" }] }, { text: "outer" }]);
    const { text } = await generateText(
      govern(plane, WHO, { model, tools: { delegate }, prompt: "go", stopWhen }),
    );
    return { text, wipe, decisions };
  };

  it("is gated when it is governed too: its own model, its own tools, its lineage on record", async () => {
    const { text, wipe, decisions } = await run(true);
    expect(text).toBe("outer");
    expect(wipe.runs).toEqual([]);
    const own = decisions.filter(({ identity }) => identity.agent === "researcher");
    expect(own.map(({ decision }) => decision.hookpoint)).toContain("before_model_call");
    expect(own.every(({ identity }) => identity.ancestors?.includes("a"))).toBe(true);
  });

  it("that nobody governs does what it likes: nothing of it is on record, so the trail shows the gap", async () => {
    const { wipe, decisions } = await run(false);
    expect(wipe.runs).toHaveLength(1);
    expect(decisions.map(({ tool: name }) => name)).not.toContain("wipe");
  });
});

describe("who acts", () => {
  it("may come from AsyncLocalStorage, for model and tools alike", async () => {
    const identity = createAsyncIdentity();
    const plane = planeOf([], { identity: { current: identity.current, trust: ["async"] } });
    const decisions = decisionsOf(plane);
    const read = countingTool();
    const model = new ScriptedModel([{ calls: [{ name: "read" }] }, { text: "done" }]);
    const settings = govern(
      plane,
      { agent: "a" },
      { model, tools: { read: read.tool }, prompt: "go", stopWhen },
    );
    await identity.run({ tenant: "acme", session: "s1" }, () => generateText(settings));
    expect(read.runs).toHaveLength(1);
    expect(new Set(decisions.map(({ identity: who }) => who.tenant))).toEqual(new Set(["acme"]));
  });

  it("is blocked where the call's options contradict what the application said", async () => {
    const plane = planeOf();
    const settings = govern(
      plane,
      { agent: "a", tenant: "acme" },
      {
        model: new ScriptedModel([]),
        prompt: "go",
        providerOptions: { agentplane: { tenant: "globex" } },
      },
    );
    await expect(generateText(settings)).rejects.toMatchObject({ decision: { cause: "identity_conflict" } });
  });
});
