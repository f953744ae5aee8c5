import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { rule, type AgentPlane, type Policy } from "@agentplane/core";
import { describe, expect, onTestFinished, test } from "vitest";

import { answerApprovalFile, keepApprovalFiles } from "../../src/approval/approval-files.ts";
import { callOf, request, wiredRelay, type WiredRelay } from "../wired-relay.ts";

const asking = (by?: "operator"): Policy => ({
  id: "ask",
  blocking: [rule.condition({ where: { tool: "pay" }, then: "escalate" })],
  escalation: [
    {
      trigger: "condition",
      after: 1,
      within: "1h",
      action: { hitl: { timeout: "5m", ...(by !== undefined && { by }) } },
    },
  ],
});
const META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": { elicitation: { form: {} } },
};
const YES = { action: "accept", content: { approve: true } };
const serve = ({ method }: Record<string, unknown>): Record<string, unknown> | undefined =>
  method === "tools/call" || method === "initialize"
    ? { result: { content: [], protocolVersion: "2025-11-25", capabilities: {}, resultType: "complete" } }
    : undefined;
const callsIn = ({ toServer }: WiredRelay): readonly string[] =>
  toServer.filter((text) => text.includes("tools/call"));

/** Asks to pay with arguments as they are written, and brings an answer to the question with others. */
async function paid(wired: WiredRelay, [asked, answered]: readonly [string, string]) {
  const line = (id: number, input: string, more: Record<string, unknown>): string =>
    JSON.stringify(
      request(id, "tools/call", { name: "pay", arguments: "HERE", _meta: META, ...more }),
    ).replace('"HERE"', input);
  wired.client(line(1, asked, {}));
  const { result } = (await wired.answer(1)) as { result: { requestState: string } };
  return {
    async bring() {
      const answers = { inputResponses: { "agentplane/approval": YES } };
      wired.client(line(2, answered, { ...answers, requestState: result.requestState }));
      return wired.answer(2);
    },
  };
}

async function approveAll({ approvals }: AgentPlane): Promise<void> {
  for (const { id } of await approvals.list())
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await approvals.approve(id, { by: "olga", role: "operator" });
}

/** A client whose user can be asked, in both eras. */
async function asker(wired: WiredRelay, elicitation: Record<string, unknown>, era: "legacy" | "modern") {
  if (era === "legacy") {
    wired.client(request(0, "initialize", { capabilities: { elicitation } }));
    await wired.answer(0);
  }
  const meta = { ...META, "io.modelcontextprotocol/clientCapabilities": { elicitation } };
  return (id: number) =>
    wired.client(
      request(id, "tools/call", { name: "pay", arguments: {}, ...(era === "modern" && { _meta: meta }) }),
    );
}

async function openQuestion({ approvals }: AgentPlane): Promise<string> {
  await expect.poll(async () => (await approvals.list()).length).toBe(1);
  return (await approvals.list())[0]?.id ?? "";
}

describe.each(["legacy", "modern"] as const)("of a client of the %s era", (era) => {
  test("the user is not asked where a policy wants an operator; the operator's word counts", async () => {
    const wired = wiredRelay({ policies: [asking("operator")] }, { serve });
    const pay = await asker(wired, { form: {} }, era);
    pay(1);
    await openQuestion(wired.plane);
    wired.client(request(2, "ping"));
    await expect.poll(() => wired.toServer.join()).toContain("ping");
    expect(wired.toClient.join()).not.toMatch(/elicitation|input_required/);
    expect(callsIn(wired)).toStrictEqual([]);
    await approveAll(wired.plane);
    expect(await wired.answer(1)).toHaveProperty("result.content", []);
    expect(callsIn(wired)).toHaveLength(1);
    await wired.plane.close();
  });

  test("the user is not asked where a policy wants two people", async () => {
    const two = { timeout: "5m", approvers: 2, by: "operator" } as const;
    const policy: Policy = {
      ...asking(),
      escalation: [{ trigger: "condition", after: 1, within: "1h", action: { hitl: two } }],
    };
    const planeOptions = { policies: [policy] };
    const identity = { agent: "writer", tenant: "acme", session: "s1", user: "mira" };
    const wired = wiredRelay(planeOptions, { serve, identity });
    (await asker(wired, {}, era))(1);
    const id = await openQuestion(wired.plane);
    await wired.plane.approvals.approve(id, { by: "olga", role: "operator" });
    await wired.plane.approvals.approve(id, { by: "otto", role: "operator" });
    await wired.answer(1);
    expect(wired.toClient.join()).not.toMatch(/elicitation|input_required/);
    await wired.plane.close();
  });

  test("the user is not asked by a form where the client can only open addresses", async () => {
    const wired = wiredRelay({ policies: [asking()] }, { serve, approvalWaitMs: 20 });
    (await asker(wired, { url: {} }, era))(1);
    expect(JSON.stringify(await wired.answer(1))).toContain("Pending approval");
    expect(wired.toClient.join()).not.toMatch(/elicitation\/create|input_required/);
    await wired.plane.close();
  });
});

