import { generateText, stepCountIs, streamText, tool, type LanguageModel } from "ai";
import { afterEach, describe, expect, it, vi } from "vitest";
import * as z from "zod";

import { govern, guardModel, guardTools, registerGlobal } from "../src/index.ts";
import { asking, askingPlane, countingTool, planeOf, WHO } from "./planes.ts";
import { ScriptedModel, type Turn } from "./scripted-model.ts";

const stopWhen = stepCountIs(5);
let unregister: (() => void) | undefined;
afterEach(() => {
  unregister?.();
  unregister = undefined;
  vi.restoreAllMocks();
});

type Inner = (plane: ReturnType<typeof planeOf>, model: ScriptedModel) => PromiseLike<unknown>;

/** Two governed runs, each with an agent inside a tool. */
async function reported(
  inner: Inner,
  onUngoverned?: (agent: string) => void,
  turns: readonly Turn[] = [{ text: "inner" }],
): Promise<void> {
  const plane = planeOf();
  unregister = registerGlobal(plane, { agent: "app" }, onUngoverned && { onUngoverned });
  const delegate = tool({
    inputSchema: z.object({}),
    execute: async () => String(await inner(plane, new ScriptedModel(turns, "inner"))),
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

describe("an agent inside a governed tool whose model alone is guarded", () => {
  /** A governed run with such an agent, whose tool a policy asks about. */
  const setting = (isByName: boolean) => {
    const plane = askingPlane([asking("wipe")]);
    const inner = new ScriptedModel([{ calls: [{ id: "i1", name: "wipe" }] }, { text: "inner" }], "inner");
    const provider = {
      specificationVersion: "v4",
      languageModel: () => inner,
      embeddingModel: never,
      imageModel: never,
    } as const;
    const agents: string[] = [];
    const onUngoverned = (agent: string): void => void agents.push(agent);
    unregister = registerGlobal(plane, { agent: "app" }, { provider, onUngoverned });
    const wipe = countingTool();
    const model: LanguageModel = isByName ? "any/inner" : guardModel(plane, { agent: "inner" }, inner);
    const run = (tools = { wipe: wipe.tool }): PromiseLike<{ text: string }> => {
      const execute = async () => (await generateText({ model, tools, prompt: "go", stopWhen })).text;
      const delegate = tool({ inputSchema: z.object({}), execute });
      const outer = new ScriptedModel([{ calls: [{ name: "delegate" }] }, { text: "outer" }]);
      return generateText(govern(plane, WHO, { model: outer, tools: { delegate }, prompt: "go", stopWhen }));
    };
    return { plane, wipe, agents, run };
  };

  for (const isByName of [false, true])
    it(`is reported for its tools, which wait for the answer to a policy's question: ${isByName ? "by name" : "guardModel"}`, async () => {
      const { plane, wipe, agents, run } = setting(isByName);
      const done = run();
      const request = await requested(plane);
      expect(request.binding.tool?.name).toBe("wipe");
      expect(wipe.runs).toEqual([]);
      await plane.approvals.approve(request.id, { by: "olga", role: "operator" });
      expect((await done).text).toBe("outer");
      expect(wipe.runs).toHaveLength(1);
      expect(agents).toEqual(["wipe"]);
    });

  it("does not run what a human refuses", async () => {
    const { plane, wipe, run } = setting(false);
    const done = run();
    await plane.approvals.deny((await requested(plane)).id, { by: "olga", role: "operator" });
    await done;
    expect(wipe.runs).toEqual([]);
  });

  it("is not reported where its approvals decide about the tools that the SDK replaces", async () => {
    const agents: string[] = [];
    await reported(
      async (plane, inner) => {
        const read = countingTool().tool;
        const governed = govern(plane, WHO, { model: inner, tools: { read }, prompt: "go", stopWhen });
        return (await generateText({ ...governed, tools: { read } })).text;
      },
      (agent) => agents.push(agent),
      [{ calls: [{ id: "i1", name: "read" }] }, { text: "inner" }],
    );
    expect(agents).toEqual([]);
  });

  it("runs no tool beside its approvals that a policy asks about: nobody would see the question", async () => {
    const plane = askingPlane([asking("wipe")]);
    const wipe = countingTool();
    const inner = new ScriptedModel([{ calls: [{ id: "i1", name: "wipe" }] }, { text: "inner" }], "inner");
    const execute = async () => {
      const governed = govern(plane, WHO, {
        model: inner,
        tools: { wipe: wipe.tool },
        prompt: "go",
        stopWhen,
      });
      return (await generateText({ ...governed, tools: { wipe: wipe.tool } })).text;
    };
    const delegate = tool({ inputSchema: z.object({}), execute });
    const outer = new ScriptedModel([{ calls: [{ name: "delegate" }] }, { text: "outer" }]);
    await generateText(govern(plane, WHO, { model: outer, tools: { delegate }, prompt: "go", stopWhen }));
    expect(wipe.runs).toEqual([]);
    expect(inner.told).toContain("execution-denied");
    expect(await plane.approvals.list()).toEqual([]);
  });

  it("waits for the answer about a copy of a guarded tool", async () => {
    const plane = askingPlane([asking("wipe")]);
    const wipe = countingTool();
    const inner = new ScriptedModel([{ calls: [{ id: "i1", name: "wipe" }] }, { text: "inner" }], "inner");
    const execute = async () => {
      const settings = { model: inner, tools: { wipe: wipe.tool }, prompt: "go", stopWhen };
      const governed = govern(plane, WHO, settings);
      return (await generateText({ ...governed, tools: { wipe: { ...governed.tools.wipe } } })).text;
    };
    const delegate = tool({ inputSchema: z.object({}), execute });
    const outer = new ScriptedModel([{ calls: [{ name: "delegate" }] }, { text: "outer" }]);
    const run = generateText(
      govern(plane, WHO, { model: outer, tools: { delegate }, prompt: "go", stopWhen }),
    );
    await vi.waitFor(async () => expect(await plane.approvals.list()).toHaveLength(1), { timeout: 10_000 });
    expect(wipe.runs).toEqual([]);
    const [open] = await plane.approvals.list();
    await plane.approvals.approve(open?.id ?? "", { by: "olga", role: "operator" });
    await run;
    expect(wipe.runs).toHaveLength(1);
  });

  it("is not reported where its tools are guarded too", async () => {
    const { plane, wipe, agents, run } = setting(false);
    const read = guardTools(plane, { agent: "inner" }, { wipe: wipe.tool });
    const stop = plane.approvals.subscribe(({ id, status }) => {
      if (status === "pending") void plane.approvals.approve(id, { by: "olga", role: "operator" });
    });
    await run(read);
    stop();
    expect(wipe.runs).toHaveLength(1);
    expect(agents).toEqual([]);
  });
});

async function requested(plane: ReturnType<typeof planeOf>) {
  return vi.waitFor(
    async () => {
      const [request] = await plane.approvals.list({ status: "pending" });
      if (request === undefined) throw new Error("nobody has been asked yet");
      return request;
    },
    { timeout: 10_000 },
  );
}

function never(): never {
  throw new Error("not asked for");
}
