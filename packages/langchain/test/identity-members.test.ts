import { ConfigError, createAgentPlane } from "@agentplane/core";
import { tool as toolOf } from "langchain";
import { expect, test } from "vitest";
import * as z from "zod";

import { govern } from "../src/index.ts";
import { guardModel, guardTool, GuardedToolNode, usageMeter } from "../src/langgraph.ts";
import type { GovernedIdentity } from "../src/call/identity.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

const plane = createAgentPlane();
const model = new ScriptedChatModel();
const tool = toolOf(() => "", { name: "search", description: "search", schema: z.object({}) });

const WAYS: readonly [string, (identity: GovernedIdentity) => unknown][] = [
  ["govern", (who) => govern(plane, who, { model })],
  ["guardModel", (who) => guardModel(plane, who, model)],
  ["guardTool", (who) => guardTool(plane, who, tool)],
  ["GuardedToolNode", (who) => new GuardedToolNode(plane, who, [tool])],
  ["usageMeter", (who) => usageMeter(plane, who)],
];

test.each(WAYS)("%s refuses an identity that would be nobody's", (name, given) => {
  // As JavaScript may call it.
  const refused = (members: object) => () => given(members as GovernedIdentity);
  expect(refused({ agent: "a", tenantId: "acme" })).toThrow(ConfigError);
  expect(refused({ agent: "a", tenantId: "acme" })).toThrow(
    `${name}: 1 configuration error\n  identity.tenantId: unknown member — did you mean "tenant"?`,
  );
  expect(refused({ agent: "a", fromRun: { tenantId: "t" } })).toThrow("identity.fromRun.tenantId");
  expect(refused({ agent: "" })).toThrow("identity.agent: is no name");
  expect(refused({ tenant: "acme" })).toThrow("identity.agent: is no name");
});
