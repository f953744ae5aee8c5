import { createAgentPlane, rule } from "@agentplane/core";
import { Agent, hostedMcpTool, setTracingDisabled, Usage } from "@openai/agents";
import { assistantMessage, ScriptedModel } from "@openai/agents-core/testing";
import { expect, test } from "vitest";

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
  return model.calls[0]?.request.tools.map((tool) =>
    Reflect.get(Reflect.get(tool, "providerData") as object, "allowed_tools"),
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
