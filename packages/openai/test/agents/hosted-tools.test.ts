import { createAgentPlane, rule } from "@agentplane/core";
import {
  Agent,
  codeInterpreterTool,
  fileSearchTool,
  hostedMcpTool,
  imageGenerationTool,
  setTracingDisabled,
  tool,
  Usage,
  webSearchTool,
} from "@openai/agents";
import { assistantMessage, ScriptedModel } from "@openai/agents-core/testing";
import { expect, test } from "vitest";
import { z } from "zod";

import { govern, GovernedRunner } from "../../src/agents.ts";

setTracingDisabled(true);

/** The tools of a hosted MCP server that a model is offered. */
async function offered(allowedTools: string[] | { toolNames: string[] }, denied: string[]) {
  const plane = createAgentPlane({
    policies: [{ id: "no", blocking: [rule.denylist({ tools: denied })] }],
  });
  const model = new ScriptedModel([{ output: [assistantMessage("done")], usage: new Usage() }]);
  const server = hostedMcpTool({ serverLabel: "shop", serverUrl: "http://localhost", allowedTools });
  const agent = govern(plane, { tenant: "acme" }, new Agent({ name: "ops", model, tools: [server] }));
  await new GovernedRunner().run(agent, "go");
  await plane.close();
  return model.calls[0]?.request.tools.map((one) =>
    Reflect.get(Reflect.get(one, "providerData") as object, "allowed_tools"),
  );
}

test.each<[string, Parameters<typeof offered>, unknown]>([
  [
    "is offered whole where nothing of it is forbidden",
    [["find"], ["shop/wipe"]],
    [{ tool_names: ["find"] }],
  ],
  [
    "lacks the tools that are forbidden",
    [{ toolNames: ["find", "wipe"] }, ["shop/wipe"]],
    [{ tool_names: ["find"] }],
  ],
  ["is not offered without any", [["wipe"], ["wipe"]], []],
])("a hosted MCP server that runs calls without asking %s", async (_name, given, expected) => {
  expect(await offered(...given)).toStrictEqual(expected);
});

test.each(["NO_EXTERNAL", "SAFE_TOOLS_ONLY"] as const)(
  "tools that run at the provider are not offered in mode %s",
  async (mode) => {
    const plane = createAgentPlane({ tools: { find: { access: "read", external: false, safe: true } } });
    const find = tool({ name: "find", description: "Finds.", parameters: z.object({}), execute: () => "ok" });
    const shop = hostedMcpTool({ serverLabel: "shop", serverUrl: "http://localhost" });
    const tools = [webSearchTool(), codeInterpreterTool(), fileSearchTool(["vs_1"]), imageGenerationTool()];
    const offeredNow = async (): Promise<readonly string[] | undefined> => {
      const model = new ScriptedModel([{ output: [assistantMessage("done")], usage: new Usage() }]);
      const agent = new Agent({ name: "ops", model, tools: [...tools, shop, find] });
      await new GovernedRunner().run(govern(plane, { tenant: "acme" }, agent), "go");
      return model.calls[0]?.request.tools.map(({ name }) => name);
    };
    const before = await offeredNow();
    expect(before).toHaveLength(6);
    await plane.controls.degrade({ kind: "agent", id: "ops" }, mode, { reason: "test", by: "olga" });
    expect(await offeredNow()).toStrictEqual(["find"]);
    await plane.close();
  },
);
