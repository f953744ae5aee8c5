import { ConfigError, createAgentPlane } from "@agentplane/core";
import { Agent } from "@openai/agents";
import OpenAI from "openai";
import { expect, test } from "vitest";

import { govern as governAgent, type AgentsIdentity } from "../src/agents.ts";
import { govern, guardFetch, guardFunctions, type GovernedIdentity } from "../src/index.ts";
import { refund } from "./refund-function.ts";

const plane = createAgentPlane();
const client = new OpenAI({ apiKey: "none" });

const WAYS: readonly [string, (identity: GovernedIdentity) => unknown][] = [
  ["govern", (who) => govern(plane, who, client)],
  ["guardFetch", (who) => guardFetch(plane, who)],
  ["guardFunctions", (who) => guardFunctions(plane, who, [refund([])])],
];

test.each(WAYS)("%s refuses an identity that would be nobody's", (name, given) => {
  // As JavaScript may call it.
  const refused = (members: object) => () => given(members as GovernedIdentity);
  expect(refused({ agent: "a", tenantId: "acme" })).toThrow(ConfigError);
  expect(refused({ agent: "a", tenantId: "acme" })).toThrow(
    `${name}: 1 configuration error\n  identity.tenantId: unknown member — did you mean "tenant"?`,
  );
  expect(refused({ agent: "" })).toThrow("identity.agent: is no name");
});

test("govern of agents refuses an identity that would be nobody's", () => {
  const agent = new Agent({ name: "triage" });
  const refused = (members: object) => () => governAgent(plane, members as AgentsIdentity, agent);
  expect(refused({ fromContext: { tenantId: "tenant" } })).toThrow(
    'govern: 1 configuration error\n  identity.fromContext.tenantId: unknown member — did you mean "tenant"?',
  );
  expect(refused({ tenant: "" })).toThrow("identity.tenant: is no name");
  expect(refused({ approver: "" })).toThrow("identity.approver: is no name");
  expect(refused({ agent: "a" })).toThrow("identity.agent: unknown member");
});
