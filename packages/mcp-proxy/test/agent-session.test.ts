import { memorySink, rule, type AuditRecord, type PlaneOptions, type Policy } from "@agentplane/core";
import { describe, expect, test } from "vitest";

import { callOf, request, wiredRelay, type WiredRelay } from "./wired-relay.ts";

const META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": { elicitation: {} },
};
const INITIALIZE = request(0, "initialize", { protocolVersion: "2025-11-25", capabilities: {} });
const MAY_BEGIN: Policy = {
  id: "may-begin",
  blocking: [rule.condition({ where: { hookpoint: "before_agent" }, then: "allow" })],
};
const MAY_FIND: Policy = { id: "may-find", blocking: [rule.allowlist({ tools: ["find"] })] };
const NO_RUNS: Policy = {
  id: "no-runs",
  blocking: [rule.condition({ where: { hookpoint: "before_agent" }, then: "block" })],
};

const doc = (policies: readonly Policy[]) => ({ apiVersion: "agentplane/v1", policies }) as const;

function wired(planeOptions: PlaneOptions = {}): WiredRelay & { runs(): readonly AuditRecord[] } {
  const audit = memorySink();
  const made = wiredRelay(
    { audit, ...planeOptions },
    {
      approvalWaitMs: 5_000,
      serve: ({ method }) =>
        method === "initialize"
          ? { result: { protocolVersion: "2025-11-25", capabilities: { tools: {} } } }
          : { result: { tools: [{ name: "find" }, { name: "wipe" }], content: [] } },
    },
  );
  const runs = (): readonly AuditRecord[] =>
    audit
      .records()
      .filter((record) => record.kind === "decision" && record.decision.hookpoint === "before_agent");
  return { ...made, runs };
}

