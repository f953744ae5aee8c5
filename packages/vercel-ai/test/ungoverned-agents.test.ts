import { generateText, stepCountIs, streamText, tool } from "ai";
import { afterEach, describe, expect, it, vi } from "vitest";
import * as z from "zod";

import { govern, guardModel, registerGlobal } from "../src/index.ts";
import { planeOf, WHO } from "./planes.ts";
import { ScriptedModel } from "./scripted-model.ts";

const stopWhen = stepCountIs(5);
let unregister: (() => void) | undefined;
afterEach(() => {
  unregister?.();
  unregister = undefined;
  vi.restoreAllMocks();
});

type Inner = (plane: ReturnType<typeof planeOf>, model: ScriptedModel) => PromiseLike<unknown>;

/** Two governed runs, each with an agent inside a tool. */
async function reported(inner: Inner, onUngoverned?: (agent: string) => void): Promise<void> {
  const plane = planeOf();
  unregister = registerGlobal(plane, { agent: "app" }, onUngoverned && { onUngoverned });
  const delegate = tool({
    inputSchema: z.object({}),
    execute: async () => String(await inner(plane, new ScriptedModel([{ text: "inner" }], "inner"))),
  });
  for (const session of ["s1", "s2"]) {
    const model = new ScriptedModel([{ calls: [{ name: "delegate" }] }, { text: "outer" }]);
    // oxlint-disable-next-line no-await-in-loop -- one run after the other
    await generateText(
      govern(plane, { ...WHO, session }, { model, tools: { delegate }, prompt: "go", stopWhen }),
    );
  }
}

describe("an agent inside a governed tool", () => {
  const ungoverned: Readonly<Record<string, Inner>> = {
    generateText: async (_plane, model) => (await generateText({ model, prompt: "go" })).text,
    streamText: async (_plane, model) => streamText({ model, prompt: "go" }).text,
  };
  for (const [name, inner] of Object.entries(ungoverned))
    it(`that nobody governs is reported, once: ${name}`, async () => {
      const agents: string[] = [];
      await reported(inner, (agent) => agents.push(agent));
      expect(agents).toHaveLength(1);
      expect(agents[0]).toContain("inner");
    });

  it("is reported by the name that it gives itself", async () => {
    const agents: string[] = [];
    const inner: Inner = async (_plane, model) =>
      (await generateText({ model, prompt: "go", telemetry: { functionId: "researcher" } })).text;
    await reported(inner, (agent) => agents.push(agent));
    expect(agents).toEqual(["researcher"]);
  });

  it("is warned of on the console by default", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    await reported(ungoverned["generateText"] as Inner);
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0]?.[0]).toContain("inner");
  });

  it("is not reported when it is governed, or its model is guarded", async () => {
    const agents: string[] = [];
    const governed: readonly Inner[] = [
      async (plane, model) => (await generateText(govern(plane, WHO, { model, prompt: "go" }))).text,
      async (plane, model) => streamText(govern(plane, WHO, { model, prompt: "go" })).text,
      async (plane, model) =>
        (await generateText({ model: guardModel(plane, WHO, model), prompt: "go" })).text,
    ];
    for (const inner of governed) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await reported(inner, (agent) => agents.push(agent));
      unregister?.();
    }
    expect(agents).toEqual([]);
  });
});

it("reports no agent of its own right: the net is what governs it", async () => {
  const agents: string[] = [];
  unregister = registerGlobal(planeOf(), { agent: "app" }, { onUngoverned: (agent) => agents.push(agent) });
  await generateText({ model: new ScriptedModel([]), prompt: "go" });
  expect(agents).toEqual([]);
});
