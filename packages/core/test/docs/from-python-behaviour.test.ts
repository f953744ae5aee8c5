import { createScanner } from "@agentplane/safety";
import { describe, expect, test } from "vitest";

import { isThenable } from "../../src/base/maybe-promise.ts";
import {
  createAgentPlane,
  MODES,
  rule,
  type AuditSink,
  type Mode,
  type PolicyDiff,
} from "../../src/index.ts";
import { createTestPorts } from "../../src/testing/create-test-ports.ts";
import { wordDetector } from "../rules/compile-rule.ts";
import { callTool, runPlane, type RanPage } from "./page-plane.ts";

const runPage = (id: string): Promise<RanPage> => runPlane("docs/from-python.md", id);
const callOf = (tool: string, more: object = {}) =>
  ({ hookpoint: "before_tool_call", agent: "writer", tool, ...more }) as const;

describe("degradation modes", () => {
  test("Modes: READ_ONLY ends by itself after its time", async () => {
    const { plane, ports } = await runPage("modes");
    await expect(plane.engine.evaluate(callOf("write_file"))).rejects.toMatchObject({
      name: "PolicyDegraded",
    });
    await expect(plane.engine.evaluate(callOf("read_file"))).resolves.toMatchObject({ effect: "allow" });
    ports.clock.advance(30 * 60_000);
    await expect(plane.engine.evaluate(callOf("write_file"))).resolves.toMatchObject({ effect: "allow" });
  });

  /** What each mode does to reading a file, writing a file, sending a mail. */
  const EFFECTS: Readonly<Record<Mode, readonly string[]>> = {
    READ_ONLY: ["allow", "block", "block"],
    NO_EXTERNAL: ["allow", "allow", "block"],
    RATE_THROTTLE: ["allow", "block", "block"],
    HUMAN_LOOP: ["ask", "ask", "ask"],
    SAFE_TOOLS_ONLY: ["allow", "block", "block"],
    FULL_BLOCK: ["block", "block", "block"],
  };

  test("Modes: every one of the six acts", async () => {
    const { plane } = await runPage("modes");
    await plane.controls.recover({ kind: "agent", id: "writer" }, { by: "ops-team" });
    for (const mode of MODES) {
      const agent = `agent-${mode}`;
      const perMinute = mode === "RATE_THROTTLE" ? { perMinute: 1 } : {};
      // oxlint-disable-next-line no-await-in-loop -- one mode after the other
      await plane.controls.degrade({ kind: "agent", id: agent }, { mode, ...perMinute }, { by: "ops-team" });
      const effects: string[] = [];
      for (const tool of ["read_file", "write_file", "send_email"]) {
        // oxlint-disable-next-line no-await-in-loop -- calls in order
        effects.push((await plane.engine.decide(callOf(tool, { agent }))).effect);
      }
      expect({ mode, effects }).toEqual({ mode, effects: EFFECTS[mode] });
    }
  });

  test("Modes: the stricter of two modes counts, and each recovers alone", async () => {
    const { plane, ports } = await runPage("modes");
    const scope = { kind: "agent", id: "writer" } as const;
    await plane.controls.degrade(scope, { mode: "FULL_BLOCK", recover: { after: "5m" } }, { by: "ops-team" });
    expect(await plane.engine.decide(callOf("read_file"))).toMatchObject({ effect: "block" });
    ports.clock.advance(5 * 60_000);
    expect(await plane.engine.decide(callOf("read_file"))).toMatchObject({ effect: "allow" });
    expect(await plane.engine.decide(callOf("write_file"))).toMatchObject({
      effect: "block",
      modes: ["READ_ONLY"],
    });
  });

  test("Modes: a mode that waits for quiet ends after it", async () => {
    const { plane, ports } = await runPage("modes");
    const recover = { when: { quietFor: "10m" } } as const;
    await plane.controls.degrade(
      { kind: "agent", id: "other" },
      { mode: "FULL_BLOCK", recover },
      { by: "ops-team" },
    );
    ports.clock.advance(9 * 60_000);
    expect(await plane.engine.decide(callOf("read_file", { agent: "other" }))).toMatchObject({
      effect: "block",
    });
    ports.clock.advance(60_000);
    expect(await plane.engine.decide(callOf("read_file", { agent: "other" }))).toMatchObject({
      effect: "allow",
    });
  });
});

