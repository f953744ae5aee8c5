import { rule } from "@agentplane/core";
import {
  Agent,
  applyPatchTool,
  computerTool,
  RunContext,
  shellTool,
  tool,
  type MCPServer,
} from "@openai/agents";
import { assistantMessage, functionCall, ScriptedModel } from "@openai/agents-core/testing";
import { describe, expect, test } from "vitest";

import { govern } from "../../src/agents.ts";
import { STOP, planeOf, answer, calling, IDENTITY, runner } from "./agent-script.ts";

describe("tools that are no functions", () => {
  const NO_SHELL = {
    id: "no",
    blocking: [rule.denylist({ tools: ["shell", "apply_patch", "computer_use_preview"] })],
  };
  const shellCall = {
    type: "shell_call" as const,
    callId: "c1",
    status: "completed" as const,
    action: { commands: ["rm -rf /"] },
  };
  const patchCall = {
    type: "apply_patch_call" as const,
    callId: "c1",
    status: "completed" as const,
    operation: { type: "delete_file" as const, path: "a.txt" },
  };
  const clickCall = {
    type: "computer_call" as const,
    callId: "c1",
    status: "completed" as const,
    action: { type: "click" as const, x: 1, y: 2, button: "left" as const },
  };
  const done = answer({ output: [assistantMessage("done")] });

  test.each([true, false])("a shell runs only what is allowed (%s)", async (isAllowed) => {
    const plane = planeOf({ policies: isAllowed ? [] : [NO_SHELL] });
    const ran: unknown[] = [];
    const shell = {
      run: async (action: unknown) => (
        ran.push(action),
        { output: [{ stdout: "ok", stderr: "", outcome: { type: "exit" as const, exitCode: 0 } }] }
      ),
    };
    const model = new ScriptedModel([answer({ output: [shellCall] }), done]);
    const result = await runner.run(
      govern(plane, IDENTITY, new Agent({ name: "ops", model, tools: [shellTool({ shell })] })),
      "go",
    );
    expect(ran).toHaveLength(isAllowed ? 1 : 0);
    expect(JSON.stringify(result.history)).toContain(isAllowed ? "ok" : "must not be used");
    await plane.close();
  });

  test.each([true, false])("an editor changes only what is allowed (%s)", async (isAllowed) => {
    const plane = planeOf({ policies: isAllowed ? [] : [NO_SHELL] });
    const ran: unknown[] = [];
    const edit = async (operation: unknown) => (
      ran.push(operation),
      { status: "completed" as const, output: "ok" }
    );
    const editor = { createFile: edit, updateFile: edit, deleteFile: edit };
    const model = new ScriptedModel([answer({ output: [patchCall] }), done]);
    const result = await runner.run(
      govern(plane, IDENTITY, new Agent({ name: "ops", model, tools: [applyPatchTool({ editor })] })),
      "go",
    );
    expect(ran).toHaveLength(isAllowed ? 1 : 0);
    expect(JSON.stringify(result.history)).toContain(isAllowed ? "ok" : "must not be used");
    await plane.close();
  });

  test.each([true, false])("a computer does only what is allowed (%s)", async (isAllowed) => {
    const plane = planeOf({ policies: isAllowed ? [] : [NO_SHELL] });
    const ran: string[] = [];
    const act = (name: string) => async () => void ran.push(name);
    const computer = {
      environment: "browser" as const,
      dimensions: [1, 1] as [number, number],
      screenshot: async () => (ran.push("screenshot"), "cGlj"),
      click: act("click"),
      doubleClick: act("doubleClick"),
      scroll: act("scroll"),
      type: act("type"),
      wait: act("wait"),
      move: act("move"),
      keypress: act("keypress"),
      drag: act("drag"),
    };
    const model = new ScriptedModel([answer({ output: [clickCall] }), done]);
    const agent = govern(
      plane,
      IDENTITY,
      new Agent({ name: "ops", model, tools: [computerTool({ computer })] }),
    );
    await runner.run(agent, "go").catch(() => undefined);
    expect(ran).toStrictEqual(isAllowed ? ["click", "screenshot"] : []);
    await plane.close();
  });

  test("a tool of an MCP server is decided, and its output keeps its shape when it is redacted", async () => {
    const plane = planeOf({ policies: [{ id: "p", blocking: [rule.redact({ detect: ["email"] })] }] });
    const called: string[] = [];
    const server: MCPServer = {
      name: "shop",
      cacheToolsList: false,
      connect: async () => undefined,
      close: async () => undefined,
      invalidateToolsCache: async () => undefined,
      listTools: async () => [
        {
          name: "find",
          inputSchema: { type: "object", properties: {}, required: [], additionalProperties: true },
        },
      ],
      callTool: async (name) => (called.push(name), [{ type: "text", text: "mail mira@example.com" }]),
    };
    const agent = govern(
      plane,
      IDENTITY,
      new Agent({ name: "ops", model: calling(["find", {}]), mcpServers: [server] }),
    );
    const result = await runner.run(agent, "go");
    expect(called).toStrictEqual(["find"]);
    const text = JSON.stringify(result.history);
    expect(text).not.toContain("example.com");
    expect(text).toMatch(/"type":"input_text","text":"mail \[/);
    await plane.controls.unplug({ kind: "tool", id: "find" }, STOP);
    const again = govern(
      plane,
      IDENTITY,
      new Agent({ name: "ops", model: calling(["find", {}]), mcpServers: [server] }),
    );
    await runner.run(again, "go", { toolNotFoundBehavior: "return_error_to_model" });
    expect(called).toHaveLength(1);
    await plane.close();
  });
});

test.each(["the caller", "an operator"])(
  "the signal of a tool that runs fires when %s stops it",
  async (who) => {
    const plane = planeOf();
    const caller = new AbortController();
    const seen: (boolean | undefined)[] = [];
    const slow = tool({
      name: "slow",
      description: "Takes its time.",
      parameters: { type: "object", properties: {}, required: [], additionalProperties: true },
      strict: false,
      async execute(_input, _context, details) {
        seen.push(details?.signal?.aborted);
        if (who === "the caller") caller.abort(new Error("enough"));
        else await plane.controls.unplug({ kind: "tool", id: "slow" }, STOP);
        seen.push(details?.signal?.aborted);
      },
    });
    const agent = govern(
      plane,
      IDENTITY,
      new Agent({ name: "ops", model: calling(["slow", {}]), tools: [slow] }),
    );
    await runner.run(agent, "go", { signal: caller.signal }).catch(() => undefined);
    expect(seen).toStrictEqual([false, true]);
    await plane.close();
  },
);

test("a tool whose details are frozen runs, and its signal fires when an operator stops it", async () => {
  const plane = planeOf();
  const seen: unknown[] = [];
  const slow = tool({
    name: "slow",
    description: "Takes its time.",
    parameters: { type: "object", properties: {}, required: [], additionalProperties: true },
    strict: false,
    async execute(_input, _context, details) {
      seen.push(details?.toolCall?.callId, details?.signal?.aborted);
      await plane.controls.unplug({ kind: "tool", id: "slow" }, STOP);
      seen.push(details?.signal?.aborted);
    },
  });
  const agent = govern(plane, IDENTITY, new Agent({ name: "ops", model: calling(), tools: [slow] }));
  const context = new RunContext();
  const [governed] = await agent.getAllTools(context);
  if (governed?.type !== "function") throw new Error("the tool is gone");
  const details = Object.freeze({
    toolCall: functionCall("slow", {}, { callId: "c0" }),
    signal: new AbortController().signal,
  });
  await governed.invoke(context, "{}", details).catch(() => undefined);
  expect(seen).toStrictEqual(["c0", false, true]);
  await plane.close();
});