test.each([
  ["dismisses the question", { result: { action: "cancel" } }],
  ["cannot be asked", { error: { code: -32601, message: "no" } }],
  ["gives no choice", { result: {} }],
])(
  "a call whose user %s is told at once that it waits, and goes on after an operator's word",
  async (_, given) => {
    const wired = wiredRelay({ policies: [asking()] }, { serve });
    const { client, answer, toClient, plane } = wired;
    const pay = await asker(wired, {}, "legacy");
    pay(1);
    await expect.poll(() => toClient.join()).toContain("elicitation/create");
    const { id } = JSON.parse(toClient.at(-1) ?? "") as { id: string };
    client({ jsonrpc: "2.0", id, ...given });
    expect(JSON.stringify(await answer(1))).toContain("Pending approval");
    expect(callsIn(wired)).toStrictEqual([]);
    await approveAll(plane);
    pay(2);
    expect(await answer(2)).toHaveProperty("result.content", []);
    expect(callsIn(wired)).toHaveLength(1);
    await plane.close();
  },
);

test("an operator's answer in a file counts as one, and the question is the owner's alone to read", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "agentplane-mcp-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const directory = path.join(folder, "approvals");
  const wired = wiredRelay({ policies: [asking("operator")] }, { serve });
  const end = await keepApprovalFiles(wired.plane, directory);
  wired.client(callOf(1, "pay"));
  const questions = (): string[] => readdirSync(directory).filter((name) => name.endsWith(".question.json"));
  await expect.poll(questions).toHaveLength(1);
  const [file = ""] = questions();
  const modes = [directory, path.join(directory, file)].map((one) => statSync(one).mode & 0o077);
  // Windows knows no modes: a folder's owner is what its parent says.
  expect(process.platform === "win32" ? [0, 0] : modes).toStrictEqual([0, 0]);
  const id = decodeURIComponent(file.replace(".question.json", ""));
  const reasons: unknown[] = [];
  wired.plane.on(
    "control",
    ({ action, reason }) => void (action === "approval_approved" && reasons.push(reason)),
  );
  await answerApprovalFile(directory, { id, isApproved: true, by: "olga", reason: "ticket 42" });
  expect(await wired.answer(1)).toHaveProperty("result.content", []);
  expect(reasons).toStrictEqual(["ticket 42"]);
  await end();
  await wired.plane.close();
});

test("a question that a shared state has open is in the folder, and stays there when one of its processes ends", async () => {
  const directory = mkdtempSync(path.join(tmpdir(), "agentplane-mcp-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const wired = wiredRelay({ policies: [asking("operator")] }, { serve });
  wired.client(callOf(1, "pay"));
  await openQuestion(wired.plane);
  const questions = (): string[] => readdirSync(directory).filter((name) => name.endsWith(".question.json"));
  const endOne = await keepApprovalFiles(wired.plane, directory, { isShared: true });
  await expect.poll(questions).toHaveLength(1);
  await endOne();
  expect(questions()).toHaveLength(1);
  await (
    await keepApprovalFiles(wired.plane, directory)
  )();
  expect(questions()).toHaveLength(0);
  await wired.plane.close();
});

describe("an approval of 2026-07-28", () => {
  test.each([
    ["the same", '{"n":9007199254740993}', 1],
    ["another, which JavaScript cannot tell from it", '{"n":9007199254740992}', 0],
    ["the same in other words", '{ "n" : 9007199254740993 }', 0],
  ])("is of a number as it is written: %s", async (_name, again, calls) => {
    const wired = wiredRelay({ policies: [asking()] }, { serve });
    const { bring } = await paid(wired, ['{"n":9007199254740993}', again]);
    await bring();
    expect(callsIn(wired)).toHaveLength(calls);
    await wired.plane.close();
  });

  test.each([
    [
      "the agent was stopped",
      ({ controls }: AgentPlane) =>
        controls.unplug({ kind: "agent", id: "writer" }, { by: "olga", reason: "x" }),
    ],
    [
      "the tool was unplugged",
      ({ controls }: AgentPlane) => controls.unplug({ kind: "tool", id: "pay" }, { by: "olga", reason: "x" }),
    ],
    [
      "a policy forbids it",
      async ({ engine }: AgentPlane) =>
        engine.replaceAll("code", {
          apiVersion: "agentplane/v1",
          policies: [asking(), { id: "no-pay", blocking: [rule.denylist({ tools: ["pay"] })] }],
        }),
    ],
  ])("does not let the call go on where meanwhile %s", async (_name, change) => {
    const wired = wiredRelay({ policies: [asking()] }, { serve });
    const { bring } = await paid(wired, ["{}", "{}"]);
    await change(wired.plane);
    const text = JSON.stringify(await bring());
    expect(text).not.toContain('"complete","content":[]');
    expect(wired.toServer.filter((one) => one.includes('"pay"'))).toStrictEqual([]);
    await wired.plane.close();
  });
});

test("an approval that nobody gives is not waited for longer than the options say", async () => {
  const wired = wiredRelay({ policies: [asking()] }, { serve, approvalWaitMs: 20 });
  wired.client(callOf(1, "pay"));
  expect(await wired.answer(1)).toHaveProperty("result.isError", true);
  expect(wired.toServer).toStrictEqual([]);
  await wired.plane.close();
});