describe("a session is one run of the agent", () => {
  test("that begins with initialize, is decided once however many requests follow, and ends with the session", async () => {
    const audit = memorySink();
    const { client, answer, relay, plane, toServer } = wired({ audit, policies: [MAY_BEGIN, MAY_FIND] });
    client(INITIALIZE);
    await answer(0);
    client(request(1, "tools/list"));
    client(request(2, "unheard/of"));
    client(callOf(3, "find"));
    await Promise.all([1, 2, 3].map(answer));
    expect(toServer).toHaveLength(4);
    const of = (kind: string): unknown[] =>
      audit.records().filter((record) => JSON.stringify(record).includes(kind));
    expect(of('"before_agent"')).toHaveLength(1);
    await relay.close();
    const [decision] = of('"before_agent"') as { decision: { id: string } }[];
    expect(audit.records()).toContainEqual(
      expect.objectContaining({ kind: "outcome", decisionId: decision?.decision.id, outcome: "ran" }),
    );
    await plane.close();
  });

  test.each([
    ["server/discover", request("d", "server/discover", { _meta: META })],
    ["a tools/call", request("d", "tools/call", { name: "find", arguments: {}, _meta: META })],
  ])("that begins with %s where there is no initialize", async (_what, first) => {
    const { client, answer, plane, runs } = wired();
    client(first);
    client(request("e", "tools/list", { _meta: META }));
    await Promise.all([answer("d"), answer("e")]);
    expect(runs()).toHaveLength(1);
    await plane.close();
  });

  test("that no rule names does not begin under a default of block: the server is not asked, and the reason says which rule to add", async () => {
    const { client, answer, plane, toServer, runs } = wired({ defaultEffect: "block", policies: [MAY_FIND] });
    client(INITIALIZE);
    expect(JSON.stringify(await answer(0))).toContain("not allowed here");
    client(callOf(1, "find"));
    expect(await answer(1)).toHaveProperty("error");
    expect(toServer).toStrictEqual([]);
    expect(runs()[0]).toMatchObject({
      decision: { reason: expect.stringContaining("hookpoint: before_agent") },
    });
    await plane.close();
  });

  test("under a default of block goes on with what its rules name, and lists what they allow", async () => {
    const { client, answer, plane } = wired({ defaultEffect: "block", policies: [MAY_BEGIN, MAY_FIND] });
    client(INITIALIZE);
    expect(await answer(0)).toHaveProperty("result");
    client(request(1, "tools/list"));
    expect(await answer(1)).toMatchObject({ result: { tools: [{ name: "find" }] } });
    client(callOf(2, "find"));
    expect(await answer(2)).toMatchObject({ result: { content: [] } });
    client(callOf(3, "wipe"));
    expect(JSON.stringify(await answer(3))).not.toContain("decisionId");
    client(request(4, "logging/setLevel", { level: "info" }));
    expect(await answer(4)).toHaveProperty("result");
    await plane.close();
  });

  test("that has not begun carries no notification to the server either", async () => {
    const { client, answer, plane, toServer } = wired({ policies: [NO_RUNS] });
    const told = { jsonrpc: "2.0", method: "notifications/unheard", params: { words: "all of it" } };
    client(told);
    client(INITIALIZE);
    await answer(0);
    client(told);
    await new Promise((resolve) => setImmediate(resolve));
    expect(toServer).toStrictEqual([]);
    plane.engine.replaceAll("code", doc([]));
    client({ ...INITIALIZE, id: 2 });
    await answer(2);
    client(told);
    expect(toServer.map((text) => (JSON.parse(text) as { method: string }).method)).toStrictEqual([
      "initialize",
      "notifications/unheard",
    ]);
    await plane.close();
  });

  test("that was refused is decided anew by the next request, and begins when it may", async () => {
    const { client, answer, plane } = wired({ policies: [NO_RUNS] });
    client(INITIALIZE);
    expect(await answer(0)).toHaveProperty("error.data.policy", "no-runs");
    client(callOf(1, "find"));
    expect(await answer(1)).toHaveProperty("error.data.policy", "no-runs");
    plane.engine.replaceAll("code", doc([]));
    client({ ...INITIALIZE, id: 2 });
    expect(await answer(2)).toHaveProperty("result");
    await plane.close();
  });

  test("goes on where a rule about runs came later, but not when its agent is stopped or fully blocked", async () => {
    const { client, answer, plane } = wired({ defaultEffect: "block", policies: [MAY_BEGIN] });
    client(INITIALIZE);
    await answer(0);
    plane.engine.replaceAll("code", doc([NO_RUNS]));
    client(request(1, "resources/unsubscribe", { uri: "a:b" }));
    expect(await answer(1)).toHaveProperty("result");
    await plane.controls.degrade({ kind: "agent", id: "writer" }, "FULL_BLOCK", { by: "olga" });
    client(request(2, "resources/unsubscribe", { uri: "a:b" }));
    expect(await answer(2)).toHaveProperty("error");
    await plane.controls.recover({ kind: "agent", id: "writer" }, { by: "olga" });
    await plane.controls.unplug({ kind: "agent", id: "writer" }, { by: "olga", reason: "x" });
    client(request(3, "resources/unsubscribe", { uri: "a:b" }));
    expect(JSON.stringify(await answer(3))).toContain("stopped by an operator");
    await plane.close();
  });

  test("that needs a person waits for one, and a client that has not begun is not asked", async () => {
    const ask: Policy = {
      id: "ask",
      blocking: [rule.condition({ where: { hookpoint: "before_agent" }, then: "escalate" })],
    };
    const { client, answer, plane, toClient } = wired({ policies: [ask] });
    const open: string[] = [];
    plane.approvals.subscribe(({ id, status }) => void (status === "pending" && open.push(id)));
    client(request(0, "initialize", { protocolVersion: "2025-11-25", capabilities: { elicitation: {} } }));
    client(callOf(1, "find"));
    await expect.poll(() => open.length).toBe(1);
    expect(toClient).toStrictEqual([]);
    await plane.approvals.approve(open[0] ?? "", { by: "olga", role: "operator" });
    expect(await answer(0)).toHaveProperty("result");
    expect(await answer(1)).toHaveProperty("result");
    await plane.close();
  });
});
