import { describe, expect, test } from "vitest";

import { HookRegistry, type Decision, type DecisionRecord } from "../../src/index.ts";
import { callTool, lintOf, runPlane, type RanPage } from "./page-plane.ts";

const runPage = (id: string): Promise<RanPage> => runPlane("docs/from-python.md", id);
const callOf = (tool: string, more: object = {}) =>
  ({ hookpoint: "before_tool_call", agent: "my-agent", tool, ...more }) as const;

const asked = callOf("sql_run", { tenant: "acme" });

test("Quickstart: the documented call is allowed", async () => {
  const { names } = await runPage("quickstart");
  expect(names["decision"]).toMatchObject({ effect: "allow", verdict: "allow" });
});

test("Quickstart: the 101st call of the hour is blocked", async () => {
  const { plane, ports } = await runPage("quickstart");
  // oxlint-disable-next-line no-await-in-loop -- calls in order
  for (let call = 2; call <= 100; call++) await plane.engine.evaluate(asked);
  await expect(plane.engine.evaluate(asked)).rejects.toMatchObject({
    name: "PolicyBlocked",
    policyId: "acme.data-access.v1",
    ruleId: "rate",
    retryAfterMs: 3_600_000,
  });
  // What was denied does not count: the window is free an hour after the calls that were allowed.
  ports.clock.advance(3_600_000);
  await expect(plane.engine.evaluate(asked)).resolves.toMatchObject({ effect: "allow" });
});

test("Quickstart: the named fields never reach the agent", async () => {
  const { plane } = await runPage("quickstart");
  const outcome = await callTool(plane, asked, () => ({ name: "Ada", ssn: "000-11-2222", api_key: "k" }));
  expect(outcome).toMatchObject({
    status: "ran",
    result: { name: "Ada", ssn: "[REDACTED]", api_key: "[REDACTED]" },
  });
});

test("Quickstart: every evaluation is one record of the audit trail", async () => {
  const { plane } = await runPage("quickstart");
  const records: DecisionRecord[] = [];
  plane.on("decision", (record) => records.push(record));
  await plane.engine.evaluate(asked);
  plane.engine.addPolicy({ id: "closed", blocking: [{ rule: "denylist", tools: ["sql_run"] }] });
  await expect(plane.engine.evaluate(asked)).rejects.toThrow("sql_run");
  await plane.flush();
  expect(records.map(({ decision }) => decision.effect)).toEqual(["allow", "block"]);
});

test("Quickstart: lint says that the allowlist only sees what the selector names", async () => {
  const { plane } = await runPage("quickstart");
  expect(lintOf(plane)).toMatchObject([
    { code: "allowlist_in_tool_selector", policyId: "acme.data-access.v1" },
  ]);
});

test("Live update: a changed policy is in force at the next call", async () => {
  const { plane } = await runPage("quickstart");
  expect(plane.engine.removePolicy("acme.data-access.v1")).toBe(true);
  plane.engine.addPolicy({ id: "closed", blocking: [{ rule: "denylist", tools: ["sql_run"] }] });
  await expect(plane.engine.evaluate(asked)).rejects.toMatchObject({ policyId: "closed" });
});

describe("plug and unplug", () => {
  const billing = callOf("sql_run", { agent: "billing-agent", tenant: "globex" });

  test("Plug: a plugged agent is out while its tenant is", async () => {
    const { plane } = await runPage("plug");
    await expect(plane.engine.evaluate(billing)).resolves.toMatchObject({ effect: "allow" });
    await expect(plane.engine.evaluate({ ...billing, tenant: "acme" })).rejects.toMatchObject({
      name: "PolicyBlocked",
      decision: { cause: "unplugged" },
      reason: expect.stringContaining("security incident"),
    });
    // An agent of the tenant that nobody has ever seen is out as well.
    await expect(plane.engine.evaluate({ ...asked, agent: "brand-new" })).rejects.toThrow();
  });

  test("Plug: no rule is asked about an unplugged agent", async () => {
    const { plane } = await runPage("plug");
    plane.engine.addPolicy({ id: "rate", blocking: [{ rule: "rate", limit: 1, window: "1h" }] });
    const denied = await plane.engine.decide(asked);
    expect(denied).toMatchObject({ effect: "block", cause: "unplugged", findings: [] });
    await plane.controls.plug({ kind: "tenant", id: "acme" }, { by: "security-team" });
    // The denied call has not used the limit of one.
    await expect(plane.engine.evaluate(asked)).resolves.toMatchObject({ effect: "allow" });
  });

  test("Plug: a running call is cut", async () => {
    const { plane } = await runPage("plug");
    const running = callTool(plane, billing, () => new Promise<string>(() => undefined));
    await plane.controls.unplug(
      { kind: "agent", id: "billing-agent" },
      { reason: "out of money", by: "ops-team" },
    );
    await expect(running).resolves.toMatchObject({ status: "blocked", decision: { cause: "unplugged" } });
  });
});

test("Hooks: an attached engine blocks", async () => {
  const { plane, names } = await runPage("hooks");
  const registry = names["registry"];
  if (!(registry instanceof HookRegistry)) throw new Error("the snippet declares a registry");
  const context = plane.guard.context(callOf("delete_user"));
  expect(() => registry.run(context)).toThrow(expect.objectContaining({ name: "PolicyBlocked" }));
  expect(registry.run(plane.guard.context(callOf("read_user")))).toMatchObject({
    tool: { name: "read_user" },
  });
  await plane.controls.unplug({ kind: "agent", id: "my-agent" }, { reason: "stop", by: "ops" });
  expect(() => registry.run(plane.guard.context(callOf("read_user")))).toThrow("stop");
});

test("Escalation: breaches climb from an alert to a block", async () => {
  const { plane, ports } = await runPage("escalation");
  const seen: Pick<Decision, "effect" | "cause" | "modes">[] = [];
  for (let call = 0; call < 5; call++) {
    // oxlint-disable-next-line no-await-in-loop -- calls in order
    const { effect, cause, modes } = await plane.engine.decide(asked);
    seen.push({ effect, cause, modes });
  }
  await plane.flush();
  expect(seen.map(({ effect }) => effect)).toEqual(["allow", "allow", "ask", "block", "block"]);
  expect(ports.logger.entries.map(({ message }) => message).join("\n")).toContain("alert");
  expect(plane.controls.status().modes.map(({ degrade }) => degrade.mode)).toContain("READ_ONLY");
});

test("Escalation: a breach a week ago does not count", async () => {
  const { plane, ports } = await runPage("escalation");
  await plane.engine.decide(asked);
  expect(await plane.engine.decide(asked)).toMatchObject({ effect: "allow", verdict: "escalate" });
  ports.clock.advance(7 * 86_400_000);
  await plane.engine.decide(asked);
  // The first breach in ten minutes again: an alert, not yet a person.
  expect(await plane.engine.decide(asked)).toMatchObject({ effect: "allow", verdict: "escalate" });
  expect(await plane.engine.decide(asked)).toMatchObject({ effect: "ask" });
});
