import { describe, expect, it, test } from "vitest";

import { AgentplaneError } from "../../src/base/errors.ts";
import { createContext, type ContextInit } from "../../src/context/create-context.ts";
import type { IdentityClaim } from "../../src/context/identity.ts";
import { createAgentPlane, type AgentPlane } from "../../src/plane.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { blocking } from "../plane/bench.ts";

const CALL = { hookpoint: "before_tool_call", agent: "bot", tool: { name: "refund", input: {} } } as const;

/** The point of these tests is what types would not let through. */
function untyped(description: object): ContextInit {
  return description as ContextInit;
}

async function errorOf(work: () => unknown): Promise<AgentplaneError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof AgentplaneError) return error;
    throw error;
  }
  throw new Error("was not refused");
}

describe("a field that does not exist", () => {
  it.each([
    [{ tennant: "acme" }, "tennant", 'did you mean "tenant"?'],
    [{ agent: { id: "bot", ancesters: [] } }, "agent.ancesters", 'did you mean "ancestors"?'],
    [{ tool: { name: "refund", args: {} } }, "tool.args", "use one of name, server"],
    [{ tool: { name: "refund", orignalName: "x" } }, "tool.orignalName", 'did you mean "originalName"?'],
    [{ model: { name: "m", maxOutputToken: 1 } }, "model.maxOutputToken", 'did you mean "maxOutputTokens"?'],
    [{ target: { name: "t", inptu: 1 } }, "target.inptu", 'did you mean "input"?'],
    [{ api: { method: "GET", url: "https://a.example", host: "b" } }, "api.host", "use one of method, url"],
    [{ framework: { tenant: "acme" } }, "framework", "use one of hookpoint"],
  ])("is refused: %j", async (extra, field, hint) => {
    const error = await errorOf(() => createContext(untyped({ ...CALL, ...extra }), 1));
    expect(error.code).toBe("context_invalid");
    expect(error.data["field"]).toBe(field);
    expect(error.message).toContain(hint);
  });

  it("is refused where it is inherited, as fields are read there too", async () => {
    const description = Object.create({ tennant: "acme" }) as object;
    const error = await errorOf(() => createContext(untyped(Object.assign(description, CALL)), 1));
    expect(error.data["field"]).toBe("tennant");
  });

  it("does not repeat a name of any length, nor the value", async () => {
    const error = await errorOf(() => createContext(untyped({ ...CALL, ["x".repeat(10_000)]: "secret" }), 1));
    expect(error.message.length).toBeLessThan(400);
    expect(error.message).not.toContain("secret");
  });
});

const OF_ACME = blocking("acme", [rule.denylist({ tools: ["*"] })], { selector: { tenants: ["acme"] } });
const MISSPELT = untyped({ ...CALL, tennant: "acme" });

/** Every verb that takes a description. */
const VERBS: Readonly<Record<string, (plane: AgentPlane) => unknown>> = {
  context: ({ guard }) => guard.context(MISSPELT),
  peek: ({ guard }) => guard.peek(MISSPELT),
  ask: ({ guard }) => guard.ask(MISSPELT),
  admit: ({ guard }) => guard.admit(MISSPELT),
  admitBatch: ({ guard }) => guard.admitBatch([MISSPELT]),
  toolCall: ({ guard }) => guard.toolCall({ context: MISSPELT, run: () => "ran" }),
  modelCall: ({ guard }) => guard.modelCall({ context: MISSPELT, run: () => "ran" }),
  toolRun: ({ guard }) => guard.toolRun({ context: MISSPELT, run: () => "ran" }),
  preview: ({ guard }) => guard.preview(MISSPELT, "shown"),
  visibleTools: ({ guard }) => guard.visibleTools([{ name: "refund" }], MISSPELT),
  decide: ({ engine }) => engine.decide(MISSPELT),
  evaluate: ({ engine }) => engine.evaluate(MISSPELT),
  explain: ({ engine }) => engine.explain(MISSPELT),
};

test.each(Object.entries(VERBS))(
  "%s takes no call past the policy of a misspelt tenant",
  async (_verb, call) => {
    const plane = createAgentPlane({ policies: [OF_ACME], identity: { optional: ["tenant"] } });
    const error = await errorOf(() => call(plane));
    expect(error.code).toBe("context_invalid");
    expect(error.message).toContain('did you mean "tenant"?');
  },
);

describe("who acts, said by another source", () => {
  const misspelt = { tennant: "acme" } as IdentityClaim;

  it("is refused where the framework misspells it", async () => {
    const { guard } = createAgentPlane();
    const error = await errorOf(() => guard.admit({ ...CALL, framework: misspelt }));
    expect(error.data["field"]).toBe("framework.tennant");
  });

  it("is refused where the running identity misspells it", async () => {
    const { guard } = createAgentPlane({ identity: { current: () => misspelt } });
    const error = await errorOf(() => guard.admit(CALL));
    expect(error.data["field"]).toBe("identity.current().tennant");
  });

  it("is refused where the defaults say more than they can", async () => {
    const { guard } = createAgentPlane();
    const error = await errorOf(() => guard.admit({ ...CALL, defaults: { tenant: "acme" } as object }));
    expect(error.data["field"]).toBe("defaults.tenant");
  });

  it("is refused in a nested agent too, whose lineage is filled in", async () => {
    const { guard } = createAgentPlane();
    const nested = { ...CALL, agent: { id: "child", ancesters: [] } as { id: string } };
    const error = await errorOf(() => guard.toolCall({ context: CALL, run: () => guard.admit(nested) }));
    expect(error.data["field"]).toBe("agent.ancesters");
  });
});
