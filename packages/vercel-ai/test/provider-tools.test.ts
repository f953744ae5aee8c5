import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, stepCountIs } from "ai";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { govern } from "../src/index.ts";
import { startLoopback, type Loopback } from "./loopback.ts";
import { asking, askingPlane, countingTool, decisionsOf, denying, planeOf, WHO } from "./planes.ts";
import { ScriptedModel, type Turn } from "./scripted-model.ts";

const openaiAnswer = {
  id: "r1",
  object: "response",
  created_at: 1,
  model: "gpt-test",
  output: [
    {
      type: "message",
      id: "m1",
      role: "assistant",
      content: [{ type: "output_text", text: "hi", annotations: [] }],
    },
  ],
  usage: { input_tokens: 3, output_tokens: 2, total_tokens: 5 },
};
const anthropicAnswer = {
  id: "m1",
  type: "message",
  role: "assistant",
  model: "claude-test",
  content: [{ type: "text", text: "hi" }],
  stop_reason: "end_turn",
  usage: { input_tokens: 3, output_tokens: 2 },
};

describe("a tool that runs at the provider", () => {
  let server: Loopback;
  beforeEach(async () => {
    server = await startLoopback((request, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(
        JSON.stringify(request.url?.includes("messages") === true ? anthropicAnswer : openaiAnswer),
      );
    });
  });
  afterEach(() => server.close());

  const ask = async (mode?: "NO_EXTERNAL" | "SAFE_TOOLS_ONLY" | "READ_ONLY") => {
    const plane = planeOf();
    if (mode !== undefined) await plane.controls.degrade({ kind: "agent", id: "a" }, mode, { by: "olga" });
    const openai = createOpenAI({ apiKey: "none", baseURL: `${server.url}/v1` });
    const anthropic = createAnthropic({ apiKey: "none", baseURL: `${server.url}/v1` });
    await generateText(
      govern(plane, WHO, {
        model: openai("gpt-test"),
        tools: { web_search: openai.tools.webSearch({}) },
        prompt: "go",
      }),
    );
    await generateText(
      govern(plane, WHO, {
        model: anthropic("claude-test"),
        tools: { web_search: anthropic.tools.webSearch_20250305({}) },
        prompt: "go",
      }),
    );
    return server.bodies.map((body) => body.includes("web_search"));
  };

  it("is offered while nothing forbids it", async () => {
    expect(await ask()).toEqual([true, true]);
  });

  for (const mode of ["NO_EXTERNAL", "SAFE_TOOLS_ONLY", "READ_ONLY"] as const)
    it(`is taken out of the request under ${mode}`, async () => {
      expect(await ask(mode)).toEqual([false, false]);
    });

  it("is taken out where a person would have to be asked: nobody can be, once it is offered", async () => {
    const anthropic = createAnthropic({ apiKey: "none" });
    const search = anthropic.tools.webSearch_20250305({});
    // One that runs here can wait for an answer, so it stays.
    const bash = anthropic.tools.bash_20250124({ execute: async () => "done" });
    const model = new ScriptedModel([]);
    const call = { model, tools: { search, bash }, prompt: "go" };
    await generateText(govern(askingPlane([asking("search"), asking("bash")]), WHO, call));
    const plane = askingPlane([]);
    await plane.controls.degrade({ kind: "agent", id: "a" }, "HUMAN_LOOP", { by: "olga" });
    await generateText(govern(plane, WHO, call));
    expect(model.offered).toEqual([["bash"], ["bash"]]);
  });

  it("is a denial on record where it is forced, and a person would have to be asked", async () => {
    const plane = askingPlane([asking("search")]);
    const decisions = decisionsOf(plane);
    const model = new ScriptedModel([]);
    const search = createAnthropic({ apiKey: "none" }).tools.webSearch_20250305({});
    const toolChoice = { type: "tool", toolName: "search" } as const;
    const call = govern(plane, WHO, { model, tools: { search }, toolChoice, prompt: "go" });
    const denial = { code: "policy_blocked", message: expect.stringContaining("cannot be asked for") };
    await expect(generateText(call)).rejects.toMatchObject(denial);
    expect(await plane.approvals.list()).toEqual([]);
    expect(decisions.filter(({ tool }) => tool === "search")).toHaveLength(1);
    expect(model.requests).toEqual([]);
  });

  it("is known by the provider's own name too", async () => {
    const openai = createOpenAI({ apiKey: "none", baseURL: `${server.url}/v1` });
    const plane = planeOf([denying("openai.web_search")]);
    await generateText(
      govern(plane, WHO, {
        model: openai("gpt-test"),
        tools: { look: openai.tools.webSearch({}) },
        prompt: "go",
      }),
    );
    expect(server.bodies[0]).not.toContain("web_search");
  });

  it("that ran already is not said to be denied: an approval function cannot stop it", async () => {
    const call = { toolCallId: "p1", toolName: "search", dynamic: true } as const;
    const turn: Turn = {
      content: [
        { type: "tool-call", ...call, input: "{}", providerExecuted: true },
        { type: "tool-result", ...call, result: "found" },
        { type: "text", text: "found it" },
      ],
    };
    const plane = askingPlane([denying("search")]);
    // Known by the application, and not: the SDK asks about the former alone.
    for (const tools of [{ search: createOpenAI({ apiKey: "none" }).tools.webSearch({}) }, {}]) {
      // oxlint-disable-next-line no-await-in-loop -- one run after the other
      const { text, content } = await generateText({
        ...govern(plane, WHO, {
          model: new ScriptedModel([turn]),
          tools: { ...tools, read: countingTool().tool },
          prompt: "go",
        }),
        stopWhen: stepCountIs(2),
      });
      expect(text).toBe("found it");
      expect(content.some(({ type }) => type === "tool-approval-response")).toBe(false);
    }
  });
});

describe("a tool that runs in the browser", () => {
  it("is refused before it is called there", async () => {
    const { execute: _execute, ...browser } = countingTool().tool;
    const tools = { locate: browser as ReturnType<typeof countingTool>["tool"] };
    const model = new ScriptedModel([{ calls: [{ name: "locate" }] }]);
    const { content } = await generateText(
      govern(planeOf([denying("locate")]), WHO, { model, tools, prompt: "go" }),
    );
    expect(content).toContainEqual(
      expect.objectContaining({ type: "tool-approval-response", approved: false }),
    );
  });
});
