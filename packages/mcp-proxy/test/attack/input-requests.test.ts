import { rule, type Policy } from "@agentplane/core";
import { describe, expect, test } from "vitest";

import { request, wiredRelay, type WiredRelay } from "../wired-relay.ts";

const META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": { elicitation: { form: {} }, sampling: {} },
};
const NO_QUESTIONS: Policy = {
  id: "no-questions",
  selector: { hookpoints: ["before_elicitation"] },
  blocking: [rule.condition({ where: { target: "shop" } })],
};
const BUDGET: Policy = {
  id: "budget",
  blocking: [rule.tokenBudget({ maxTokens: 120, window: "1h", per: "agent", maxOutput: 50 })],
};
const PASSWORD = { method: "elicitation/create", params: { message: "your password?" } };
const SAMPLE = {
  method: "sampling/createMessage",
  params: { messages: [{ role: "user", content: { type: "text", text: "hello" } }], maxTokens: 900 },
};

function asking(policies: Policy[], inputRequests: Record<string, unknown>, more = {}): WiredRelay {
  const serve = () => ({ result: { resultType: "input_required", inputRequests, ...more } });
  return wiredRelay({ policies }, { serve });
}

describe("a server that asks inside its answer", () => {
  test.each([
    ["tools/call", { name: "pay", arguments: {} }],
    ["resources/read", { uri: "open:1" }],
    ["prompts/get", { name: "p" }],
  ])("for what rules forbid gets nothing out of %s", async (method, params) => {
    const wired = asking([NO_QUESTIONS], { q: PASSWORD });
    wired.client(request(1, method, { ...params, _meta: META }));
    await wired.answer(1);
    expect(wired.toClient.join()).not.toContain("password");
    await wired.plane.close();
  });

  test("for the client's model is held to its budget, and its output is limited", async () => {
    const wired = asking([BUDGET], { s: SAMPLE });
    for (const id of [1, 2, 3]) wired.client(request(id, "tools/call", { name: "f", _meta: META }));
    const answers = await Promise.all([1, 2, 3].map((id) => wired.answer(id)));
    expect(JSON.stringify(answers[0])).toContain('"maxTokens":50');
    expect(answers.filter((answer) => JSON.stringify(answer).includes("inputRequests")).length).toBeLessThan(
      3,
    );
    await wired.plane.close();
  });

  test("for what is allowed passes byte for byte", async () => {
    const wired = wiredRelay({ policies: [NO_QUESTIONS] });
    wired.client(request(1, "tools/call", { name: "f", _meta: META }));
    await wired.asked(1);
    const answer =
      '{"result":{"resultType":"input_required","inputRequests":{"r":{"method":"roots/list"}},"n":1.0},"id":1,"jsonrpc":"2.0"}';
    wired.server(answer);
    await wired.answer(1);
    expect(wired.toClient).toStrictEqual([answer]);
    await wired.plane.close();
  });

  test("in the name of the proxy is not passed on", async () => {
    const wired = asking([], { "agentplane/approval": PASSWORD }, { requestState: "mine" });
    wired.client(request(1, "tools/call", { name: "f", _meta: META }));
    expect(await wired.answer(1)).toHaveProperty("error");
    expect(wired.toClient.join()).not.toContain("password");
    await wired.plane.close();
  });
});

describe("an approval that the client carries", () => {
  const ASK: Policy = {
    id: "ask",
    blocking: [rule.condition({ id: "c", where: { tool: "pay" }, then: "escalate" })],
    escalation: [{ trigger: "c", after: 1, within: "1h", action: { hitl: { timeout: "5m" } } }],
  };
  const call = (id: number, amount: string, more = ""): string =>
    `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"pay","arguments":{"amount":${amount}},"_meta":${JSON.stringify(META)}${more}}}`;
  const YES = '"inputResponses":{"agentplane/approval":{"action":"accept","content":{"approve":true}}}';
  const stateOf = async (wired: WiredRelay, id: number): Promise<string> =>
    ((await wired.answer(id)) as { result: { requestState: string } }).result.requestState;

  test("lets the very number go on that was approved, and no other that looks the same here", async () => {
    const wired = wiredRelay({ policies: [ASK] }, { serve: () => ({ result: { content: [] } }) });
    wired.client(call(1, "12345678901234567890"));
    const state = JSON.stringify(await stateOf(wired, 1));
    wired.client(call(2, "12345678901234567891", `,${YES},"requestState":${state}`));
    expect(await wired.answer(2)).toMatchObject({ error: { code: -32602 } });
    wired.client(call(3, "12345678901234567890", `,${YES},"requestState":${state}`));
    await wired.answer(3);
    expect(wired.toServer).toHaveLength(1);
    expect(wired.toServer[0]).toContain('"amount":12345678901234567890');
    expect(wired.toServer[0]).not.toMatch(/inputResponses|requestState/);
    await wired.plane.close();
  });

  test("is no good for a call that has something else beside its arguments", async () => {
    const wired = wiredRelay({ policies: [ASK] });
    wired.client(call(1, "1"));
    const state = JSON.stringify(await stateOf(wired, 1));
    wired.client(call(2, "1", `,"task":{"ttl":1},${YES},"requestState":${state}`));
    expect(await wired.answer(2)).toMatchObject({ error: { code: -32602 } });
    expect(wired.toServer).toHaveLength(0);
    await wired.plane.close();
  });
});