describe("versions", () => {
  test("Versioning: a diff names the parameter that changed", async () => {
    const { names } = await runPage("versioning");
    // The snippet's own `diff`.
    const { rules } = names["changes"] as PolicyDiff;
    expect(rules).toMatchObject([{ change: "changed", ruleId: "rate", values: [{ path: "$.limit" }] }]);
  });

  test("Versioning: a rollback is a new version and keeps the history", async () => {
    const { plane, names } = await runPage("versioning");
    expect(names["v3"]).toMatchObject({ version: 3, rollbackOf: 1 });
    const history = await plane.versions.history("pace");
    expect(history.map(({ changelog }) => changelog)).toEqual([
      "first version",
      "half the pace",
      "too strict",
    ]);
    expect(history[2]?.contentHash).toBe(history[0]?.contentHash);
  });

  test("Versioning: a promotion brings exactly that version", async () => {
    const { plane, names } = await runPage("versioning");
    for (const environment of ["staging", "production"])
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect(await plane.versions.get("pace", environment)).toStrictEqual(names["v3"]);
    // The snippet puts what is live in force.
    expect(plane.engine.policies()).toMatchObject([{ policy: { id: "pace", blocking: [{ limit: 100 }] } }]);
  });

  test("Versioning: every change is in the audit trail", async () => {
    const acts: string[] = [];
    const audit: AuditSink = {
      append: (record) => void (record.kind === "control" && acts.push(`${record.action} ${record.by}`)),
      flush: () => undefined,
      close: () => undefined,
    };
    const { plane } = await runPlane("docs/from-python.md", "versioning", { world: { options: { audit } } });
    await plane.flush();
    expect(acts).toEqual([
      "policy_published mira",
      "policy_published mira",
      "policy_rolled_back jo",
      "policy_promoted jo",
      "policy_promoted mira",
      "policy_added code",
    ]);
  });

  test("Versioning: what is published can be put in force, and the decision names it", async () => {
    const { plane } = await runPage("versioning");
    const newest = (await plane.versions.history("pace")).at(-1);
    if (newest === undefined) throw new Error("the snippet publishes three versions");
    plane.engine.addPolicy(newest.policy);
    const [loaded] = plane.engine.policies();
    expect(loaded?.contentHash).toBe(newest.contentHash);
  });
});

test("Selectors: a policy concerns exactly whom it selects", async () => {
  const { plane } = await runPage("selectors");
  const chosen = { ...callOf("delete_user"), agent: "support-1", tenant: "acme", tags: { env: "prod" } };
  const effectOf = async (change: object): Promise<string> =>
    (await plane.engine.decide({ ...chosen, ...change })).effect;
  expect(await effectOf({})).toBe("block");
  expect(await effectOf({ agent: "support-lead" })).toBe("allow");
  expect(await effectOf({ agent: "billing" })).toBe("allow");
  expect(await effectOf({ tenant: "globex" })).toBe("allow");
  expect(await effectOf({ tool: "read_user" })).toBe("allow");
  expect(await effectOf({ tags: { env: "dev" } })).toBe("allow");
  expect(await effectOf({ tags: {} })).toBe("allow");
});

test("Non-blocking: a watcher runs aside, for blocked calls too", async () => {
  const { plane, ports } = await runPage("non-blocking");
  expect(await plane.engine.decide(callOf("read_user"))).toMatchObject({ effect: "allow" });
  // Decided without a promise, and nothing has been sent by then.
  expect(plane.engine.decide(callOf("delete_user"))).toMatchObject({ effect: "block" });
  expect(ports.logger.entries).toEqual([]);
  await plane.flush();
  expect(ports.logger.entries).toHaveLength(1);
});

test("Embedded: a decision in memory needs no promise", () => {
  const plane = createAgentPlane({
    ports: createTestPorts(),
    policies: [{ id: "pace", blocking: [rule.rate({ limit: 1, window: "1h" })] }],
  });
  const first = plane.engine.decide(callOf("read_file"));
  expect(isThenable(first)).toBe(false);
  expect(first).toMatchObject({ effect: "allow" });
  expect(plane.engine.decide(callOf("read_file"))).toMatchObject({ effect: "block" });
});

test("The stack: a loop is stopped and a slow step is noticed", async () => {
  const ports = createTestPorts();
  const plane = createAgentPlane({
    ports,
    policies: [
      { id: "loops", selector: { tools: ["search"] }, blocking: [rule.loop({ maxRepeats: 2 })] },
      { id: "times", blocking: [rule.sla({ maxStepMs: 1_000 })] },
    ],
  });
  const search = callOf("search", { session: "s", tool: { name: "search", input: { query: "x" } } });
  const ran = async (): Promise<string> => (await callTool(plane, search, () => "found")).status;
  expect([await ran(), await ran(), await ran()]).toEqual(["ran", "ran", "blocked"]);
  const slow = callTool(plane, callOf("slow", { session: "s" }), () => {
    ports.clock.advance(2_000);
    return "late";
  });
  expect(await slow).toMatchObject({ status: "ran" });
  const next = await callTool(plane, callOf("other", { session: "s" }), () => "never");
  expect(next).toMatchObject({ status: "blocked", decision: { policyId: "times" } });
});

test("The stack: toxic language is asked about by a detector of yours", async () => {
  const detectors = [wordDetector("swear", "toxicity", "darn")];
  const plane = createAgentPlane({
    ports: createTestPorts(),
    approvals: { resolver: "external" },
    scanner: createScanner({ detectors }),
    policies: [{ id: "words", blocking: [rule.toxicityScan()] }],
  });
  const said = (content: string) => {
    const model = { name: "small", messages: [{ role: "user", content }] };
    return plane.engine.decide({ hookpoint: "before_model_call", agent: "writer", model });
  };
  expect(await said("darn you")).toMatchObject({ effect: "ask", ruleId: "toxicityScan" });
  expect(await said("thank you")).toMatchObject({ effect: "allow" });
});
